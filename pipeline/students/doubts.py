"""Which labels of a corpus are probably wrong, whoever gave them, and which documents nearby say so.

Three classifiers that did not see a label say how likely it is, added up: linear discriminants on the vectors and the nearest mean by
words, in cross-validation, and the nearest other documents. Each is found in one step however many categories there are. `suspects` flags;
labels are ranked by the probability that they have left, which tells more than the quality does where that is near 0 for many.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from pipeline.embedding import Matrix
from pipeline.students.features import feature_step
from pipeline.students.inputs import Inputs
from pipeline.students.noise import suspects

__all__ = ["Doubted", "doubt_labels"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
FOLDS = 5
NEAREST, LOOKED_AT = 5, 10  # documents that are told of each, and that vote
SHRUNK = 0.3  # of the covariance of the vectors, towards equal variances
SHARPNESS, OF_WORDS = 20.0, 0.5  # of the nearest mean by words: how fast odds fall with the cosine, and its weight
TINY, LEFT = 1e-12, 1e-3


@dataclass(frozen=True, eq=False)
class Doubted:
    """What is thought of each label, and of each document its nearest others: parallel columns of length n."""

    names: Sequence[str]  # of the labels, which places refer to
    quality: Floats  # probability that the label is right, 0 to 1
    likelihood: Floats  # log-probability of the label to those that did not see it: what to rank by
    flagged: npt.NDArray[np.bool_]
    expected: Ints  # place of the label that is likeliest to those that did not see it
    sure: Floats  # its probability
    nearest: Ints  # (n, 5) at most: places of documents, the nearest first
    noise_rate: float


def doubt_labels(vectors: Matrix, texts: Sequence[str], labels: Sequence[str], *, seed: int) -> Doubted:
    """Say how probable it is that each label is right; nothing is doubted where labels are of one kind or fewer than 10.

    Labels that one document alone has are never flagged: nobody can know them who did not see it.
    """
    names, places = np.unique(labels, return_inverse=True)
    nearest = _nearest(vectors)
    n, k = len(places), len(names)
    if n < 2 * FOLDS or k < 2:
        return Doubted(names.tolist(), np.ones(n), np.zeros(n), np.zeros(n, dtype=bool), places, np.ones(n), nearest, 0.0)
    unseen = _unseen(vectors.astype(np.float64), texts, places, k, seed) + _by_nearest(vectors, nearest, places, k)
    unseen = np.asarray(log_softmax(unseen, axis=1))
    found = suspects(unseen, np.eye(k)[places])
    expected = unseen.argmax(axis=1)
    sure = np.exp(unseen[np.arange(n), expected])
    lonely = np.bincount(places, minlength=k)[places] < 2
    return Doubted(
        names.tolist(), found.quality, unseen[np.arange(n), places], found.flagged & ~lonely, expected, sure, nearest[:, :NEAREST], found.noise_rate
    )


def _unseen(vectors: Floats, texts: Sequence[str], places: Ints, categories: int, seed: int) -> Floats:
    """Predict each document by classifiers that did not see its label: log-probabilities (n, k)."""
    found = np.full((len(places), categories), np.log(TINY))
    words = _word_vectors(texts)
    spoken = np.zeros((len(places), categories))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # which no fold can do without and hold out
        parts = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(vectors, places))
    for rows, out in parts:
        seen = np.unique(places[rows])
        found[np.ix_(out, seen)] = log_softmax(_discriminants(vectors[rows], np.searchsorted(seen, places[rows]), vectors[out]), axis=1)
        if words is not None:
            members = csr_matrix((np.ones(len(rows)), (places[rows], np.arange(len(rows)))), shape=(categories, len(rows)))
            spoken[out] = SHARPNESS * (words[out] @ normalize(members @ words[rows]).T).toarray()
    return np.asarray(log_softmax(np.maximum(found, np.log(TINY)), axis=1) + OF_WORDS * log_softmax(spoken, axis=1))


def _discriminants(vectors: Floats, places: Ints, others: Floats) -> Floats:
    """Give linear discriminants (m, k) of others by labelled vectors: one covariance within labels, shrunk towards equal variances."""
    counts = np.bincount(places).astype(np.float64)
    means = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(means, places, vectors)
    means /= counts[:, None]
    apart = vectors - means[places]
    covariance = (1 - SHRUNK) * apart.T @ apart / len(vectors)
    covariance += (SHRUNK * np.trace(covariance) / (1 - SHRUNK) / len(covariance) + TINY) * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, means.T)
    return np.asarray(others @ weights - (means.T * weights).sum(axis=0) / 2 + np.log(counts / counts.sum()))


def _word_vectors(texts: Sequence[str]) -> Any:
    try:
        return normalize(feature_step(("words", "characters")).fit_transform(Inputs(np.zeros((len(texts), 0), dtype=np.float32), list(texts))))
    except ValueError:  # no words that two documents share
        return None


def _by_nearest(vectors: Matrix, nearest: Ints, places: Ints, categories: int) -> Floats:
    """Count the labels of the nearest other documents, nearer ones for more: log-probabilities (n, k)."""
    votes = np.full((len(places), categories), LEFT)
    for column in nearest.T:
        likeness = np.einsum("ij,ij->i", vectors, vectors[column])
        votes[np.arange(len(places)), places[column]] += np.exp(10 * (likeness - 1)) + LEFT
    return np.asarray(np.log(votes / votes.sum(axis=1, keepdims=True)))


def _nearest(vectors: Matrix) -> Ints:
    """Find for each document the others nearest to it."""
    count = min(LOOKED_AT + 1, len(vectors))
    if count < 2:
        return np.zeros((len(vectors), 0), dtype=np.intp)
    found = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(vectors).kneighbors(vectors, return_distance=False)
    others = [[place for place in row if place != own][: count - 1] for own, row in enumerate(found.tolist())]
    return np.array(others, dtype=np.intp)
