"""A student that listens to several classifiers: their log-probabilities are added up, each with a weight.

The weights are those that predict labels best which the classifiers did not see (stacking, Wolpert 1992, with a product of experts
for the sum), and they calibrate as well: together they are the temperature. What one view of a document lacks another has: on
questions words tell the type of the answer, on requests the meaning does, and with few labels a category the card.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from pipeline.students.products import probabilities_of

__all__ = ["Voices", "fit_weights", "log_probabilities"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
LEAST = 1e-4  # probability that any class keeps: one that a fold did not hold is no proof against it
HOLD = 1.0  # pull of each weight towards its usual value: nats a document for each squared step away
MOST = 10.0


class Voices(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fitted classifiers over the same classes, heard together.

    :param voices: classifiers over `Inputs` with `predict_proba`, fitted, each on some or all of the classes.
    :param weights: how much each one's log-probability counts.
    :param classes: the classes there are, ascending.
    :param novelty: arrays by name that say what training documents look like, as `Novelty.as_arrays` gives them.
    """

    def __init__(
        self, voices: Sequence[Any], weights: Sequence[float], classes: npt.ArrayLike, novelty: Mapping[str, npt.NDArray[np.float32]] | None = None
    ) -> None:
        """Keep the voices."""
        self.voices = voices
        self.weights = weights
        self.classes = classes
        self.novelty = novelty

    @property
    def classes_(self) -> Ints:
        """Give the classes in the order of the probabilities."""
        return np.asarray(self.classes)

    def fit(self, inputs: Any, y: object = None) -> Self:
        """Learn nothing: the voices are fitted one by one."""
        return self

    def decision_function(self, inputs: Any) -> Floats:
        """Give the sum of the weighted log-probabilities (n, k)."""
        classes = self.classes_
        total: Floats | None = None
        for voice, weight in zip(self.voices, self.weights, strict=True):
            heard = log_probabilities(voice, inputs, classes)
            heard *= weight
            total = heard if total is None else np.add(total, heard, out=total)
        return np.zeros((len(inputs), len(classes))) if total is None else total

    def predict_proba(self, inputs: Any) -> Floats:
        """Give probabilities (n, k)."""
        logits = self.decision_function(inputs)
        return probabilities_of(logits, out=logits)

    def predict(self, inputs: Any) -> Ints:
        """Give the likeliest class."""
        return np.asarray(self.classes_[self.decision_function(inputs).argmax(axis=1)])


def log_probabilities(model: Any, inputs: Any, classes: Ints) -> Floats:
    """Give a model's log-probabilities over all classes (n, k), also those that it never saw."""
    found: Floats = np.add(_predicted(model, inputs), LEAST, dtype=np.float64)
    np.log(found, out=found)
    if np.array_equal(model.classes_, classes):
        return found
    values = np.full((len(found), len(classes)), np.log(LEAST))
    values[:, np.searchsorted(classes, model.classes_)] = found
    return values


def _predicted(model: Any, inputs: Any) -> Any:
    """Give a model's probabilities; past a union of one feature, which would copy it for nothing."""
    if not isinstance(model, Pipeline) or len(model.steps) != 2:
        return model.predict_proba(inputs)
    (_, union), (_, classifier) = model.steps
    is_alone = isinstance(union, FeatureUnion) and len(union.transformer_list) == 1
    rows = (union.transformer_list[0][1] if is_alone else union).transform(inputs)
    if isinstance(classifier, LogisticRegression) and len(classifier.classes_) > 2:  # whose own softmax takes three times as long
        logits = np.asarray(classifier.decision_function(rows), dtype=np.float64)
        return probabilities_of(logits, out=logits)
    return classifier.predict_proba(rows)


def fit_weights(parts: Sequence[Floats], soft: Floats, *, usual: Sequence[float], weights: Floats | None = None) -> list[float]:
    """Find how much each voice counts, none below 0: the least cross-entropy to soft labels that the voices have not seen.

    The weights are held near the usual ones, because a voice that follows the unlabelled documents agrees with weak labels less than
    it is right; then all are scaled by one number, the temperature, which nothing holds.

    :param parts: log-probabilities of each voice, (n, k) each.
    :param weights: how much each document counts.
    """
    stacked, start = np.stack(parts), np.asarray(usual, dtype=np.float64)
    share = np.ones(len(soft)) if weights is None else weights
    share = share / max(share.sum(), LEAST)

    def entropy(heard: Floats) -> tuple[float, Floats]:
        logits = log_softmax(np.tensordot(heard, stacked, axes=1), axis=1)
        slope = np.einsum("nk,vnk->v", (np.exp(logits) - soft) * share[:, None], stacked)
        return float(-(share * (soft * logits).sum(axis=1)).sum()), slope

    def held(heard: Floats) -> tuple[float, Floats]:
        value, slope = entropy(heard)
        return value + HOLD * float(((heard - start) ** 2).sum()), slope + 2 * HOLD * (heard - start)

    def scaled(scale: Floats) -> tuple[float, Floats]:
        value, slope = entropy(scale[0] * found)
        return value, np.array([slope @ found])

    found = minimize(held, start, jac=True, method="L-BFGS-B", bounds=[(0.0, MOST)] * len(parts)).x if len(parts) > 1 else start
    temperature = minimize(scaled, np.ones(1), jac=True, method="L-BFGS-B", bounds=[(1 / MOST, MOST)]).x[0]
    return [float(value) for value in temperature * found]
