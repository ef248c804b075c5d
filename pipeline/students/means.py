"""Classifiers that scikit-learn lacks: the nearest class mean by cosine, a vote of the nearest labelled documents, the likest card."""

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import normalize

from pipeline.students.products import lengths, probabilities_of, products

__all__ = ["CardVotes", "ClassMeans", "NearestVotes"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.floating]
LEAST = 1e-6
BLOCK = 512  # documents compared with all labelled rows at once


class ClassMeans(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The class whose mean direction is nearest (Rocchio), probabilities by a softmax of the cosines.

    :param sharpness: how fast the probability falls with the cosine.
    """

    def __init__(self, sharpness: float = 30.0) -> None:
        """Keep the settings."""
        self.sharpness = sharpness

    def fit(self, rows: Rows, y: npt.ArrayLike, sample_weight: Floats | None = None) -> Self:
        """Find the weighted mean direction of each class."""
        self.classes_, places = np.unique(np.asarray(y), return_inverse=True)
        weights = np.ones(len(places)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        member = np.zeros((len(self.classes_), len(places)))
        member[places, np.arange(len(places))] = weights
        self.means_ = np.asarray(normalize(member @ rows), dtype=np.float32)
        return self

    def decision_function(self, rows: Rows) -> Floats:
        """Give the sharpened cosines (n, k)."""
        scale = self.sharpness / np.maximum(lengths(rows), LEAST)
        return np.asarray(products(rows, self.means_) * scale[:, None])

    def predict_proba(self, rows: Rows) -> Floats:
        """Give probabilities (n, k)."""
        return probabilities_of(self.decision_function(rows))

    def predict(self, rows: Rows) -> npt.NDArray[np.generic]:
        """Give the nearest class."""
        return np.asarray(self.classes_[self.decision_function(rows).argmax(axis=1)])


class NearestVotes(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A vote of the k nearest labelled documents by cosine, each as much as its label is sure; a repeated row adds its weights up.

    Rows are dense.

    :param neighbours: rows that vote.
    """

    def __init__(self, neighbours: int = 15) -> None:
        """Keep the settings."""
        self.neighbours = neighbours

    def fit(self, rows: Rows, y: npt.ArrayLike, sample_weight: Floats | None = None) -> Self:
        """Keep the labelled rows, equal ones once with all their labels."""
        self.classes_, places = np.unique(np.asarray(y), return_inverse=True)
        weights = np.ones(len(places)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        unit = np.asarray(normalize(rows), dtype=np.float32)
        self.rows_, same = np.unique(unit, axis=0, return_inverse=True)
        self.votes_ = np.zeros((len(self.rows_), len(self.classes_)), dtype=np.float32)
        np.add.at(self.votes_, (same.ravel(), places), weights)
        return self

    def predict_proba(self, rows: Rows) -> Floats:
        """Give the share of the votes (n, k), every class with a little of them."""
        unit, most = np.asarray(normalize(rows), dtype=np.float32), min(self.neighbours, len(self.rows_))
        votes = np.empty((len(unit), len(self.classes_)))
        for start in range(0, len(unit), BLOCK):
            likeness = unit[start : start + BLOCK] @ self.rows_.T
            near = np.argpartition(-likeness, most - 1, axis=1)[:, :most]
            close = np.maximum(np.take_along_axis(likeness, near, axis=1), LEAST)
            votes[start : start + BLOCK] = np.einsum("nm,nmk->nk", close, self.votes_[near])
        votes += LEAST
        return np.asarray(votes / votes.sum(axis=1, keepdims=True))

    def predict(self, rows: Rows) -> npt.NDArray[np.generic]:
        """Give the class with the most votes."""
        return np.asarray(self.classes_[self.predict_proba(rows).argmax(axis=1)])


class CardVotes(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The category whose card is likest: a softmax of the cosines, which are the features, a column for each class. No label teaches it.

    :param sharpness: how fast the probability falls with the cosine.
    """

    def __init__(self, sharpness: float = 40.0) -> None:
        """Keep the settings."""
        self.sharpness = sharpness

    def fit(self, rows: Rows, y: npt.ArrayLike, sample_weight: Floats | None = None) -> Self:
        """Take the classes that there are; nothing else is learnt.

        :raises ValueError: where there is not one column for each class.
        """
        self.classes_ = np.unique(np.asarray(y))
        if rows.shape[1] != len(self.classes_):
            raise ValueError(f"There are {rows.shape[1]} cards for {len(self.classes_)} classes; give as many, in the order of the classes.")
        return self

    def predict_proba(self, rows: Rows) -> Floats:
        """Give probabilities (n, k)."""
        return probabilities_of(self.sharpness * np.asarray(rows, dtype=np.float64))

    def predict(self, rows: Rows) -> npt.NDArray[np.generic]:
        """Give the class with the likest card."""
        return np.asarray(self.classes_[np.asarray(rows).argmax(axis=1)])
