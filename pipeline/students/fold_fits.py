"""One classifier fitted many times: with other labels, weights or rows beside them, on features that are computed once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import TrainingError
from pipeline.students.estimators import make_estimator, rows_of_soft
from pipeline.students.features import feature_step
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.material import Material
from pipeline.students.voices import log_probabilities

__all__ = ["FoldFits"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


class FoldFits:
    """Labelled and cited documents as one voice sees them; what is learnt of them changes from fit to fit.

    The features are learnt from all texts, as `Workshop` does: they are no labels.
    """

    def __init__(self, material: Material, voice: Voice, *, folds: int, seed: int) -> None:
        """Compute the features, and part the documents into folds.

        :raises ValueError: where the voice learns from more than labels.
        """
        if voice.widened != "none" or voice.kind == "cards":
            raise ValueError(f"The voice {voice.name!r} learns from more than labels; expected a classifier that is not widened.")
        self.material, self.voice, self.count, self.seed = material, voice, folds, seed
        self._matrix = feature_step(voice.features, cards=material.cards).fit_transform(material.everything)
        self.folds = Workshop(material, folds=folds, seed=seed).folds

    def folds_of(self, rows: Ints) -> list[tuple[Ints, Ints]]:
        """Part some of the labelled documents into folds, as all of them are; the places are those of the whole."""
        part = self.material.take(rows, rows[:0])
        return [(rows[kept], rows[out]) for kept, out in Workshop(part, folds=self.count, seed=self.seed).folds]

    def fit(self, model: Any, rows: Ints, soft: Floats, weights: Floats) -> Any:
        """Fit an unfitted classifier on `rows` and the cited documents.

        :param soft: what is learnt of all labelled documents, (n, k); `weights` (n,) says how much.
        :raises TrainingError: where all labels are of one category.
        """
        known, cited = len(self.material.labelled), len(self.material.cited)
        taught = rows[weights[rows] > 0]
        places = np.concatenate([taught, known + np.arange(cited)])
        targets = np.concatenate([soft[taught], self.material.cited_soft]) if cited else soft[taught]
        row, category, weight = rows_of_soft(targets, np.concatenate([weights[taught], np.ones(cited)]))
        if len(np.unique(category)) < 2:
            raise TrainingError("All but a few labels are of one category, so that there is nothing to learn from them. Raise annotation.sample.")
        return model.fit(self._matrix[places[row]], category, sample_weight=weight)

    def predict(self, fitted: Any, out: Ints) -> Floats:
        """Predict some of the labelled documents: log-probabilities (len(out), k)."""
        return log_probabilities(fitted, self._matrix[out], np.arange(len(self.material.categories)))

    def unseen(self, settings: Mapping[str, Any], rows: Ints, soft: Floats, weights: Floats) -> Floats:
        """Predict each of some labelled documents by a classifier that did not see its label, nor any label but theirs: (len(rows), k)."""
        found = np.zeros(soft.shape)
        for kept, out in self.folds_of(rows):
            found[out] = self.predict(self.fit(make_estimator(self.voice.kind, settings, seed=self.seed), kept, soft, weights), out)
        return found[rows]
