"""Which student is best, by cross-validation: each candidate is judged on labels that neither it nor its settings have seen.

The folds are nested without fitting anything twice: what a candidate predicts of a fold comes from classifiers that did not see it, with
settings and weights that suit the labels of the other folds. The predictions which those are found on come from classifiers that did
see the fold, as everywhere in stacking; too little passes that way for labels drawn by lot to be predicted better than by lot.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from pipeline.intervals import wilson
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.voices import Voices, fit_weights

__all__ = ["Candidate", "Choice", "Trial", "choose", "fit_candidate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
RESAMPLES = 1000
CLEAR = 0.01  # gain in agreement above which a candidate goes before one that is listed earlier


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


def choose(candidates: Sequence[Candidate], workshop: Workshop) -> Choice:
    """Try all candidates, and choose the first unless another one's predictions of unseen labels are clearly likelier by the teacher.

    Clearly is by more than .01, and more than chance. What repeats a weak teacher's errors agrees with it more than what is right:
    on four corpora with gold labels, gains in agreement of less than that went with losses in accuracy.

    :raises TrainingError: where the labels of a fold are all of one category, or the documents lack what a candidate looks at.
    """
    kept: dict[Any, list[tuple[Mapping[str, Any], Floats]]] = {}
    seconds: dict[Any, float] = {}
    for voice in (voice for candidate in candidates for voice in candidate.voices):
        if voice.work not in kept:
            began = time.monotonic()
            kept[voice.work] = [(point, workshop.unseen(voice, point)) for point in voice.grid]
            seconds[voice.work] = time.monotonic() - began
    tried = [_tried(candidate, [kept[voice.work] for voice in candidate.voices], workshop) for candidate in candidates]
    scores = [_agreements(one, workshop) for one in tried]
    best = _chosen(scores, workshop.seed)
    trials = []
    for candidate, logits, score in zip(candidates, tried, scores, strict=True):
        settings = {voice.name: kept[voice.work][_best(kept[voice.work], workshop, slice(None))][0] for voice in candidate.voices}
        spent = sum(seconds[voice.work] for voice in candidate.voices)
        trials.append(_trial(candidate.name, logits, score, workshop, seconds=spent, settings=settings))
    chosen = candidates[best]
    places = [_best(kept[voice.work], workshop, slice(None)) for voice in chosen.voices]
    parts = [kept[voice.work][place][1] for voice, place in zip(chosen.voices, places, strict=True)]
    return Choice(
        candidate=chosen,
        settings=tuple(kept[voice.work][place][0] for voice, place in zip(chosen.voices, places, strict=True)),
        weights=tuple(_weights(chosen, parts, workshop, slice(None))),
        unseen=tried[best],
        trials=tuple(trials),
        reason=_reason(trials, scores, best, seed=workshop.seed),
    )


def fit_candidate(choice: Choice, workshop: Workshop) -> Voices:
    """Fit what was chosen on all labels; its classes are places of categories."""
    parts = zip(choice.candidate.voices, choice.settings, strict=True)
    voices = [workshop.fit(voice, settings) for voice, settings in parts]
    return Voices(voices, list(choice.weights), np.arange(len(workshop.material.categories)))


def _tried(candidate: Candidate, kept: Sequence[Sequence[tuple[Mapping[str, Any], Floats]]], workshop: Workshop) -> Floats:
    """Predict each fold with settings and weights that the other folds gave: log-probabilities (n, k)."""
    found = np.zeros(workshop.material.soft.shape)
    for rows, out in workshop.folds:
        parts = [points[_best(points, workshop, rows)][1] for points in kept]
        weights = _weights(candidate, parts, workshop, rows)
        found[out] = log_softmax(sum(weight * part[out] for weight, part in zip(weights, parts, strict=True)), axis=1)
    return found


def _best(points: Sequence[tuple[Mapping[str, Any], Floats]], workshop: Workshop, rows: Ints | slice) -> int:
    return int(np.argmax([_agreements(logits, workshop)[rows].mean() for _, logits in points]))


def _weights(candidate: Candidate, parts: Sequence[Floats], workshop: Workshop, rows: Ints | slice) -> list[float]:
    usual = [voice.usual for voice in candidate.voices]
    return fit_weights([part[rows] for part in parts], workshop.material.soft[rows], usual=usual, weights=workshop.material.weights[rows])


def _agreements(logits: Floats, workshop: Workshop) -> Floats:
    """Give the probability, by the teacher, of what is predicted of each document, (n,)."""
    return np.asarray(workshop.material.soft[np.arange(len(logits)), logits.argmax(axis=1)])


def _trial(name: str, logits: Floats, score: Floats, workshop: Workshop, *, seconds: float, settings: Mapping[str, Any]) -> Trial:
    mean = float(score.mean())
    loss = float(-(workshop.material.soft * logits).sum(axis=1).mean())
    return Trial(name, mean, *wilson(mean, len(score)), len(score), loss, seconds, settings)


def _chosen(scores: Sequence[Floats], seed: int) -> int:
    best = 0
    for place in range(1, len(scores)):
        if _gain(scores[place], scores[best], seed)[1] > CLEAR:
            best = place
    return best


def _gain(ours: Floats, theirs: Floats, seed: int) -> tuple[float, float, float]:
    """Give how much more one has than the other on the same documents, with its interval (paired bootstrap)."""
    gain = ours - theirs
    draws = gain[np.random.default_rng(seed).integers(0, len(gain), (RESAMPLES, len(gain)))].mean(axis=1)
    return float(gain.mean()), float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def _reason(trials: Sequence[Trial], scores: Sequence[Floats], best: int, *, seed: int) -> str:
    one = trials[best]
    found = f"{one.agreement:.3f} ({one.low:.3f} to {one.high:.3f}, n = {one.n})"
    said = f"{one.candidate}: the teacher holds {found} of its predictions of unseen labels right"
    others = [place for place in range(len(trials)) if place != best]
    if not others:
        return f"{said}. It was the only candidate."
    second = max(others, key=lambda place: trials[place].agreement)
    gain, low, high = _gain(scores[best], scores[second], seed)
    beside = f"{said}, {gain:+.3f} beside {trials[second].candidate}, the best of the others ({low:+.3f} to {high:+.3f} on the same documents)"
    if gain >= 0:
        return f"{beside}." if low > 0 else f"{beside}, which is within chance."
    return f"{beside}. It stands first, and no gain counts that may well be {CLEAR} or less: repeating a teacher's errors brings as much."
