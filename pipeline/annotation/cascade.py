"""A cascade: each document's label is taken from the first stage that is sure enough of it, at a promised accuracy.

A stage's threshold is learnt from *checks*: whether the label of one chosen document is right, said by a person, by gold,
or by a stronger model, whose labels are then what the promise is relative to. The promise: of the labels taken, the share
that is right is at least `promised`, except with chance `delta`. Since a check tells right from wrong, the number of
categories does not matter. The probabilities need not be calibrated: they only order the documents.

The idea is BARGAIN's (Zeighami et al., "Cut Costs, Not Accuracy", 2025). The candidates are thresholds fixed by the
probabilities alone, tried from the strictest to the loosest until one cannot be shown to keep the promise. Documents lie in
one random order, and those above a threshold are checked along it until `allowed_wrong` says that enough is known. Then

- a check counts at every looser threshold too: the order among the documents of a larger set is a random order of them,
  only its unbroken beginning is used, and the test allows one to stop anywhere on it for whatever reason;
- many candidates need no correction: for the promise to break, the first candidate that breaks it has to pass its own
  test, and no draw decides which candidate that is (fixed-sequence testing);
- what a test still lacks if all goes well is asked for at once, so that no check is made in vain and there are few rounds;
- a further stage is learnt on documents that are left, in an order of its own (another seed), so that its test holds whatever
  the stages before it found. Each stage has its share of delta.

Measured by simulation (bench/cascade.py): it takes more than the best fixed threshold of as many checks drawn from all
documents, unless the probabilities say nothing of which labels are right. Thresholds by category, each learnt on its own
documents with its share of delta and of the checks, mostly take much less, and more only where whole categories are much
worse than they say; so there is one for all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

from pipeline.annotation.proof import allowed_wrong
from pipeline.trust_records import Threshold

__all__ = ["NONE_TAKEN", "Checker", "LearnedThreshold", "best_fixed_threshold", "learn_threshold"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
NONE_TAKEN = 2.0  # the threshold that no probability reaches
CANDIDATES = 20
STRICTEST = 0.1  # share of the documents that the strictest candidate takes; a smaller one costs checks that looser ones cannot use
ROOM = 5  # wrong labels that it may hold at least: one slip must not end the search
UNASKED, WRONG, RIGHT = -1, 0, 1


class Checker(Protocol):
    """Whoever knows the right labels."""

    def __call__(self, places: Sequence[int], /) -> Sequence[bool | None]:
        """Say of each place whether its document's label is right; None where it cannot be told, which counts as wrong."""


@dataclass(frozen=True)
class LearnedThreshold:
    """The threshold of one stage and what it rests on."""

    threshold: float  # `NONE_TAKEN` where none keeps the promise
    promised: float
    delta: float
    checked: int  # drawn at random from those taken, or from those of the strictest candidate where none is taken
    correct: int
    share: float  # of all documents that are taken, 0 to 1
    spent: int  # checks in all
    unknown: int  # of them that could not be made
    why: str

    def record(self, *, taxonomy_id: str, annotator_id: str) -> Threshold:
        """Make the record that is stored."""
        return Threshold(taxonomy_id, annotator_id, self.threshold, self.promised, self.delta, self.checked, self.correct, self.share)


def learn_threshold(
    probabilities: Sequence[float | None], check: Checker, *, promised: float, delta: float, budget: int, seed: int
) -> LearnedThreshold:
    """Find the loosest threshold that can be shown to keep the promise with at most `budget` checks.

    What cannot be checked counts as wrong, so that the promise holds whatever those documents are.

    :raises ValueError: when `promised` or `delta` is not between 0 and 1, or the budget is negative.
    """
    _validate(promised, delta, budget)
    surest = _as_floats(probabilities)
    ledger = _Ledger(check, len(surest), budget)
    order = np.random.default_rng(seed).permutation(len(surest))
    found, stuck = _Passed(NONE_TAKEN, 0, 0, 0), None
    for threshold in _candidates(surest, promised):
        above = order[surest[order] >= threshold]
        passed = _prove(above, float(threshold), ledger, promised=promised, delta=delta)
        if not passed.proven:
            stuck = passed
            break
        found = passed
    drawn = stuck if stuck is not None and not found.taken else found
    why = _why(found, stuck, ledger, promised, delta)
    share = found.taken / len(surest) if len(surest) else 0.0
    return LearnedThreshold(found.threshold, promised, delta, drawn.drawn, drawn.right, share, ledger.spent, ledger.unknown, why)


def best_fixed_threshold(
    probabilities: Sequence[float | None], check: Checker, *, promised: float, delta: float, budget: int, seed: int
) -> LearnedThreshold:
    """Find the loosest threshold that checks drawn from all documents alike show to keep the promise: what a cascade is compared with.

    Each of the candidates is tested exactly (Clopper and Pearson's bound, in its hypergeometric form for a finite set,
    which is the stronger), at delta divided by their number.
    """
    _validate(promised, delta, budget)
    surest = _as_floats(probabilities)
    ledger = _Ledger(check, len(surest), budget)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~np.isnan(surest)))[:budget]
    ledger.ask(order)
    candidates = _candidates(surest, promised)
    found = _Passed(NONE_TAKEN, 0, 0, 0)
    for threshold in candidates:
        taken, drawn = int((surest >= threshold).sum()), order[surest[order] >= threshold]
        right = int((ledger.found[drawn] == RIGHT).sum())
        chance = hypergeom.sf(right - 1, taken, _needed(promised, taken) - 1, len(drawn))
        if len(drawn) and chance <= delta / len(candidates):
            found = _Passed(float(threshold), taken, len(drawn), right)
    why = f"One of {len(candidates)} candidates, each tested at {delta:g} / {len(candidates)} on the same {len(order)} checks."
    share = found.taken / len(surest) if len(surest) else 0.0
    return LearnedThreshold(found.threshold, promised, delta, found.drawn, found.right, share, ledger.spent, ledger.unknown, why)


