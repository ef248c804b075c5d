"""Whether written examples help a student: it is tried with and without them on labels that it has not seen, and uses them only where they do.

The labels of documents that the writer was shown are left out of the comparison: its examples say again what these say, and whoever learns
from an example would know them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix
from pipeline.students.choice import Choice, Measure, choose, fit_candidate
from pipeline.students.fitting import Workshop
from pipeline.students.inputs import Inputs
from pipeline.students.macro import macro_f1
from pipeline.students.material import Material
from pipeline.students.written import Written, choose_written, with_written

__all__ = ["Offered", "WrittenTrial", "try_written"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
RESAMPLES = 300
AMONG = 3  # likeliest categories by the student that the asked one must be among: it hardly knows a rare one, and what it knows teaches it little


@dataclass(frozen=True, eq=False)
class Offered:
    """Examples that a model wrote, in parallel columns, and what they are judged by."""

    inputs: Inputs
    asked: Sequence[str]  # category that each was written for
    annotated: Sequence[str | None]  # category by the annotator
    judged: Bools  # which labelled documents (n,) the writer was not shown
    strangers: Matrix  # vectors (m, d) of documents beside those of the material, which no example may copy
    most: int  # kept of a category

    def known_to(self, categories: Sequence[str]) -> "Offered":
        """Leave out the examples of other categories."""
        rows = np.array([place for place, name in enumerate(self.asked) if name in categories], dtype=np.intp)
        names = [(self.asked[row], self.annotated[row]) for row in rows]
        return replace(self, inputs=self.inputs.take(rows), asked=[one for one, _ in names], annotated=[one for _, one in names])


@dataclass(frozen=True, eq=False)
class WrittenTrial:
    """Which examples were kept, how well unseen labels are predicted with and without them, and whether they are used."""

    written: Written
    offered: Offered
    without: float  # macro-F1 with all categories counted alike, 0 to 1
    beside: float  # the same with the examples
    low: float  # 95 % interval of the gain, on the same documents
    high: float
    n: int
    used: bool
    reason: str

    def added_to(self, material: Material) -> Material:
        """Put the examples beside the cited documents, where they are used."""
        return with_written(material, self.offered.inputs, self.written) if self.used else material


def try_written(offered: Offered, workshop: Workshop, choice: Choice, *, folds: int, measure: Measure = "agreement") -> tuple[WrittenTrial, Choice]:
    """Keep the examples that the annotator and the student agree on, and try the chosen candidate with them.

    The student that has a say is the chosen candidate, fitted without them. They are used where macro-F1 on unseen labels, with all
    categories counted alike, is higher with them.

    :param folds: as many as the workshop has, so that both are tried on the same ones.
    :return: the trial, and the choice: with settings, weights and predictions that the examples gave, where they are used.
    :raises TrainingError: where the labels of a fold are all of one category.
    """
    material = workshop.material
    offered = offered.known_to(material.categories)
    written = _kept(offered, material, choice, workshop)
    judged = np.flatnonzero(offered.judged)
    if not len(written) or not len(judged):
        nothing = "None was kept" if not len(written) else "The writer was shown all labelled documents"
        trial = WrittenTrial(written, offered, 0.0, 0.0, 0.0, 0.0, len(judged), used=False, reason=f"{_counted(written, offered)} {nothing}.")
        return trial, choice
    richer = Workshop(with_written(material, offered.inputs, written), folds=folds, seed=workshop.seed)
    again = choose([choice.candidate], richer, measure=measure)
    truth = material.soft.argmax(axis=1)[judged]
    ours, theirs = (one.unseen.argmax(axis=1)[judged] for one in (again, choice))
    beside, without = (macro_f1(truth, guesses, alike=True) for guesses in (ours, theirs))
    low, high = _gain(truth, ours, theirs, workshop.seed)
    used = beside > without
    trial = WrittenTrial(written, offered, without, beside, low, high, len(judged), used, "")
    return replace(trial, reason=_reason(trial)), _with_examples(choice, again) if used else choice


def _kept(offered: Offered, material: Material, choice: Choice, workshop: Workshop) -> Written:
    places = {name: place for place, name in enumerate(material.categories)}
    asked = np.array([places[name] for name in offered.asked], dtype=np.intp)
    annotated = [places.get(name) if name is not None else None for name in offered.annotated]
    if not len(asked):
        return Written(asked, asked, np.zeros(0), {})
    student = fit_candidate(choice, workshop).predict_proba(offered.inputs)
    known = material.everything.vectors
    if len(offered.strangers):
        known = np.concatenate([known, offered.strangers])
    return choose_written(offered.inputs.vectors, asked, student, annotated, known=known, most=offered.most, within=AMONG)


def _with_examples(choice: Choice, again: Choice) -> Choice:
    """Take over what the candidate is with the examples; why it was chosen stays as it was."""
    (trial,) = again.trials
    trials = tuple(trial if one.candidate == trial.candidate else one for one in choice.trials)
    return replace(again, trials=trials, reason=choice.reason)


def _gain(truth: Ints, ours: Ints, theirs: Ints, seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    draws = [random.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES)]
    found = [macro_f1(truth[rows], ours[rows], alike=True) - macro_f1(truth[rows], theirs[rows], alike=True) for rows in draws]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _counted(written: Written, offered: Offered) -> str:
    refused = ", ".join(f"{reason}: {count}" for reason, count in written.refused.items())
    return f"Written examples: {len(written)} of {len(offered.asked)} kept{f' ({refused})' if refused else ''}."


def _reason(trial: WrittenTrial) -> str:
    gain = f"{trial.beside - trial.without:+.3f}, {trial.low:+.3f} to {trial.high:+.3f} on the same documents"
    on = f"on {trial.n} unseen labels of documents that the writer was not shown, all categories counted alike"
    said = f"With them macro-F1 is {trial.beside:.3f}, without them {trial.without:.3f} ({gain}), {on}"
    return f"{_counted(trial.written, trial.offered)} {said}: {'they are used' if trial.used else 'they are not used'}."
