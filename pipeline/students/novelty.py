"""How little a document looks like those that a student has learnt from, by its vector alone.

Two lengths are added up: the cosine distance to the nearest of at most 64 centres (k-means), and how much of the vector lies outside
the 64 main directions. Both come of one product with a matrix of at most 128 rows, so that scoring stays cheap. The sum becomes a
score by where it lies among those of the training documents, each measured by centres and directions that were found without it:
documents like these have scores spread evenly from 0 to 1.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize

from pipeline.embedding import Matrix

__all__ = ["Novelty", "fit_novelty"]

CENTRES = AXES = 64
A_CENTRE = 4  # training vectors at least, for each centre and direction
MOST = 5000  # training vectors that are looked at
FOLDS, MORE_FOLDS = 5, 20  # where centres found without a fold are about as good as all, and where there are too few documents for that
FEW = 500
KNOTS = 257
FARTHEST = 3.0  # 2 from the centre, 1 outside the directions


@dataclass(frozen=True, eq=False)
class Novelty:
    """What a student keeps of the documents that it has learnt from."""

    centres: Matrix  # (c, d), rows of length 1
    axes: Matrix  # (a, d), rows of length 1, at right angles
    knots: Matrix  # (m,) distances, rising
    levels: Matrix  # (m,) their scores, rising from 0 to 1

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Matrix]) -> "Novelty":
        """Read what `as_arrays` gave."""
        return cls(arrays["centres"], arrays["axes"], arrays["knots"], arrays["levels"])

    def as_arrays(self) -> dict[str, Matrix]:
        """Give the parts as float32 arrays by name."""
        return {"centres": self.centres, "axes": self.axes, "knots": self.knots, "levels": self.levels}

    def score(self, vectors: Matrix) -> Matrix:
        """Score documents (n,), 0 to 1: spread evenly for those like the training documents, near 1 for others.

        A score is the share of training documents that are as near or nearer: 0.99 means that 1 in 100 of them looks as strange.

        :param vectors: shape (n, d), rows of length 1.
        :raises ValueError: where the vectors have another length or are not finite.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.centres.shape[1]:
            raise ValueError(f"vectors have the shape {vectors.shape}; expected (n, {self.centres.shape[1]}), as the student has learnt from")
        distances = _distances(vectors, self.centres, self.axes)
        unclear = np.flatnonzero(~np.isfinite(distances))
        if len(unclear):
            raise ValueError(f"{len(unclear)} of {len(vectors)} vectors, as row {unclear[0]}, are not finite")
        return np.interp(distances, self.knots, self.levels).astype(np.float32)


def fit_novelty(vectors: Matrix, *, seed: int) -> Novelty:
    """Remember what training documents look like, 5,000 of them at most, chosen at random.

    :param vectors: shape (n, d), rows of length 1: of all documents that the student has learnt from, unlabelled ones as well.
    :raises ValueError: where there is none, or one is not finite.
    """
    if vectors.ndim != 2 or not len(vectors):
        raise ValueError(f"vectors have the shape {vectors.shape}; expected a row for each document and at least 1 document")
    unclear = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(unclear):
        raise ValueError(f"{len(unclear)} of {len(vectors)} vectors, as row {unclear[0]}, are not finite")
    order = np.random.default_rng(seed).permutation(len(vectors))[:MOST]
    rows = np.asarray(vectors[order], dtype=np.float32)
    parts = np.arange(len(rows)) % (FOLDS if len(rows) >= FEW else MORE_FOLDS)
    most = max(1, len(rows) // A_CENTRE)
    left_out = np.zeros(len(rows), dtype=np.float32)
    for part in np.unique(parts):
        rest = rows[parts != part] if len(rows) > 1 else rows
        left_out[parts == part] = _distances(rows[parts == part], *_shape(rest, most, seed))
    knots, levels = _ranks(left_out)
    return Novelty(*_shape(rows, most, seed), knots, levels)


def _shape(rows: Matrix, most: int, seed: int) -> tuple[Matrix, Matrix]:
    """Find centres and main directions, at most so many of each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # where fewer vectors differ than there are centres
        centres = KMeans(min(CENTRES, most), n_init=1, max_iter=30, random_state=seed).fit(rows).cluster_centers_
    spread = rows.T.astype(np.float64) @ rows
    axes = np.linalg.eigh(spread)[1][:, ::-1][:, : min(AXES, most)].T
    return np.asarray(normalize(centres), dtype=np.float32), np.asarray(axes, dtype=np.float32)


def _distances(vectors: Matrix, centres: Matrix, axes: Matrix) -> Matrix:
    products = vectors @ np.concatenate([centres, axes]).T
    near, along = products[:, : len(centres)].max(axis=1), products[:, len(centres) :]
    return np.asarray((1 - near) + (1 - np.einsum("na,na->n", along, along)), dtype=np.float32)


def _ranks(distances: Matrix) -> tuple[Matrix, Matrix]:
    """Give distances and the scores between which a new one's is read off; beyond all of them scores still rise."""
    shares = np.linspace(0, 1, min(KNOTS, len(distances)))
    knots, first, same = np.unique(np.quantile(distances, shares), return_index=True, return_counts=True)
    ranks = (shares[first] + shares[first + same - 1]) / 2 * (len(distances) - 1)
    knots = np.concatenate([[min(-1.0, knots[0] - 1)], knots, [max(FARTHEST, knots[-1] + 1)]])
    levels = np.concatenate([[0.0], (ranks + 1) / (len(distances) + 1), [1.0]])
    return knots.astype(np.float32), levels.astype(np.float32)