@dataclass(frozen=True)
class _Passed:
    """How far the test of one candidate came."""

    threshold: float
    taken: int
    drawn: int
    right: int
    proven: bool = True
    lacking: int | None = None  # further checks that it would take at least; None where no number of them would do


class _Ledger:
    """Remembers what was checked, and how many checks are left."""

    def __init__(self, check: Checker, size: int, budget: int) -> None:
        self._check = check
        self.budget = budget
        self.found = np.full(size, UNASKED)
        self.spent = 0
        self.unknown = 0

    @property
    def left(self) -> int:
        """Count the checks that may still be made."""
        return self.budget - self.spent

    def ask(self, places: Ints) -> None:
        """Have documents checked that were not."""
        answers = list(self._check([int(place) for place in places]))
        if len(answers) != len(places):
            raise ValueError(f"A check of {len(places)} documents gave {len(answers)} answers; it has to give one for each, in their order.")
        self.found[places] = [RIGHT if answer else WRONG for answer in answers]
        self.spent += len(answers)
        self.unknown += sum(answer is None for answer in answers)


def _prove(above: Ints, threshold: float, ledger: _Ledger, *, promised: float, delta: float) -> _Passed:
    """Check documents along their order until the promise is proven for all of them, or cannot be with the checks that are left."""
    size = len(above)
    order = above[: ledger.budget]
    if not len(order):
        return _Passed(threshold, size, 0, 0, proven=False)
    allowed = allowed_wrong(size, _needed(promised, size), len(order), delta)
    while True:
        found = ledger.found[order]
        enough = np.flatnonzero(np.cumsum(found == WRONG) <= allowed)  # if all that is not known were right
        unasked = np.flatnonzero(found == UNASKED)
        known = int(unasked[0]) if len(unasked) else len(order)
        lacking = order[: enough[0] + 1][found[: enough[0] + 1] == UNASKED] if len(enough) else None
        if lacking is not None and not len(lacking):
            drawn = int(enough[0]) + 1
            return _Passed(threshold, size, drawn, int((found[:drawn] == RIGHT).sum()))
        if lacking is None or len(lacking) > ledger.left:
            right = int((found[:known] == RIGHT).sum())
            return _Passed(threshold, size, known, right, proven=False, lacking=None if lacking is None else len(lacking))
        ledger.ask(lacking)


def _candidates(surest: Floats, promised: float) -> Floats:
    """Choose thresholds from the strictest to the loosest, by the probabilities alone."""
    ranked = -np.sort(-surest[~np.isnan(surest)])
    if not len(ranked):
        return ranked
    fewest = min(len(ranked), max(math.ceil(ROOM / (1 - promised)), math.ceil(STRICTEST * len(ranked))))
    ranks = np.linspace(fewest - 1, len(ranked) - 1, CANDIDATES).round().astype(int)
    return np.asarray(np.unique(ranked[ranks])[::-1])


def _needed(promised: float, size: int) -> int:
    """Count the labels of `size` that have to be right."""
    return max(1, math.ceil(promised * size - 1e-9))


def _as_floats(probabilities: Sequence[float | None]) -> Floats:
    return np.array([math.nan if value is None else value for value in probabilities], dtype=np.float64)


def _validate(promised: float, delta: float, budget: int) -> None:
    if not (0 < promised < 1 and 0 < delta < 1 and budget >= 0):
        raise ValueError(f"promised and delta lie between 0 and 1 and the budget is at least 0; they are {promised}, {delta} and {budget}.")


def _why(found: _Passed, stuck: _Passed | None, ledger: _Ledger, promised: float, delta: float) -> str:
    """Say in words what a threshold rests on, and what kept a looser one from being taken."""
    said = []
    if found.taken:
        above = f"the {found.taken} with a probability of at least {found.threshold:.4g}"
        said.append(f"Of {found.drawn} labels drawn from {above}, {found.right} are right.")
    if stuck is None and not found.taken:
        said.append("No document has a probability, so that none can be taken.")
    elif stuck is None:
        said.append("No label has a lower one.")
    elif not found.taken:
        said.append(f"No threshold is shown to keep {promised:.4g} with confidence {1 - delta:.4g}, so that no label is taken.")
    if stuck is not None:
        said.append(_stuck(stuck, ledger))
    if ledger.unknown:
        said.append(f"{ledger.unknown} could not be checked and count as wrong.")
    return " ".join(said)


def _stuck(stuck: _Passed, ledger: _Ledger) -> str:
    where = f"Of {stuck.drawn} drawn from the {stuck.taken} with at least {stuck.threshold:.4g}, {stuck.right} are right"
    if stuck.lacking is None:
        return f"{where}: {ledger.budget} checks cannot show that these keep the promise."
    return f"{where}: it would take at least {stuck.lacking} more checks, all of them right, and {ledger.left} of {ledger.budget} are left."
