"""How a student's accuracy rises with labels, and what noisy labels are worth in clean ones.

- *Noise*: n labels, right with chance a, are worth n ((a - chance) / (1 - chance))² clean ones. For two categories this is
  the n (1 - 2 noise)² of Angluin and Laird (1988) and Natarajan et al. (2013); for more it takes wrong labels to be spread.
- *Votes*: the majority of voters whose errors correlate, since they err on the same documents (beta-binomial). Wrong
  votes are taken to agree with one another, which is the worst case.
- *Ceiling*: of such errors those stay that an annotator makes over and over; no number of its labels averages them out. With
  more than two categories its wrong answers on a document are taken to fall on two of them alike.
- *Learning*: accuracy rises from chance to a top, or to that ceiling where it is lower, by an inverse power law of the clean
  labels (Figueroa et al., 2012; Hestness et al., 2017), fitted on the learning curve so far where there is one, else assumed
  and said to be.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import beta, betabinom, binom

__all__ = ["CORRELATION", "LearningCurve", "LearningPoint", "assumed_curve", "ceiling_of", "fit_curve", "majority_accuracy", "skill"]

Floats = npt.NDArray[np.float64]
CORRELATION = 0.5  # of two votes' errors, where it was not measured
TOP, SCALE, RATE = 0.9, 0.2, 0.5  # the assumed curve; its scale, in clean labels a category, is small as students learn from unlabelled texts too
UNKNOWN_MARGIN, LEAST_MARGIN = 0.15, 0.03  # of the expected accuracy, for an assumed curve and for the best fitted one
MEASURED = 0.02  # standard error of a point's accuracy
DOUBT = np.array([1.0, 2.0, 0.4])  # how far a curve may lie from the assumed one: logit of the top, logarithms of scale and rate

LEAST = 1e-6  # a correlation or an error below it is none: the formulas lose their digits


@dataclass(frozen=True)
class LearningPoint:
    """How a student did that learnt from so many labels: against the annotator's labels, and against gold where there is any."""

    labels: int
    agreement: float
    accuracy: float | None = None


@dataclass(frozen=True)
class LearningCurve:
    """How a student's accuracy rises with clean labels."""

    top: float
    scale: float
    rate: float
    margin: float  # of the expected accuracy, either way
    reach: float  # clean labels up to which it was measured
    ground: str

    def accuracy(self, labels: float, *, chance: float, ceiling: float = 1.0) -> float:
        """Expect the accuracy after so many clean labels; `ceiling` is what the annotator's own errors leave."""
        rise = 1 - math.pow(1 + labels / self.scale, -self.rate)
        return chance + max(0.0, min(self.top, ceiling) - chance) * rise

    def doubt(self, labels: float) -> float:
        """Give the margin after so many clean labels, which grows with each doubling beyond what was measured."""
        return self.margin * (1 + max(0.0, math.log2(labels / self.reach))) if self.reach and labels else self.margin


def fit_curve(points: Sequence[LearningPoint], *, accuracy: float, categories: int, correlation: float = CORRELATION) -> LearningCurve:
    """Fit the learning curve on students that learnt from labels of the given accuracy; the assumed curve where that cannot be.

    The fit starts from the assumed curve and leaves it as far as the points say, so that one point is enough. Where a
    point has no accuracy, it is reckoned from the agreement, as if the annotator erred as often where the student agrees.
    """
    assumed, chance = assumed_curve(categories), 1 / categories
    used = [point for point in points if point.labels > 0]
    if not used or not skill(accuracy, chance):
        return assumed
    ceiling = ceiling_of(accuracy, correlation, categories)
    clean = np.array([point.labels for point in used]) * skill(accuracy, chance) ** 2
    seen = np.array([_seen(point, accuracy, categories) for point in used])

    def curve_of(shift: Floats) -> LearningCurve:
        top, scale, rate = np.array([math.log(TOP / (1 - TOP)), math.log(assumed.scale), math.log(RATE)]) + shift * DOUBT
        return replace(assumed, top=1 / (1 + math.exp(-top)), scale=math.exp(scale), rate=math.exp(rate))

    def misfit(shift: Floats) -> Floats:
        expected = [curve_of(shift).accuracy(float(labels), chance=chance, ceiling=ceiling) for labels in clean]
        return np.concatenate([(np.array(expected) - seen) / MEASURED, shift])

    shift = least_squares(misfit, np.zeros(3), bounds=(-4, 4)).x
    error = float(np.sqrt(np.mean((misfit(shift)[: len(used)] * MEASURED) ** 2)))
    most = max(point.labels for point in used)
    judged = "gold" if all(point.accuracy is not None for point in used) else "agreement with the annotator"
    ground = f"learning curve fitted on {len(used)} students of up to {most} labels, judged by {judged}, root mean square error {error:.3f}"
    return replace(curve_of(shift), margin=max(LEAST_MARGIN, 2 * error), reach=float(clean.max()), ground=ground)


def assumed_curve(categories: int) -> LearningCurve:
    """Give the curve that is assumed before any student was trained."""
    words = f"learning curve assumed, not measured: from chance to {TOP:g} by an inverse power law of rate {RATE:g}, {SCALE:g} labels a category"
    return LearningCurve(TOP, SCALE * categories, RATE, UNKNOWN_MARGIN, 0.0, words)


def majority_accuracy(accuracy: float, votes: int, correlation: float) -> float:
    """Give how often the majority of an odd number of votes is right, each right as often and their errors correlated."""
    if votes == 1 or correlation > 1 - LEAST or not LEAST < accuracy < 1 - LEAST:
        return accuracy
    if correlation < LEAST:
        return float(binom.sf(votes // 2, votes, accuracy))
    return float(betabinom.sf(votes // 2, votes, *_shapes(accuracy, correlation)))


def skill(accuracy: float, chance: float) -> float:
    """Say how far from chance to perfection an accuracy is, 0 to 1."""
    return max(0.0, (accuracy - chance) / (1 - chance))


def ceiling_of(accuracy: float, correlation: float, categories: int) -> float:
    """Give how often an annotator would be right by its commonest of endlessly many votes: on documents that it rather knows."""
    enough = 1 / min(categories, 3)
    if correlation > 1 - LEAST or not LEAST < accuracy < 1 - LEAST:
        return accuracy
    if correlation < LEAST:
        return 1.0 if accuracy > enough else accuracy
    return max(accuracy, float(beta.sf(enough, *_shapes(accuracy, correlation))))


def _seen(point: LearningPoint, accuracy: float, categories: int) -> float:
    if point.accuracy is not None:
        return point.accuracy
    return point.agreement * accuracy + (1 - point.agreement) * (1 - accuracy) / (categories - 1)


def _shapes(accuracy: float, correlation: float) -> tuple[float, float]:
    """Give the beta distribution over documents of the chance to be right on one."""
    weight = 1 / correlation - 1
    return accuracy * weight, (1 - accuracy) * weight
