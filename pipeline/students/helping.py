"""What helps a student to see rare categories: weights, shifted borders and mixes, each on or off by how labels are predicted that it has not seen.

Two measures are taken. `alike` is the macro-F1 of documents among which all categories are as frequent: who asks for it wants every
category found. `as_they_are` is the macro-F1 of the documents as frequent as they are, where a category that is called too
often pays with its precision. What is right by the one may be wrong by the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from pipeline.students.estimators import make_estimator
from pipeline.students.fitting import Voice
from pipeline.students.fold_fits import FoldFits
from pipeline.students.material import Material
from pipeline.students.rare import pair_mixes
from pipeline.students.shifting import ShiftedRegression

__all__ = ["HELPS", "Help", "HelpTrial", "Helped", "fit_helped", "help_rare"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Measure = Literal["alike", "as_they_are"]
RESAMPLES = 300
LEAST = 1e-9


@dataclass(frozen=True)
class Help:
    """One way: how far borders are shifted towards frequent categories, balanced weights where None, and up to how many labels mixes fill."""

    name: str
    shift: float | None = None
    mixes: int = 0


HELPS = (
    Help("balanced"),
    Help("plain", 0.0),
    Help("shift .5", 0.5),
    Help("shift .75", 0.75),
    Help("shift 1", 1.0),
    Help("balanced, mixes", mixes=20),
    Help("shift .75, mixes", 0.75, 20),
)


@dataclass(frozen=True)
class HelpTrial:
    """How well one way predicts labels that it has not seen, 0 to 1; the interval is that of the measure which decides."""

    help: str
    alike: float
    as_they_are: float
    agreement: float
    low: float
    high: float
    n: int
    penalty: float  # C that served it best


@dataclass(frozen=True)
class Helped:
    """The way chosen, with its C, all trials, and why."""

    help: Help
    penalty: float
    features: tuple[str, ...]
    trials: tuple[HelpTrial, ...]
    reason: str


def help_rare(
    material: Material,
    *,
    features: tuple[str, ...] = ("embedding",),
    penalties: Sequence[float] = (1.0, 3.0, 10.0),
    helps: Sequence[Help] = HELPS,
    judge: Measure = "alike",
    folds: int = 5,
    seed: int,
) -> Helped:
    """Try ways for rare categories with a logistic regression, and choose the one with the best macro-F1 on unseen labels; of equals the first.

    Mixes are made anew in each fold, of its labels alone.

    :raises TrainingError: where the labels of a fold are all of one category.
    """
    fits = FoldFits(material, Voice("rare", "logistic_regression", features), folds=folds, seed=seed)
    truth = material.soft.argmax(axis=1)
    found = [_tried(fits, one, penalties, truth, judge) for one in helps]
    trials = [_trial(one, penalty, truth, guesses, judge, seed) for one, (penalty, guesses) in zip(helps, found, strict=True)]
    best = int(np.argmax([getattr(trial, judge) for trial in trials]))
    return Helped(helps[best], trials[best].penalty, features, tuple(trials), _reason(trials, best, judge))


def fit_helped(helped: Helped, material: Material, *, seed: int) -> Pipeline:
    """Fit what was chosen on all labels: a Pipeline over `Inputs` whose classes are places of categories.

    :raises TrainingError: where all labels are of one category.
    """
    fits = FoldFits(material, Voice("rare", "logistic_regression", helped.features), folds=2, seed=seed)
    mixes = pair_mixes(material.labelled, material.soft.argmax(axis=1), least=helped.help.mixes, seed=seed)
    model, everyone = _model(helped.help, helped.penalty, seed), np.arange(len(material.labelled))
    return fits.pipeline(fits.fit(model, everyone, material.soft, material.weights, beside=(mixes.inputs, mixes.categories)))


def _tried(fits: FoldFits, one: Help, penalties: Sequence[float], truth: Ints, judge: Measure) -> tuple[float, Ints]:
    guesses = np.zeros((len(penalties), len(truth)), dtype=np.intp)
    material = fits.material
    for rows, out in fits.folds:
        mixes = pair_mixes(material.labelled.take(rows), truth[rows], least=one.mixes, seed=fits.seed)
        for place, penalty in enumerate(penalties):
            model = _model(one, penalty, fits.seed)
            fitted = fits.fit(model, rows, material.soft, material.weights, beside=(mixes.inputs, mixes.categories))
            guesses[place, out] = fits.predict(fitted, out).argmax(axis=1)
    best = int(np.argmax([_macro(truth, row, judge) for row in guesses]))
    return penalties[best], guesses[best]


def _model(one: Help, penalty: float, seed: int) -> Any:
    if one.shift is None:
        return make_estimator("logistic_regression", {"C": penalty}, seed=seed)
    return ShiftedRegression(penalty, one.shift)


def _macro(truth: Ints, guesses: Ints, judge: Measure) -> float:
    """Give the macro-F1 over the categories that are there."""
    k = int(max(truth.max(), guesses.max())) + 1
    called = np.bincount(truth * k + guesses, minlength=k * k).reshape(k, k).astype(np.float64)
    there = called.sum(axis=1) > 0
    if judge == "alike":
        called /= np.maximum(called.sum(axis=1, keepdims=True), 1.0)
    return float((2 * np.diag(called) / np.maximum(called.sum(axis=0) + called.sum(axis=1), LEAST))[there].mean())


def _trial(one: Help, penalty: float, truth: Ints, guesses: Ints, judge: Measure, seed: int) -> HelpTrial:
    random = np.random.default_rng(seed)
    draws = (random.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES))
    low, high = np.quantile([_macro(truth[rows], guesses[rows], judge) for rows in draws], [0.025, 0.975])
    alike, as_they_are = (_macro(truth, guesses, measure) for measure in ("alike", "as_they_are"))
    return HelpTrial(one.name, alike, as_they_are, float((truth == guesses).mean()), float(low), float(high), len(truth), penalty)


def _reason(trials: Sequence[HelpTrial], best: int, judge: Measure) -> str:
    table = ", ".join(f"{trial.help} {getattr(trial, judge):.3f} ({trial.low:.3f} to {trial.high:.3f})" for trial in trials)
    how = "all categories counted as frequent" if judge == "alike" else "the categories as frequent as they are"
    return f"Macro-F1 on unseen labels, {how}, n = {trials[best].n}: {table}. {trials[best].help} was best."
