"""Which texts are compared, and how alike they are.

Of the texts that share a band, each is compared with the first and with the one before it: copies in great number, as of a
form letter, then cost two comparisons each and not their square. A new text is compared as if all had come at once.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pipeline.duplicates.signatures import Bands, pieces, similarity

__all__ = ["Pairs", "candidate_pairs", "similarities"]

Pairs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
BITS = np.int64(32)  # of a place, of which there are two in a number


def candidate_pairs(bands: Bands, fresh: Bools) -> Pairs:
    """Give the pairs of places (later, earlier) that share a band and of which the later one is fresh; (m, 2), each once, by the earlier one.

    :param bands: (n, b), in the order in which texts were signed.
    :param fresh: which have not been compared yet, (n,).
    """
    found = np.zeros(0, dtype=np.int64)
    for column in bands.T:
        found = np.union1d(found, _sharing(column, fresh))
    return np.stack([found & ((1 << BITS) - 1), found >> BITS], axis=1)


def _sharing(column: Bands, fresh: Bools) -> Pairs:
    """Give the pairs that share the value of one band, as earlier * 2^32 + later."""
    order = np.argsort(column, kind="stable").astype(np.int64)  # stable, so that of equal values the earliest comes first
    same = np.zeros(len(order), dtype=bool)
    same[1:] = column[order[1:]] == column[order[:-1]]
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    places = np.flatnonzero(same & fresh[order])
    later = order[places]
    return np.concatenate([(order[earlier] << BITS) + later for earlier in (first[places], places - 1)])


def similarities(pairs: Pairs, texts: Mapping[int, str]) -> Floats:
    """Measure exactly how alike the texts of each pair are, (m,)."""
    cut = dict(zip(texts, pieces(list(texts.values())), strict=True))
    return np.array([similarity(cut[one], cut[other]) for one, other in pairs.tolist()], dtype=np.float64)
