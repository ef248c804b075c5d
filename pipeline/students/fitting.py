"""Fits the classifiers that a student is made of, on features that are computed once, and predicts labels that they have not seen."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse, vstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline

from pipeline.errors import TrainingError
from pipeline.students.estimators import grid_of, make_estimator, rows_of_soft
from pipeline.students.features import feature_step
from pipeline.students.judged import checked_probabilities
from pipeline.students.material import Material
from pipeline.students.mixes import pair_mixes
from pipeline.students.voices import log_probabilities
from pipeline.students.widening import widen

__all__ = ["Voice", "Workshop"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
ALIKE = "All but a few labels are of one category, so that there is nothing to learn from them. Raise annotation.sample."


@dataclass(frozen=True)
class Voice:
    """One classifier to be: what it looks at, of what kind it is, which settings it may have, and how far the labels reach for it."""

    name: str
    kind: str
    features: tuple[str, ...] = ("embedding",)
    widened: str = "none"
    chosen: tuple[tuple[str, tuple[Any, ...]], ...] = ()  # values of parameters to choose from, in place of the usual ones
    usual: float = 1.0  # weight beside other voices, from which the fitted one departs as far as the labels insist
    mixes: int = 0  # labels up to which categories are filled with mixes of two of their documents

    @property
    def work(self) -> tuple[Any, ...]:
        """Give what its fits depend on: voices of the same work predict the same."""
        return self.kind, self.features, self.widened, self.chosen, self.mixes

    @property
    def grid(self) -> list[dict[str, Any]]:
        """List the settings to choose from."""
        return grid_of(self.kind, dict(self.chosen))


class Workshop:
    """One set of documents with labels, its folds, and the features of it: what is computed for one voice serves the others."""

    def __init__(self, material: Material, *, folds: int, seed: int) -> None:
        """Take the documents; they are parted into folds, which keep groups together and categories as even as they are, when first asked for.

        :raises TrainingError: where vectors hold NaN.
        :raises ValueError: where the parts of the material do not fit one another.
        """
        _check(material)
        self.material, self.seed = material, seed
        self._parts = folds
        self._unions: dict[tuple[str, ...], tuple[FeatureUnion, Any]] = {}
        self._widened: dict[tuple[str, int], tuple[Floats, Floats]] = {}

    @cached_property
    def folds(self) -> Sequence[tuple[Ints, Ints]]:
        """Give the rows kept and left out by each fold.

        :raises TrainingError: where all labelled documents are copies of one.
        """
        return _folds(self.material, self._parts, self.seed)

    def unseen(self, voice: Voice, settings: Mapping[str, Any]) -> Floats:
        """Predict each labelled document by a classifier that did not see its label: log-probabilities (n, k).

        :raises TrainingError: where the labels of a fold are all of one category, or the documents lack what the voice looks at.
        """
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
            try:
                self._unions[features] = union, union.fit_transform(everything)
            except ValueError as error:  # as where no two documents have a word in common
                raise TrainingError(
                    f"A student that looks at {', '.join(features)} cannot learn from these {len(everything)} documents: {error}"
                    " Leave out of students.features what they do not have."
                ) from error
        return self._unions[features]

    def _fitted(self, voice: Voice, settings: Mapping[str, Any], rows: Ints, number: int) -> Any:
        matrix = self._features(voice.features)[1]
        if voice.kind == "cards":
            return make_estimator(voice.kind, settings, seed=self.seed).fit(matrix, np.arange(len(self.material.categories)))
        soft, weights = self._targets(voice.widened, rows, number)
        taught = np.flatnonzero(weights > 0)
        row, category, weight = rows_of_soft(soft[taught], weights[taught])
        if len(np.unique(category)) < 2:
            raise TrainingError(ALIKE)
        seen, category, weight = self._with_mixes(voice, rows, matrix[taught[row]], category, weight)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a fit that is cut short is judged as any other, by labels that it has not seen
            return make_estimator(voice.kind, settings, seed=self.seed).fit(seen, category, sample_weight=weight)

    def _with_mixes(self, voice: Voice, rows: Ints, seen: Any, category: Ints, weight: Floats) -> tuple[Any, Ints, Floats]:
        """Put mixes of the labels of some rows below what is learnt from: they are made of no other label."""
        if not voice.mixes:
            return seen, category, weight
        mixes = pair_mixes(self.material.labelled.take(rows), self.material.soft[rows].argmax(axis=1), least=voice.mixes, seed=self.seed)
        if not len(mixes):
            return seen, category, weight
        more = self._features(voice.features)[0].transform(mixes.inputs)
        joined = vstack([seen, more]).tocsr() if issparse(seen) else np.concatenate([seen, more])
        return joined, np.concatenate([category, mixes.categories]), np.concatenate([weight, np.ones(len(mixes))])

    def _targets(self, how: str, rows: Ints, number: int) -> tuple[Floats, Floats]:
        """Give what is learnt of every document where only the labels of some rows are known; in the order of the whole."""
        key = (how, number)
        if not self.material.weights[rows].any():
            raise TrainingError(ALIKE)
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
    groups = material.groups if len(material.groups) else np.arange(len(truth))
    parts = min(folds, len(np.unique(groups)))
    if parts < 2:
        raise TrainingError(
            "A student is judged on labels that it has not seen, which takes 2 labelled documents that are no copies of one another;"
            f" there are {len(truth)} labelled documents, copies of {parts}. Raise annotation.sample."
        )
    # scikit-learn refuses to spread the categories evenly where none has a document for each fold.
    even = np.bincount(truth).max() >= parts
    splitter = (StratifiedGroupKFold if even else GroupKFold)(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        return [(rows, out) for rows, out in splitter.split(np.zeros(len(truth)), truth, groups) if len(out)]


def _check(material: Material) -> None:
    n, k, cited = len(material.labelled), len(material.categories), len(material.cited)
    found = {
        "soft": (np.shape(material.soft), (n, k)),
        "weights": (np.shape(material.weights), (n,)),
        "groups": (np.shape(material.groups), (n,) if len(material.groups) else (0,)),
        "cited_soft": (np.shape(material.cited_soft) if cited else (), (cited, k) if cited else ()),
        "cards": (() if material.cards is None else (len(material.cards),), () if material.cards is None else (k,)),
    }
    if wrong := [f"{name} is {shape}, expected {expected}" for name, (shape, expected) in found.items() if shape != expected]:
        raise ValueError(f"{n} labelled documents and {k} categories: {'; '.join(wrong)}")
    for name in ("labelled", "cited", "unlabelled"):
        vectors = getattr(material, name).vectors
        if spoilt := int((~np.isfinite(vectors).all(axis=1)).sum()):
            raise TrainingError(
                f"{spoilt} of the vectors of {len(vectors)} {name} documents hold NaN or infinite values, from which nothing can be learnt."
                " Embed them anew, or with another embedder."
            )
    if n:
        checked_probabilities(material.soft)
