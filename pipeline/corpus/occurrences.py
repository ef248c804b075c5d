"""How often a key was met before, over any number of keys, in eight bytes each."""

import secrets
from collections.abc import Iterable, Sequence
from itertools import pairwise
from mmap import mmap
from typing import Any

import numpy as np

from pipeline.corpus.cuts import PADDING, Places, words_of

__all__ = ["Keys", "Occurrences", "keys_of_digests", "keys_of_slices", "keys_of_texts"]

RUNS, WORD = 256, 8
FULL = np.uint64(2**64 - 1)
ODD = np.frombuffer(secrets.token_bytes(9 * WORD), np.uint64) | np.uint64(1)  # so that nobody can make ids that are taken for one
Keys = np.ndarray[Any, np.dtype[np.uint64]]
Counts = np.ndarray[Any, np.dtype[np.int64]]


def keys_of_texts(texts: Sequence[bytes]) -> Keys:
    """Make keys of ids in UTF-8, which are others in each process."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return keys_of_slices(words_of(b"".join(texts) + bytes(PADDING)), np.cumsum(lengths) - lengths, lengths)


def keys_of_slices(words: np.ndarray[Any, np.dtype[np.uint64]], begins: Places, lengths: Places) -> Keys:
    """Make keys of ids that stand in a row of bytes, as `keys_of_texts` does.

    :param words: the bytes, as `words_of` gives them.
    """
    keys: Keys = np.multiply.outer(lengths.astype(np.uint64), ODD[:2])
    at = np.arange(len(begins))
    for start in range(0, int(lengths.max(initial=0)), WORD):
        at = at[lengths[at] > start]
        left = np.minimum(lengths[at] - start, WORD).astype(np.uint64)
        word = words[begins[at] + start] & (FULL >> (np.uint64(64) - np.uint64(8) * left))
        mixed = keys[at] ^ _rotated(np.multiply.outer(word, ODD[2:4]), 31) * ODD[4]
        keys[at] = _rotated(mixed, 27) * ODD[5] + ODD[6]
    for shift, factor in ((33, ODD[7]), (29, ODD[8]), (32, np.uint64(1))):
        keys = (keys ^ (keys >> np.uint64(shift))) * factor
    return keys


def _rotated(values: Keys, bits: int) -> Keys:
    return (values << np.uint64(bits)) | (values >> np.uint64(64 - bits))


def keys_of_digests(digests: Iterable[Any]) -> Keys:
    """Make keys of hashes of 16 bytes."""
    keys: Keys = np.ascontiguousarray(digests, dtype=np.uint8).view(np.uint64)
    return keys


class Occurrences:
    """Count keys by 72 of their bits: 8 say in which of the sorted runs a key stands, and 64 stand there.

    That two of a hundred million keys are taken for one has a chance of one in a million.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._runs: list[Keys] = [np.empty(0, np.uint64) for _ in range(RUNS)]

    def earlier(self, keys: Keys) -> Counts:
        """Say of each key how often it came before, among these in their order too, and keep them all.

        :param keys: of shape (keys, 2).
        """
        values, runs = keys[:, 0], keys[:, 1] >> np.uint64(56)
        order = np.argsort((runs << np.uint64(56)) | (values >> np.uint64(8)), kind="stable")  # by run, and within it by value
        values, runs = values[order], runs[order]
        counts = _rank_among_equals(values, runs)
        bounds = np.searchsorted(runs, np.arange(RUNS + 1, dtype=np.uint64))
        for number, (start, end) in enumerate(pairwise(bounds)):
            if start < end:
                here, run = slice(start, end), self._runs[number]
                first = np.searchsorted(run, values[here])
                counts[here] += np.searchsorted(run, values[here], side="right") - first
                self._runs[number] = _with(run, values[here], first)
        found = np.empty_like(counts)
        found[order] = counts
        return found


def _with(run: Keys, values: Keys, places: Places) -> Keys:
    """Put values into a sorted run, in memory of its own: on the heap, what stays would hold fast what the work on each batch leaves free."""
    made: Keys = np.frombuffer(mmap(-1, (len(run) + len(values)) * run.itemsize), np.uint64)
    new = np.zeros(len(made), dtype=bool)
    new[places + np.arange(len(values))] = True
    made[new], made[~new] = values, run
    return made


def _rank_among_equals(values: Keys, runs: Keys) -> Counts:
    places = np.arange(len(values), dtype=np.int64)
    new = np.ones(len(values), dtype=bool)
    new[1:] = (values[1:] != values[:-1]) | (runs[1:] != runs[:-1])
    return places - np.maximum.accumulate(np.where(new, places, 0)) if len(values) else places
