"""Fits the classifiers that a student is made of, on features that are computed once, and predicts labels that they have not seen."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline

from pipeline.errors import TrainingError
from pipeline.students.estimators import grid_of, make_estimator, rows_of_soft
from pipeline.students.features import feature_step
from pipeline.students.material import Material
from pipeline.students.voices import log_probabilities
from pipeline.students.widening import widen

__all__ = ["Voice", "Workshop"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Voice:
    """One classifier to be: what it looks at, of what kind it is, which settings it may have, and how far the labels reach for it."""

    name: str
    kind: str
    features: tuple[str, ...] = ("embedding",)
    widened: str = "none"
    chosen: tuple[tuple[str, tuple[Any, ...]], ...] = ()  # values of parameters to choose from, in place of the usual ones
    usual: float = 1.0  # weight beside other voices, from which the fitted one departs as far as the labels insist

    @property
    def grid(self) -> list[dict[str, Any]]:
        """List the settings to choose from."""
        return grid_of(self.kind, dict(self.chosen))


class Workshop:
    """One set of documents with labels, its folds, and the features of it: what is computed for one voice serves the others."""

    def __init__(self, material: Material, *, folds: int, seed: int) -> None:
        """Part the labelled documents into folds that keep the groups together and the categories as even as they are."""
        self.material, self.seed = material, seed
        self.folds = _folds(material, folds, seed)
        self._unions: dict[tuple[str, ...], tuple[FeatureUnion, Any]] = {}
        self._widened: dict[tuple[str, int], tuple[Floats, Floats]] = {}

    def unseen(self, voice: Voice, settings: Mapping[str, Any]) -> Floats:
        """Predict each labelled document by a classifier that did not see its label: log-probabilities (n, k)."""
        classes = np.arange(len(self.material.categories))
        found = np.zeros(self.material.soft.shape)
        for number, (rows, out) in enumerate(self.folds):
            model = self._fitted(voice, settings, rows, number)
            found[out] = log_probabilities(model, self._features(voice.features)[1][out], classes)
        return found

    def fit(self, voice: Voice, settings: Mapping[str, Any]) -> Pipeline:
        """Fit a classifier on all labels: a Pipeline over `Inputs` whose classes are places of categories."""
        everyone = np.arange(len(self.material.labelled))
        model = self._fitted(voice, settings, everyone, -1)
        return Pipeline([("features", self._features(voice.features)[0]), ("classifier", model)])

    def _features(self, features: tuple[str, ...]) -> tuple[FeatureUnion, Any]:
        # Learnt from all texts: they are no labels, and what they look like may be known.
        if features not in self._unions:
            union, everything = feature_step(features, cards=self.material.cards), self.material.everything
            self._unions[features] = union, union.fit_transform(everything)
        return self._unions[features]

    def _fitted(self, voice: Voice, settings: Mapping[str, Any], rows: Ints, number: int) -> Any:
        matrix = self._features(voice.features)[1]
        if voice.kind == "cards":
            return make_estimator(voice.kind, settings, seed=self.seed).fit(matrix, np.arange(len(self.material.categories)))
        soft, weights = self._targets(voice.widened, rows, number)
        taught = np.flatnonzero(weights > 0)
        row, category, weight = rows_of_soft(soft[taught], weights[taught])
        if len(np.unique(category)) < 2:
            raise TrainingError("All but a few labels are of one category, so that there is nothing to learn from them. Raise annotation.sample.")
        return make_estimator(voice.kind, settings, seed=self.seed).fit(matrix[taught[row]], category, sample_weight=weight)

    def _targets(self, how: str, rows: Ints, number: int) -> tuple[Floats, Floats]:
        """Give what is learnt of every document where only the labels of some rows are known; in the order of the whole."""
        key = (how, number)
        if key not in self._widened:
            out = np.setdiff1d(np.arange(len(self.material.labelled)), rows)
            soft, weights = widen(self.material.take(rows, out), how, seed=self.seed)
            known, cited, more = len(self.material.labelled), len(self.material.cited), len(self.material.unlabelled)
            places = np.concatenate([rows, known + np.arange(cited), known + cited + np.arange(more), out])
            order = np.argsort(places, kind="stable")
            self._widened[key] = soft[order], weights[order]
        return self._widened[key]


def _folds(material: Material, folds: int, seed: int) -> Sequence[tuple[Ints, Ints]]:
    truth = material.soft.argmax(axis=1)
    parts = min(folds, len(np.unique(material.groups)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        return [(rows, out) for rows, out in splitter.split(np.zeros(len(truth)), truth, material.groups) if len(out)]
