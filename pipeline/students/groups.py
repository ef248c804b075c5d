"""Which documents say the same: copies and near copies may not stand on both sides of a split."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.embedding import Matrix

__all__ = ["joined_groups", "numbered_groups", "same_groups"]

Ints = npt.NDArray[np.intp]
SAME = 0.97  # cosine from which two texts are one that was edited
BLOCK = 1024


def same_groups(vectors: Matrix, *, at: float = SAME) -> Ints:
    """Number the groups of documents that are linked by cosines of at least `at`; a document like no other is its own group.

    :param vectors: shape (n, d), rows of length 1.
    """
    rows, columns = [], []
    for start in range(0, len(vectors), BLOCK):
        row, column = np.nonzero(vectors[start : start + BLOCK] @ vectors.T >= at)
        rows.append(row + start)
        columns.append(column)
    if not rows:
        return np.zeros(0, dtype=np.intp)
    pairs = (np.concatenate(rows), np.concatenate(columns))
    links = coo_array((np.ones(len(pairs[0]), dtype=np.int8), pairs), shape=(len(vectors), len(vectors)))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.intp)


def numbered_groups(names: Sequence[str]) -> Ints:
    """Number groups by the names that their documents bear, (n,)."""
    return np.asarray(np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)[1].reshape(-1), dtype=np.intp)


def joined_groups(first: Ints, second: Ints) -> Ints:
    """Number the groups of documents that are linked by either of two groupings, (n,); the first alone where the second is empty."""
    if not len(second):
        return first
    shift = int(first.max()) + 1 if len(first) else 0
    nodes = shift + (int(second.max()) + 1 if len(second) else 0)
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second + shift)), shape=(nodes, nodes))
    return np.asarray(connected_components(links, directed=False)[1][first], dtype=np.intp)
