"""Signatures by which near copies meet: MinHash over pieces of five characters (Broder, 1997), cut into bands.

Two texts with a share s of common pieces have the same value in a band with probability s^5, and so meet in one of 20 bands
with 1 - (1 - s^5)^20: 0.98 at 0.7, 0.9996 at 0.8. Pieces of characters serve every script, and short texts better than words do.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from pipeline.ids import content_id

__all__ = ["BANDS", "Bands", "Pieces", "pieces", "sign", "signature_spec", "similarity"]

Bands = npt.NDArray[np.uint32]
Pieces = npt.NDArray[np.uint64]  # hashes, sorted, each once
METHOD = 1  # raise it whenever other signatures would come out of the same texts
BANDS, ROWS = 20, 5
PIECE = 5  # characters
SEED = 1
AT_ONCE = 1 << 21  # characters of the texts that are signed together
BETWEEN = re.compile(r"[\W_]+")
PLAIN = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
ODD = np.random.default_rng(SEED).integers(1, 1 << 63, size=max(ROWS, PIECE) + 1, dtype=np.uint64) | np.uint64(1)
HALF = np.uint64(32)


def signature_spec() -> str:
    """Hash what determines a signature beside the text."""
    return content_id("signature", [METHOD, int(RMinHash.ALGORITHM_VERSION), PIECE, BANDS, ROWS, SEED])


def pieces(texts: Sequence[str]) -> list[Pieces]:
    """Cut each text into all its pieces of five characters, without case, punctuation and forms of letters; a shorter text is one piece."""
    cut = [(flat, starts.astype(np.intp)) for flat, starts in map(_pieces, _parts(texts))]
    return [np.unique(flat[start:end]) for flat, starts in cut for start, end in pairwise(starts.tolist())]


def similarity(one: Pieces, other: Pieces) -> float:
    """Give the share of the pieces of both that they have in common (Jaccard), 0 to 1."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def sign(texts: Sequence[str]) -> Bands:
    """Give the hash of each band of each text's signature, (n, 20)."""
    parts = [_signed(list(part)) for part in _parts(texts)]
    return np.concatenate(parts) if parts else np.zeros((0, BANDS), dtype=np.uint32)


def _signed(texts: Sequence[str]) -> Bands:
    flat, starts = _pieces(texts)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, starts, BANDS * ROWS, SEED)
    rows = np.asarray(matrix.to_rows(), dtype=np.uint64).reshape(-1, BANDS, ROWS)
    return np.asarray((rows * ODD[:ROWS]).sum(axis=2, dtype=np.uint64) >> HALF, dtype=np.uint32)


def _pieces(texts: Sequence[str]) -> tuple[Pieces, npt.NDArray[np.uint64]]:
    """Hash the pieces of some texts, one text after the other, and give where those of each begin, and where the last end."""
    plain = [_plain(text).ljust(PIECE, "\0") for text in texts]
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    count = len(codes) - PIECE + 1
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(PIECE):
        hashes += codes[place : place + count] * ODD[place]
    hashes = (hashes ^ (hashes >> HALF)) * ODD[PIECE]  # so that all digits of a hash depend on all characters
    lengths = np.array([len(text) for text in plain])
    ends = np.cumsum(lengths)
    inside = np.ones(count, dtype=bool)
    inside[(ends[:-1, None] - np.arange(1, PIECE)).reshape(-1)] = False  # pieces of two texts
    return hashes[inside], np.concatenate([[0], np.cumsum(lengths - PIECE + 1)]).astype(np.uint64)


def _plain(text: str) -> str:
    if text.isascii():
        return " ".join(text.translate(PLAIN).split()) or text.strip()
    return BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip() or text.strip()


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Part texts so that no part holds many characters."""
    start = characters = 0
    for place, text in enumerate(texts):
        characters += len(text)
        if characters > AT_ONCE:
            yield texts[start : place + 1]
            start, characters = place + 1, 0
    if start < len(texts):
        yield texts[start:]
