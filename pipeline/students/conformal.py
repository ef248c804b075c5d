"""Sets of categories that hold the right one as often as promised: split conformal prediction (Vovk et al., 2005).

A category is in the set from a probability on, which is learnt on predictions of labels that the student had not seen. Of the orders
that were tried, that by probability gives the smallest sets (as Sadinle et al., JASA 2019, prove of true probabilities). At 90 % on
four corpora they hold 1.2 to 1.9 categories on average, where those by cumulated probability (APS, Romano et al., NeurIPS 2020) hold 2
to 19, and with a price on size (RAPS, Angelopoulos et al., ICLR 2021) 1.8 to 2.8.

What is promised depends on whose labels are learnt from:

- From 100 known labels on, these alone. Then the promise is of the right category and exact: over drawings of so many documents, the
  sets hold it in at least the promised share of new ones, and in at most 1 / (n + 1) more where no two probabilities are equal. One
  drawing strays from it, by about sqrt(level * (1 - level) / n): at 90 % by 0.02 with 200, by 0.01 with 1,000. Measured on four
  corpora with 200: 0.900 on average over 40 drawings, 0.018 to either side.
- With fewer, every document's label is drawn from the teacher's probabilities. One drawing is as exact as above where these are
  true *given what the student predicts*, for then drawn and right categories are exchangeable. Averaging the p-values of several
  drawings (Monte Carlo conformal prediction, Stutz et al., TMLR 2023) takes out the chance of the drawing. In theory it keeps half the
  promise only, an error of at most 2 * (1 - level); in simulation the whole, since an average of drawings strays less than one does.
  A teacher's probabilities are never quite true given the student: a student that learns from many labels is right more often than
  they say, and errors that both make look like agreement. Measured at 90 %: 0.93 to 0.96 of the right categories with a teacher that was
  calibrated on 200 known labels, 0.81 to 0.88 with one that never was.

Both take the labelled documents for a random draw of those to come, and predictions across folds for those of the student, which
has learnt from a few more labels and so covers a little more.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.intervals import wilson
from pipeline.students.judged import checked_probabilities, judged_rows

__all__ = ["ConformalSets", "LabelCoverage", "SetCoverage", "coverage", "fit_conformal"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
DRAWS = 20  # of each label from the teacher's probabilities
FEWEST_OF_LABEL = 20  # documents of a category with a threshold of its own
FOLDS = 5
EXACT = 1e-9


@dataclass(frozen=True)
class ConformalSets:
    """The least probability with which a category is in a set: one for all (`least`), and one for each (`least_by_label`).

    With the one for all, the right category is held in the promised share of all documents; with those for each, in that of the documents
    of each category. Categories with fewer than 20 documents share one threshold, which promises it of them together, so that
    the promise for all documents holds too; where they have fewer than 20 between them, it is `least`.
    """

    level: float
    least: float
    least_by_label: tuple[float, ...]
    own: tuple[bool, ...]  # whether the category has a threshold of its own
    fitted_on: int
    known: bool  # fitted to known labels, not to a teacher's probabilities

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "ConformalSets":
        """Read what `as_settings` gave, also after it was JSON."""
        return cls(**{**settings, "least_by_label": tuple(settings["least_by_label"]), "own": tuple(settings["own"])})

    def as_settings(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return {**asdict(self), "least_by_label": list(self.least_by_label), "own": list(self.own)}

    def members(self, probabilities: npt.ArrayLike, *, per_label: bool = False, empty: bool = False) -> Flags:
        """Say which categories are in the set of each document, (n, k).

        :param per_label: keep the promise for each category, at the price of larger sets.
        :param empty: leave a set empty where nothing is likely enough; otherwise it holds the likeliest category, and the share of
            sets that hold the right one may lie above the promise.
        """
        values = checked_probabilities(probabilities)
        if values.shape[1] != len(self.least_by_label):
            raise ValueError(
                f"probabilities of {values.shape[1]} categories, thresholds of {len(self.least_by_label)}: they are of different students"
            )
        found = values >= (np.array(self.least_by_label) if per_label else self.least)
        if not empty:
            found[np.arange(len(values)), values.argmax(axis=1)] = True
        return np.asarray(found)


@dataclass(frozen=True)
class LabelCoverage:
    """In what share of one category's documents the set holds it."""

    place: int  # of the category
    covered: float
    low: float
    high: float
    n: int  # documents of it, as the teacher has them where no label is known


@dataclass(frozen=True)
class SetCoverage:
    """In what share of documents the set holds the right category, by thresholds that had not seen them."""

    level: float  # promised
    per_label: bool
    known: bool  # measured on known labels, not by a teacher's probabilities
    covered: float
    low: float
    high: float
    n: int
    mean_size: float  # categories in a set
    by_label: tuple[LabelCoverage, ...]  # of the categories that there are documents of


