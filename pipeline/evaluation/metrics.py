"""Metrics over arrays, each with a bootstrap interval.

Every clustering metric is a function of the contingency table of gold labels (rows) and found labels (columns), so that
a bootstrap resample is one multinomial draw of the table's cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from pipeline.intervals import wilson

__all__ = [
    "CLUSTERING",
    "Figure",
    "adjusted_rand",
    "clustering_figures",
    "contingency",
    "harmonic_purity",
    "matched_accuracy",
    "mutual_information",
    "purity",
    "share",
]

Table = npt.NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval (bootstrap percentiles, or Wilson for a share) and the number of documents behind it."""

    value: float
    low: float
    high: float
    n: int


def contingency(gold: Sequence[str], found: Sequence[str | None]) -> Table:
    """Count the pairs of labels; the last column counts the documents found to fit no category (None)."""
    rows = {label: place for place, label in enumerate(sorted(set(gold)))}
    columns = {label: place for place, label in enumerate(sorted({label for label in found if label is not None}))}
    table = np.zeros((len(rows), len(columns) + 1))
    for truth, label in zip(gold, found, strict=True):
        table[rows[truth], len(columns) if label is None else columns[label]] += 1
    return table


def adjusted_rand(table: Table) -> float:
    """Measure the adjusted Rand index, -0.5 to 1, 0 by chance (Hubert and Arabie, 1985)."""
    pairs, rows, columns = (_pairs(values).sum() for values in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / max(_pairs(table.sum()), 1.0)
    most = (rows + columns) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def mutual_information(table: Table) -> float:
    """Measure the mutual information, normalised by the mean of the entropies, 0 to 1."""
    joint = table / table.sum()
    rows, columns = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    there = joint > 0
    shared = float((joint[there] * np.log(joint[there] / (rows @ columns)[there])).sum())
    entropies = (_entropy(rows) + _entropy(columns)) / 2
    return 1.0 if entropies == 0 else max(0.0, shared / entropies)


def purity(table: Table) -> float:
    """Measure the share of documents in the most frequent gold label of their category, 0 to 1; those in none count against it."""
    return float(table[:, :-1].max(axis=0, initial=0).sum() / table.sum())


def harmonic_purity(table: Table) -> float:
    """Measure P1, the F1 of each gold label with the category that fits it best, weighted by the label's documents, 0 to 1.

    This is the harmonic mean of purity and inverse purity of TopicGPT (Pham et al., 2024); one category may be the best
    of several labels, and none is no category: its documents count against the recall of their label.
    """
    there = table[:, :-1]
    sums = table.sum(axis=1, keepdims=True) + there.sum(axis=0, keepdims=True)
    best = np.divide(2 * there, sums, out=np.zeros_like(there), where=sums > 0).max(axis=1, initial=0)
    return float((best * table.sum(axis=1)).sum() / table.sum())


def matched_accuracy(table: Table) -> float:
    """Measure the accuracy after the best one-to-one matching of categories to gold labels, 0 to 1; none is always wrong."""
    rows, columns = linear_sum_assignment(-table[:, :-1])
    return float(table[rows, columns].sum() / table.sum())


CLUSTERING: dict[str, Callable[[Table], float]] = {
    "ari": adjusted_rand,
    "nmi": mutual_information,
    "purity": purity,
    "accuracy": matched_accuracy,
}


def clustering_figures(gold: Sequence[str], found: Sequence[str | None], *, resamples: int, seed: int) -> dict[str, Figure]:
    """Measure every clustering metric with its interval."""
    table = contingency(gold, found)
    n = int(table.sum())
    draws = np.random.default_rng(seed).multinomial(n, (table / n).ravel(), size=resamples).reshape(resamples, *table.shape).astype(float)
    return {name: _figure(metric(table), [metric(draw) for draw in draws], n) for name, metric in CLUSTERING.items()}


def share(hits: Sequence[bool]) -> Figure:
    """Measure the share of hits with its Wilson interval, which has a width also where all or none are hits (Wilson, 1927)."""
    n, value = len(hits), sum(hits) / len(hits)
    return Figure(value, *wilson(value, n), n)


def _figure(value: float, draws: Sequence[float], n: int) -> Figure:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(float(value), float(low), float(high), n)


def _pairs(counts: Table) -> Table:
    return np.asarray(counts * (counts - 1) / 2)


def _entropy(shares: Table) -> float:
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum())
