"""When a student had better say nothing: the probability from which its errors are at most as many as allowed, with a promise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import binom

from pipeline.students.judged import checked_probabilities, judged_rows

__all__ = ["NONE_KEPT", "Abstention", "abstention_threshold"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
NONE_KEPT = 2.0  # the threshold that no probability reaches
GRID = (*expit(np.arange(7.0, -5.1, -0.2)).tolist(), 0.0)  # thresholds that are tried, from the strictest on: fixed before any label is seen
STRICTEST, FEWEST = 0.3, 50  # share of the documents that the strictest keeps, and their number at least
MOST_BET = 0.75  # of what may be lost at one document
ROOM = 20  # errors allowed among the documents of the strictest: more of them than that need not be kept


@dataclass(frozen=True)
class Abstention:
    """The probability below which the student abstains, what is promised of the rest, and what was found."""

    threshold: float  # `NONE_KEPT` where none keeps the promise
    risk: float  # share of errors among the labels kept, at most
    delta: float  # chance at most that the promise is broken
    judged: int  # documents with a label to hold theirs against, among those kept
    wrong: float  # of them
    share: float  # of all documents that is kept, 0 to 1
    known: bool  # promised of known labels, not of a teacher's probabilities

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Abstention":
        """Read what `as_settings` gave, also after it was JSON."""
        return cls(**settings)

    def as_settings(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)

    def keeps(self, probabilities: npt.ArrayLike) -> Flags:
        """Say of each document whether the student's label is sure enough, (n,), by its probabilities (n, k)."""
        return np.asarray(checked_probabilities(probabilities).max(axis=1) >= self.threshold)


def abstention_threshold(
    unseen: npt.ArrayLike, soft: npt.ArrayLike, *, risk: float = 0.1, delta: float = 0.05, known: npt.ArrayLike | None = None, seed: int
) -> Abstention:
    """Find the lowest probability from which the student's labels are wrong in a share of at most `risk`, except with chance `delta`.

    Selective classification with a guarantee (Geifman and El-Yaniv, NIPS 2017), with another search than theirs: fixed thresholds are
    tried from one that keeps 30 % of the documents (fewer of many) down to the first that is not proven. That takes no correction for
    their number, because for the promise to break, the first threshold that breaks it has to pass its own test; on four corpora it keeps a
    tenth more than their bisection with 500 labels, and about twice as much with 200. The test is the exact binomial one
    (Clopper and Pearson, 1934) where labels are known. A teacher's probabilities make an error a share, which strays less than a whole one:
    there the test is a bet (Waudby-Smith and Ramdas, JRSS-B 2024), and the promise is about what the teacher says.

    :param unseen: calibrated probabilities (n, k) of documents whose labels the student had not seen.
    :param soft: probabilities of the right category (n, k), rows that sum to 1.
    :param known: which rows (n,) are known labels, one-hot each; from 100 of them on they alone are learnt from.
    :raises ValueError: where `risk` or `delta` is not between 0 and 1.
    """
    if not (0 < risk < 1 and 0 < delta < 1):
        raise ValueError(f"risk and delta lie between 0 and 1; they are {risk} and {delta}")
    values, judged = checked_probabilities(unseen), judged_rows(soft, known)
    if values.shape != np.shape(soft):
        raise ValueError(f"predictions {values.shape} and soft labels {np.shape(soft)}: give one row for each document to both")
    top, best = values.max(axis=1), values.argmax(axis=1)
    order = np.random.default_rng(seed).permutation(len(judged.rows))  # a bet is on the next of documents in no order
    surest, wrong = top[judged.rows][order], 1 - judged.truth[order, best[judged.rows][order]]
    fewest = max(FEWEST, min(STRICTEST * len(surest), ROOM / risk), np.log(delta) / np.log1p(-risk))
    found = Abstention(NONE_KEPT, risk, delta, 0, 0.0, 0.0, judged.known)
    for threshold in GRID:
        kept = surest >= threshold
        if kept.sum() < fewest:
            continue
        if _chance(wrong[kept], risk, delta) > delta:
            break
        found = Abstention(threshold, risk, delta, int(kept.sum()), float(wrong[kept].sum()), float((top >= threshold).mean()), judged.known)
    return found


def _chance(wrong: Floats, risk: float, delta: float) -> float:
    """Bound the chance of no more errors than these if the share of errors were `risk` or more; best where that is about `delta`."""
    n = len(wrong)
    if np.isin(wrong, (0.0, 1.0)).all():
        return float(binom.cdf(wrong.sum(), n, risk))
    # Bets against so many errors, each by what the documents before have shown: nobody grows rich by them if there are so many.
    turns = np.arange(1, n + 1)
    means = (0.5 + wrong.cumsum()) / (turns + 1)
    spreads = (0.25 + ((wrong - means) ** 2).cumsum()) / (turns + 1)
    before = np.concatenate([[0.25], spreads[:-1]])
    bets = np.minimum(np.sqrt(2 * np.log(1 / delta) / (n * before)), MOST_BET / (1 - risk))
    return float(np.exp(-np.maximum.accumulate(np.log1p(bets * (risk - wrong)).cumsum())[-1]))