def fit_conformal(unseen: npt.ArrayLike, soft: npt.ArrayLike, *, level: float = 0.9, known: npt.ArrayLike | None = None, seed: int) -> ConformalSets:
    """Learn from predictions of labels that the student had not seen from what probability on a category belongs in a set.

    :param unseen: calibrated probabilities (n, k), as those will be that sets are asked of.
    :param soft: probabilities of the right category (n, k), rows that sum to 1.
    :param level: the share of sets that is to hold the right category.
    :param known: which rows (n,) are known labels, one-hot each; from 100 of them on they alone are learnt from.
    """
    values, truth, is_known = _judged(unseen, soft, known, level)
    return _fitted(values, truth, level, known=is_known, seed=seed)


def coverage(
    unseen: npt.ArrayLike,
    soft: npt.ArrayLike,
    *,
    level: float = 0.9,
    known: npt.ArrayLike | None = None,
    per_label: bool = False,
    seed: int,
) -> SetCoverage:
    """Measure by cross-fitting what the promise is worth: each fifth of the documents against sets that the others gave.

    The parameters are those of `fit_conformal`. Where no label is known, it measures whether the arithmetic keeps its word, not
    whether the teacher does.

    :raises ValueError: where there is no document.
    """
    values, truth, is_known = _judged(unseen, soft, known, level)
    n = len(values)
    if not n:
        raise ValueError("no labelled document to measure on")
    parts = np.random.default_rng(seed).permutation(n) % FOLDS
    members = np.zeros(values.shape, dtype=bool)
    for part in np.unique(parts):
        rows, out = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        sets = _fitted(values[rows], truth[rows], level, known=is_known, seed=seed)
        members[out] = sets.members(values[out], per_label=per_label)
    covered = float((truth * members).sum() / n)
    size = float(members.sum(axis=1).mean())
    return SetCoverage(level, per_label, is_known, covered, *wilson(covered, n), n, size, _by_label(truth, members))


def _by_label(truth: Floats, members: Flags) -> tuple[LabelCoverage, ...]:
    hits, sizes = (truth * members).sum(axis=0), truth.sum(axis=0)
    found = []
    for place in np.flatnonzero(sizes >= 0.5).tolist():
        covered, n = min(1.0, float(hits[place] / sizes[place])), round(float(sizes[place])) or 1
        found.append(LabelCoverage(place, covered, *wilson(covered, n), n))
    return tuple(found)


def _judged(unseen: npt.ArrayLike, soft: npt.ArrayLike, known: npt.ArrayLike | None, level: float) -> tuple[Floats, Floats, bool]:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; a share between 0 and 1 can be promised")
    judged, values = judged_rows(soft, known), checked_probabilities(unseen)
    if values.shape != np.shape(soft):
        raise ValueError(f"predictions {values.shape} and soft labels {np.shape(soft)}: give one row for each document to both")
    return values[judged.rows], judged.truth, judged.known


def _fitted(values: Floats, truth: Floats, level: float, *, known: bool, seed: int) -> ConformalSets:
    k = values.shape[1]
    labels = truth.argmax(axis=1)[None] if known else _drawn(truth, seed)
    alphas = -values[np.arange(len(values)), labels]  # how strange each drawn label looks
    least = _least(list(alphas), level)
    own = truth.sum(axis=0) >= FEWEST_OF_LABEL - EXACT
    rest = ~own[labels]
    shared = _least([row[kept] for row, kept in zip(alphas, rest, strict=True)], level) if truth[:, ~own].sum() >= FEWEST_OF_LABEL - EXACT else least
    by_label = [
        _least([row[drawn == place] for row, drawn in zip(alphas, labels, strict=True)], level) if own[place] else shared for place in range(k)
    ]
    return ConformalSets(level, least, tuple(by_label), tuple(own.tolist()), len(values), known)


def _drawn(truth: Floats, seed: int) -> Ints:
    """Draw each document's label several times, (draws, n), from every part of its probabilities alike.

    The drawings of one round are independent of each other; those of one document are not: they lie as evenly as its probabilities allow.
    """
    random, n = np.random.default_rng(seed), len(truth)
    turns = random.permuted(np.tile(np.arange(DRAWS), (n, 1)), axis=1).T
    places = (turns + random.random((DRAWS, n))) / DRAWS
    edges = truth.cumsum(axis=1)[:, :-1]  # without the last, which is 1 but for rounding
    return np.stack([(place[:, None] >= edges).sum(axis=1) for place in places])


def _least(drawings: Sequence[Floats], level: float) -> float:
    """Find the least probability whose p-value, averaged over the drawings, is above 1 - level; 0 where any is."""
    from crepes import ConformalClassifier  # here, because it imports pandas, which scoring does without

    judges = [ConformalClassifier().fit(alphas) for alphas in drawings]

    def is_strange(alpha: float) -> bool:
        values = [judge.predict_p(np.array([alpha]), smoothing=False)[0] for judge in judges]
        return bool(np.mean(values) <= 1 - level + EXACT)

    if not is_strange(np.inf):
        return 0.0
    candidates = np.unique(np.concatenate(drawings))
    return max(0.0, -float(candidates[bisect_left(candidates, True, key=is_strange) - 1]))
