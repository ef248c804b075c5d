"""Which way of treating doubtful labels helps: each is tried on labels that it has not seen.

The folds are nested: what is thought of a label, and so its weight, comes from the labels of the same folds, and what is learnt then
is judged on the fold that was left out. Its labels are as wrong as the others. Where the noise is the same in all categories, that
scales all agreements alike and the best way stays the best; where a teacher mistakes one category for another, the way that copies its
mistakes is favoured, which is mostly `none`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.intervals import wilson
from pipeline.students.estimators import make_estimator
from pipeline.students.fitting import Voice
from pipeline.students.fold_fits import FoldFits
from pipeline.students.material import Material
from pipeline.students.noise import WEIGHINGS, Suspicion, clean_weights, cleaned, suspects

__all__ = ["DETECTOR", "USUAL", "Cleaning", "WayTrial", "clean"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
# The first C suspects: what tells wrong labels best is what learns them by heart least.
DETECTOR = Voice("suspicious", "logistic_regression", ("embedding", "words"), chosen=(("C", (1.0, 3.0, 10.0)),))
USUAL = ("none", "downweight", "drop")  # the other two have never been better on a corpus with gold labels (bench/README.md)
ROUNDS = 2  # the second suspicion comes from classifiers that trust the labels as far as the first one says


@dataclass(frozen=True)
class WayTrial:
    """How well one way predicts labels that it has not seen."""

    way: str
    agreement: float  # mean probability, by the teacher, of what was predicted, 0 to 1
    low: float
    high: float
    n: int
    settings: Mapping[str, Any]  # that served it best


@dataclass(frozen=True, eq=False)
class Cleaning:
    """The labels to learn from, what is thought of them, all trials, and why this way was chosen."""

    material: Material
    way: str
    suspicion: Suspicion
    unseen: Floats  # log-probabilities (n, k) by classifiers that did not see the label, from which the suspicion comes
    trials: tuple[WayTrial, ...]
    reason: str


def clean(
    material: Material, *, trusted: Bools | None = None, voice: Voice | None = None, ways: Sequence[str] = USUAL, folds: int = 5, seed: int
) -> Cleaning:
    """Try ways of treating doubtful labels, and choose the one that predicts unseen labels best; of equals the first.

    With 5 folds it fits 60 classifiers, and 5 more for each way and setting: meant for some thousands of labels.

    :param trusted: which labels (n,) are right whatever a classifier thinks, as a person's are.
    :param voice: the classifier that suspects, with the first settings of its grid, and that the ways are tried with; it learns from
        labels alone. DETECTOR where left out, without words where there are no texts.
    :param ways: some of WAYS (`pipeline.students.noise`); one alone is taken untried. Where no label looks wrong, those that weigh by
        suspicion are the same as `none` and are not tried.
    :raises TrainingError: where the labels of a fold are all of one category.
    """
    sure = np.zeros(len(material.labelled), dtype=bool) if trusted is None else trusted
    fits = FoldFits(material, voice or _detector(material), folds=folds, seed=seed)
    unseen = _doubted(fits, np.arange(len(sure)), sure)
    suspicion = suspects(unseen, material.soft, trusted=sure)
    if suspicion.noise_rate == 0:
        ways = [way for way in ways if way == "none" or way not in WEIGHINGS]
    trials = _trials(fits, ways, sure) if len(ways) > 1 else []
    best = int(np.argmax([trial.agreement for trial in trials])) if trials else 0
    way = ways[best] if ways else "none"
    soft, weights = cleaned(material.soft, material.weights, unseen, way, trusted=sure)
    return Cleaning(replace(material, soft=soft, weights=weights), way, suspicion, unseen, tuple(trials), _reason(suspicion, trials, way))


def _detector(material: Material) -> Voice:
    return DETECTOR if material.labelled.texts else replace(DETECTOR, features=("embedding",))


def _doubted(fits: FoldFits, rows: Ints, sure: Bools) -> Floats:
    """Predict some labels, after some doubt about all of them, by classifiers that did not see them: (len(rows), k)."""
    soft, weights = fits.material.soft, fits.material.weights.copy()
    unseen = fits.unseen(fits.voice.grid[0], rows, soft, weights)
    for _ in range(ROUNDS - 1):
        weights[rows] = fits.material.weights[rows] * clean_weights(suspects(unseen, soft[rows], trusted=sure[rows]), "downweight")
        unseen = fits.unseen(fits.voice.grid[0], rows, soft, weights)
    return unseen


def _trials(fits: FoldFits, ways: Sequence[str], sure: Bools) -> list[WayTrial]:
    material, grid = fits.material, fits.voice.grid
    scores = np.zeros((len(ways), len(grid), len(material.labelled)))
    for rows, out in fits.folds:
        unseen = _doubted(fits, rows, sure)
        for number, way in enumerate(ways):
            soft, weights = material.soft.copy(), material.weights.copy()
            soft[rows], weights[rows] = cleaned(soft[rows], weights[rows], unseen, way, trusted=sure[rows])
            for place, settings in enumerate(grid):
                model = make_estimator(fits.voice.kind, settings, seed=fits.seed)
                guesses = fits.predict(fits.fit(model, rows, soft, weights), out).argmax(axis=1)
                scores[number, place, out] = material.soft[out, guesses]
    best = scores.mean(axis=2).argmax(axis=1)
    return [_trial(way, scores[number, best[number]], grid[best[number]]) for number, way in enumerate(ways)]


def _trial(way: str, score: Floats, settings: Mapping[str, Any]) -> WayTrial:
    mean = float(score.mean())
    return WayTrial(way, mean, *wilson(mean, len(score)), len(score), settings)


def _reason(suspicion: Suspicion, trials: Sequence[WayTrial], way: str) -> str:
    rate, flagged = suspicion.noise_rate, int(suspicion.flagged.sum())
    said = f"About {rate:.0%} of {len(suspicion.flagged)} labels look wrong at random, and {flagged} are flagged."
    if not trials:
        return f"{said} {'All are learnt as they are' if way == 'none' else f'They are treated by {way}'}; nothing else was tried."
    table = ", ".join(f"{trial.way} {trial.agreement:.3f} ({trial.low:.3f} to {trial.high:.3f})" for trial in trials)
    return f"{said} Agreement with unseen labels, n = {trials[0].n}: {table}. {way} was best."
