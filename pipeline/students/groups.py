"""Which documents say the same: copies and near copies may not stand on both sides of a split."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.embedding import Matrix

__all__ = ["same_groups"]

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
