"""Take a random part of the corpus that does not depend on the order of rows or files.

A row is in or out by the hash of its id, or of its text where the corpus has no ids, so that exact duplicates go together. By `share`
it is in where the hash lies below a threshold: what was in stays in when the corpus grows. By `rows` the threshold is the so-many-th
least hash, which takes a first pass over the corpus; when it grows, rows with greater hashes give way to new ones.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipeline.corpus.rows import RawRow
from pipeline.corpus_settings import SampleSettings

__all__ = ["HASHES", "place_of", "sample_hash", "sample_rows", "threshold_of"]

HASHES = 2**64  # number of hash values
Key = Callable[[Mapping[str, Any]], str | None]


def sample_rows(read: Callable[[], Iterable[RawRow]], wanted: SampleSettings, key: Key) -> Iterator[RawRow]:
    """Give the rows of a corpus that are in its sample, in their order, and all that cannot be used: they become rejects.

    :param read: reads the corpus from its start; called twice where so many rows are wanted.
    :param key: gives what a row is chosen by, None where it has no such thing.
    """
    threshold = int(wanted.share * HASHES) if wanted.share is not None else threshold_of(hashes(read(), wanted.seed, key), wanted.rows or 0)
    for row in read():
        place = place_of(row, wanted.seed, key)
        if place is None or place < threshold:
            yield row


def hashes(rows: Iterable[RawRow], seed: int, key: Key) -> Iterator[int]:
    """Hash the rows that can be chosen."""
    for row in rows:
        place = place_of(row, seed, key)
        if place is not None:
            yield place


def threshold_of(places: Iterable[int], count: int) -> int:
    """Give the number below which the `count` least distinct ones lie; memory grows with `count` alone."""
    kept: set[int] = set()
    greatest: list[int] = []  # of those kept, as a heap of their negatives
    for place in places:
        if place in kept or (len(kept) == count and place >= -greatest[0]):
            continue
        if len(kept) == count:
            kept.remove(-heapq.heappushpop(greatest, -place))
        else:
            heapq.heappush(greatest, -place)
        kept.add(place)
    return HASHES if len(kept) < count else -greatest[0] + 1


def place_of(row: RawRow, seed: int, key: Key) -> int | None:
    """Hash what a row is chosen by; None where it cannot be used."""
    chosen_by = None if row.values is None else key(row.values)
    if chosen_by is None:
        return None
    state = sample_hash(seed)
    state.update(chosen_by.encode("utf-8", "surrogatepass"))
    return int.from_bytes(state.digest())


def sample_hash(seed: int) -> "hashlib.blake2b":
    """Start the hash of a row, to be copied for many: what it lacks is what the row is chosen by."""
    return hashlib.blake2b(f"{seed}\0".encode(), digest_size=8, person=b"sample")
