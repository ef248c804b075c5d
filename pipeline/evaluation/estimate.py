"""Estimates how often labels are right where no gold says so: an interval that is wide on purpose, and marked as an estimate.

What can be seen without gold is how far witnesses agree: the labeller, a student that learnt of it and did not see the document, the
likeness of documents to the categories' names and descriptions, and the labeller's own probabilities. None of it sees an error that
all witnesses share, and a student shares many of its teacher's. How far agreement overstates accuracy is therefore not assumed but learnt: on
labellers of corpora with gold (bench/estimate.py), where the log-odds of the accuracy are a line in the log-odds of the signals, and the
interval reaches as far as 19 of 20 of those labellers were off, each way, by a line that was fitted without its corpus. The sampling error
comes on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from pipeline.evaluation.metrics import Figure
from pipeline.intervals import wilson

__all__ = ["FITTED", "LEAST", "Line", "Signals", "above_chance", "estimate_accuracy", "fit_line", "leave_one_out"]

Floats = npt.NDArray[np.float64]
LEAST = 50  # documents that an estimate needs
EDGE = 0.02  # shares nearer to 0 or 1 count as this far from them
REACH = 0.95  # share of labellers whose error the interval reaches, each way
RIDGE = 1.0  # weight of the prior, a line that believes each signal by a third


@dataclass(frozen=True)
class Signals:
    """What is seen of a labeller without gold, each a share above chance or a mean, 0 to 1, on `n` documents."""

    student: float  # a student that did not see the label says the same, by how much more than chance
    cards: float  # the likest card is that of the label, by how much more than chance
    probability: float  # mean probability of the labels, by the labeller
    n: int

    @property
    def row(self) -> Floats:
        """Give the log-odds of the signals, and 1 for the constant."""
        shares = np.clip([getattr(self, one.name) for one in fields(self)[:-1]], EDGE, 1 - EDGE)
        return np.append(logit(shares), 1.0)


@dataclass(frozen=True)
class Line:
    """Coefficients of the signals and a constant, and how far below and above the line an accuracy may lie, in log-odds."""

    coefficients: tuple[float, ...]
    below: float
    above: float
    labellers: int
    corpora: int


FITTED = Line((0.279, 0.615, 0.2, 0.777), 0.776, 1.042, 82, 9)  # by bench/estimate.py


def above_chance(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Say how often two say the same of a text, by how much more than labels of their shares would by lot: Cohen's kappa, but not below 0."""
    first, second = np.asarray(one), np.asarray(other)
    by_lot = float(sum((first == label).mean() * (second == label).mean() for label in np.union1d(first, second)))
    return max(0.0, (float((first == second).mean()) - by_lot) / (1 - by_lot)) if by_lot < 1 else 1.0


def estimate_accuracy(signals: Signals, line: Line = FITTED) -> Figure | None:
    """Estimate the share of labels that are right, with its interval; None on fewer than 50 documents."""
    if signals.n < LEAST:
        return None
    middle = float(signals.row @ np.array(line.coefficients))
    value = float(expit(middle))
    low, high = float(expit(middle - line.below)), float(expit(middle + line.above))
    return Figure(value, wilson(low, signals.n)[0], wilson(high, signals.n)[1], signals.n)


def fit_line(signals: Sequence[Signals], accuracies: Sequence[float], corpora: Sequence[str]) -> Line:
    """Fit the line on labellers of corpora with gold; its reach each way holds 19 of 20 errors of labellers whose corpus was left out.

    :raises ValueError: for fewer than three corpora.
    """
    names = sorted(set(corpora))
    if len(names) < 3:
        raise ValueError(f"labellers of {len(names)} corpora; expected at least 3, since one is left out")
    rows, truths, of = np.array([one.row for one in signals]), logit(np.clip(accuracies, EDGE, 1 - EDGE)), np.array(corpora)
    errors = np.concatenate([truths[of == name] - rows[of == name] @ _solved(rows[of != name], truths[of != name]) for name in names])
    below, above = max(0.0, float(-np.quantile(errors, 1 - REACH))), max(0.0, float(np.quantile(errors, REACH)))
    return Line(tuple(_solved(rows, truths).tolist()), below, above, len(rows), len(names))


def leave_one_out(signals: Sequence[Signals], accuracies: Sequence[float], corpora: Sequence[str]) -> list[Line]:
    """Fit for each labeller a line that knows nothing of its corpus, reach included."""
    found = {
        name: fit_line(*zip(*[row for row in zip(signals, accuracies, corpora, strict=True) if row[2] != name], strict=True))
        for name in sorted(set(corpora))
    }
    return [found[name] for name in corpora]


def _solved(rows: Floats, truths: Floats) -> Floats:
    prior = np.append(np.full(rows.shape[1] - 1, 1 / (rows.shape[1] - 1)), 0.0)
    weights = RIDGE * np.eye(rows.shape[1])
    return np.asarray(np.linalg.solve(rows.T @ rows + weights, rows.T @ truths + weights @ prior))
