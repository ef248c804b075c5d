"""Which student is best, by cross-validation: each candidate is judged on labels that neither it nor its settings have seen.

The folds are nested without fitting anything twice: what a candidate predicts of a fold comes from classifiers that did not see it, with
settings and weights that suit the labels of the other folds. The predictions which those are found on come from classifiers that did
see the fold, as everywhere in stacking; too little passes that way for labels drawn by lot to be predicted better than by lot.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from pipeline.intervals import wilson
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.macro import macro_f1
from pipeline.students.voices import Voices, fit_weights

__all__ = ["Candidate", "Choice", "Measure", "Trial", "choose", "fit_candidate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Measure = Literal["agreement", "macro_f1"]
Point = tuple[Mapping[str, Any], Floats]  # settings, and log-probabilities of unseen labels with them
RESAMPLES: Mapping[Measure, int] = {"agreement": 1000, "macro_f1": 300}
CLEAR: Mapping[Measure, float] = {"agreement": 0.01, "macro_f1": 0.0}  # gain above which a candidate goes before one that is listed earlier
EVERYONE = slice(None)


@dataclass(frozen=True)
class Candidate:
    """A student to be: one classifier, or several heard together."""

    name: str
    voices: tuple[Voice, ...]


@dataclass(frozen=True)
class Trial:
    """How one candidate did on labels that it had not seen."""

    candidate: str
    agreement: float  # mean probability, by the teacher, of what was predicted, 0 to 1
    low: float
    high: float
    n: int
    log_loss: float  # nats a document
    macro_f1: float  # against the likeliest label, as if all categories were as frequent, 0 to 1
    seconds: float  # of all its fits
    settings: Mapping[str, Any]  # chosen on all labels, by voice


@dataclass(frozen=True)
class Choice:
    """The candidate chosen, with what is needed to fit it, all trials, and why it was chosen."""

    candidate: Candidate
    settings: tuple[Mapping[str, Any], ...]  # of each voice
    weights: tuple[float, ...]  # of each voice
    unseen: Floats  # log-probabilities (n, k) of the labelled documents by classifiers that did not see their labels
    trials: tuple[Trial, ...]
    reason: str


def choose(candidates: Sequence[Candidate], workshop: Workshop, *, measure: Measure = "agreement") -> Choice:
    """Try all candidates, and choose the first unless another one predicts unseen labels clearly better.

    Clearly is by more than chance, and of agreement by more than .01 even so: what repeats a weak teacher's errors agrees with it more than
    what is right, and on four corpora with gold labels smaller gains in agreement went with losses in accuracy.

    :param measure: agreement, by the probabilities of the teacher; or macro-F1 against its likeliest labels, all categories alike, which
        asks as much of rare categories as of frequent ones.
    :raises TrainingError: where the labels of a fold are all of one category, or the documents lack what a candidate looks at.
    """
    kept: dict[Any, list[tuple[Mapping[str, Any], Floats]]] = {}
    seconds: dict[Any, float] = {}
    for voice in (voice for candidate in candidates for voice in candidate.voices):
        if voice.work not in kept:
            began = time.monotonic()
            kept[voice.work] = [(point, workshop.unseen(voice, point)) for point in voice.grid]
            seconds[voice.work] = time.monotonic() - began
    scale = _Scale(workshop, measure)
    tried = [_tried(candidate, [kept[voice.work] for voice in candidate.voices], workshop, scale) for candidate in candidates]
    best = _chosen(tried, scale)
    trials = []
    for candidate, logits in zip(candidates, tried, strict=True):
        settings = {voice.name: kept[voice.work][scale.best(kept[voice.work])][0] for voice in candidate.voices}
        spent = sum(seconds[voice.work] for voice in candidate.voices)
        trials.append(_trial(candidate.name, logits, scale, seconds=spent, settings=settings))
    chosen = candidates[best]
    places = [scale.best(kept[voice.work]) for voice in chosen.voices]
    parts = [kept[voice.work][place][1] for voice, place in zip(chosen.voices, places, strict=True)]
    return Choice(
        candidate=chosen,
        settings=tuple(kept[voice.work][place][0] for voice, place in zip(chosen.voices, places, strict=True)),
        weights=tuple(_weights(chosen, parts, workshop, slice(None))),
        unseen=tried[best],
        trials=tuple(trials),
        reason=_reason(trials, tried, best, scale),
    )


def fit_candidate(choice: Choice, workshop: Workshop) -> Voices:
    """Fit what was chosen on all labels; its classes are places of categories."""
    parts = zip(choice.candidate.voices, choice.settings, strict=True)
    voices = [workshop.fit(voice, settings) for voice, settings in parts]
    return Voices(voices, list(choice.weights), np.arange(len(workshop.material.categories)))


class _Scale:
    """Says by one measure how well unseen labels were predicted."""

    def __init__(self, workshop: Workshop, measure: Measure) -> None:
        self.soft, self.seed, self.measure = workshop.material.soft, workshop.seed, measure
        self.truth = self.soft.argmax(axis=1)

    def agreements(self, logits: Floats) -> Floats:
        """Give the probability, by the teacher, of what is predicted of each document, (n,)."""
        return np.asarray(self.soft[np.arange(len(logits)), logits.argmax(axis=1)])

    def macro_f1(self, logits: Floats, rows: Ints | slice = EVERYONE) -> float:
        return macro_f1(self.truth[rows], logits.argmax(axis=1)[rows], alike=True)

    def score(self, logits: Floats, rows: Ints | slice = EVERYONE) -> float:
        return float(self.agreements(logits)[rows].mean()) if self.measure == "agreement" else self.macro_f1(logits, rows)

    def best(self, points: Sequence[Point], rows: Ints | slice = EVERYONE) -> int:
        """Give the place of the settings that predict the labels of some rows best; of equals the first."""
        return int(np.argmax([self.score(logits, rows) for _, logits in points]))

    def gain(self, ours: Floats, theirs: Floats) -> tuple[float, float, float]:
        """Give how much better one predicts than the other on the same documents, with its interval (paired bootstrap)."""
        draws = np.random.default_rng(self.seed).integers(0, len(ours), (RESAMPLES[self.measure], len(ours)))
        if self.measure == "agreement":
            gain = self.agreements(ours) - self.agreements(theirs)
            mean, found = float(gain.mean()), gain[draws].mean(axis=1)
        else:
            mean = self.macro_f1(ours) - self.macro_f1(theirs)
            found = np.array([self.macro_f1(ours, rows) - self.macro_f1(theirs, rows) for rows in draws])
        return mean, float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


def _tried(candidate: Candidate, kept: Sequence[Sequence[Point]], workshop: Workshop, scale: _Scale) -> Floats:
    """Predict each fold with settings and weights that the other folds gave: log-probabilities (n, k)."""
    found = np.zeros(workshop.material.soft.shape)
    for rows, out in workshop.folds:
        parts = [points[scale.best(points, rows)][1] for points in kept]
        weights = _weights(candidate, parts, workshop, rows)
        found[out] = log_softmax(sum(weight * part[out] for weight, part in zip(weights, parts, strict=True)), axis=1)
    return found


def _weights(candidate: Candidate, parts: Sequence[Floats], workshop: Workshop, rows: Ints | slice) -> list[float]:
    usual = [voice.usual for voice in candidate.voices]
    return fit_weights([part[rows] for part in parts], workshop.material.soft[rows], usual=usual, weights=workshop.material.weights[rows])


def _trial(name: str, logits: Floats, scale: _Scale, *, seconds: float, settings: Mapping[str, Any]) -> Trial:
    mean, n = float(scale.agreements(logits).mean()), len(logits)
    loss = float(-(scale.soft * logits).sum(axis=1).mean())
    return Trial(name, mean, *wilson(mean, n), n, loss, scale.macro_f1(logits), seconds, settings)


def _chosen(tried: Sequence[Floats], scale: _Scale) -> int:
    best = 0
    for place in range(1, len(tried)):
        if scale.gain(tried[place], tried[best])[1] > CLEAR[scale.measure]:
            best = place
    return best


def _reason(trials: Sequence[Trial], tried: Sequence[Floats], best: int, scale: _Scale) -> str:
    one = trials[best]
    found = f"{one.agreement:.3f} ({one.low:.3f} to {one.high:.3f}, n = {one.n})"
    said = f"{one.candidate}: the teacher holds {found} of its predictions of unseen labels right"
    if scale.measure == "macro_f1":
        said = f"{said}; macro-F1 {one.macro_f1:.3f}, all categories alike"
    others = [place for place in range(len(trials)) if place != best]
    if not others:
        return f"{said}. It was the only candidate."
    second = max(others, key=lambda place: getattr(trials[place], scale.measure))
    gain, low, high = scale.gain(tried[best], tried[second])
    beside = f"{said}, {gain:+.3f} beside {trials[second].candidate}, the best of the others ({low:+.3f} to {high:+.3f} on the same documents)"
    if gain >= 0:
        return f"{beside}." if low > 0 else f"{beside}, which is within chance."
    if scale.measure == "macro_f1":
        return f"{beside}. It stands first, and what another gains may be chance."
    return (
        f"{beside}. It stands first, and no gain counts that may well be {CLEAR['agreement']} or less: repeating a teacher's errors brings as much."
    )
