"""A sentence model whose last layers have learnt the categories: the one student that changes how a text is read, and not only what follows of it."""

from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from pipeline.embedding import Head, Tuned, TunedEmbedder, read_below, tune
from pipeline.students.products import probabilities_of

__all__ = ["FineTuned"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
PENALTY = 3.0  # C of the logistic regression that the head starts from
MOST_READ = 5_000  # texts that the layers learn from; the start of the head learns from all


class FineTuned(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The last layers of all-MiniLM-L6-v2 and a linear head, taught together from where a logistic regression on its vectors stands.

    Rows are texts, (n, 1). A text that comes more than once is one text with a soft label.

    :param epochs: how often each text is looked at.
    :param layers: how many of the six layers change, from the last one.
    :param seed: draws the order of the texts and what is left out by chance.
    """

    def __init__(self, epochs: int = 3, layers: int = 2, seed: int = 42) -> None:
        """Keep the settings."""
        self.epochs = epochs
        self.layers = layers
        self.seed = seed

    def fit(self, rows: Texts, y: npt.ArrayLike, sample_weight: Floats | None = None) -> Self:
        """Learn; categories count the same together, however many texts they have.

        :raises ValueError: where all texts are of one category.
        """
        self.classes_, places = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"All {len(places)} texts are of the one category {self.classes_.tolist()}; expected at least 2 categories.")
        weights = np.ones(len(places)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        given = np.bincount(places, weights, minlength=len(self.classes_))
        balanced = weights * (given.sum() / (len(given) * np.maximum(given, np.finfo(float).tiny)))[places]
        numbers: dict[str, int] = {}
        row = np.array([numbers.setdefault(text, len(numbers)) for text in _texts(rows)])
        texts = list(numbers)
        targets = np.zeros((len(texts), len(self.classes_)))
        np.add.at(targets, (row, places), balanced)
        order = np.random.default_rng(self.seed).permutation(len(texts))
        readings = read_below([texts[place] for place in order], layers=self.layers, states=MOST_READ)
        vectors = np.empty_like(readings.vectors)
        vectors[order] = readings.vectors
        start = _start(vectors[row], places, balanced)
        tuned = tune(readings.states, targets[order][:MOST_READ], start, layers=self.layers, epochs=self.epochs, seed=self.seed)
        self.tuned_: Tuned | None = tuned
        self.__dict__.pop("encoder", None)
        return self

    @cached_property
    def encoder(self) -> TunedEmbedder:
        """Give what reads texts, loaded with the first one."""
        return TunedEmbedder(self._tuned.changed)

    def decision_function(self, rows: Texts) -> Floats:
        """Give the logits (n, k)."""
        vectors = self.encoder.embed(_texts(rows))
        head = self._tuned.head
        return np.asarray(vectors @ head.weights.T + head.bias, dtype=np.float64)

    def predict_proba(self, rows: Texts) -> Floats:
        """Give probabilities (n, k)."""
        return probabilities_of(self.decision_function(rows))

    def predict(self, rows: Texts) -> npt.NDArray[np.generic]:
        """Give the likeliest class."""
        return np.asarray(self.classes_[self.decision_function(rows).argmax(axis=1)])

    @property
    def _tuned(self) -> Tuned:
        if self.tuned_ is None:
            raise ValueError("The layers of this fine-tuned encoder lie in a file that was not read.")
        return self.tuned_

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made of the rest."""
        return {name: value for name, value in super().__getstate__().items() if name != "encoder"}


def _texts(rows: Texts) -> list[str]:
    return [str(text) for text in rows[:, 0]]


def _start(vectors: npt.NDArray[np.float32], places: npt.NDArray[np.intp], weights: Floats) -> Head:
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit(vectors, places, sample_weight=weights)
    coefficients, bias = np.asarray(model.coef_, dtype=np.float32), np.asarray(model.intercept_, dtype=np.float32)
    if len(coefficients) == 1:  # of two classes scikit-learn keeps one row, which speaks for the second
        coefficients, bias = np.vstack([-coefficients / 2, coefficients / 2]), np.concatenate([-bias / 2, bias / 2])
    return Head(coefficients, bias)
