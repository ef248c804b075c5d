"""The hashes of `pipeline/ids.py` for many values at once, as Arrow columns.

What is hashed comes as the bytes of its canonical JSON, so that nothing is parsed or spelled here.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.ids import hash_start

__all__ = ["Digests", "digests_of", "ids_of", "order_keys"]

Digests = np.ndarray[Any, np.dtype[np.uint8]]
PAIRS = np.frombuffer("".join(f"{number:02x}" for number in range(256)).encode(), np.uint16)
END = np.frombuffer(b'"]]', np.uint8)


def digests_of(kind: str, pieces: Iterable[bytes], opening: bytes = b"") -> Digests:
    """Hash canonical JSON, each with the `]` that ends it, to rows of 16 bytes.

    :param opening: with what each begins that is not in its piece.
    """
    start = hash_start(kind)
    start.update(opening)
    return _digests(start, pieces)


def ids_of(kind: str, digests: Digests) -> pa.Array:
    """Spell hashes as `content_id` does, as a column of text."""
    tag = np.frombuffer(f"{kind}:".encode(), np.uint8)
    rows = np.empty((len(digests), len(tag) + 2 * digests.shape[1]), np.uint8)
    rows[:, : len(tag)] = tag
    rows[:, len(tag) :] = _hexadecimal(digests)
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(rows))


def order_keys(text_digests: Digests, seed: int) -> pa.Array:
    """Give the places of texts in the seeded order, from their hashes, as `order_key` does."""
    start = hash_start("order")
    start.update(f'[{seed},"text:'.encode())
    width = 2 * text_digests.shape[1]
    rows = np.empty((len(text_digests), width + len(END)), np.uint8)
    rows[:, :width] = _hexadecimal(text_digests)
    rows[:, width:] = END
    return ids_of("order", _digests(start, rows.view(f"S{rows.shape[1]}").ravel().tolist()))


def _digests(start: "hashlib.blake2b", pieces: Iterable[bytes]) -> Digests:
    copy, found = start.copy, []
    for piece in pieces:
        state = copy()
        state.update(piece)
        found.append(state.digest())
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, start.digest_size)


def _hexadecimal(digests: Digests) -> Digests:
    return PAIRS[digests].view(np.uint8).reshape(len(digests), 2 * digests.shape[1])
