"""Metrics over arrays, each with a bootstrap interval.

Every clustering metric is a function of contingency tables of gold labels (rows) and found labels (columns): a bootstrap resample is
one multinomial draw of the table's cells, and a stack of them is measured at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from pipeline.intervals import wilson

__all__ = ["CLUSTERING", "Figure", "clustering_figures", "clustering_scores", "contingency", "matched_names", "share"]

Table = npt.NDArray[np.float64]  # (..., gold labels, found labels and none)
Values = npt.NDArray[np.float64]  # (...)
INTERVAL = (0.025, 0.975)
CELLS = 4_000_000  # of tables that are measured at a time


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


@dataclass(frozen=True, eq=False)
class _Tables:
    """A table, or a stack of tables, with what several metrics need of it."""

    counts: Table

    @cached_property
    def rows(self) -> Table:
        """Count the documents of each gold label."""
        return np.asarray(self.counts.sum(axis=-1))

    @cached_property
    def columns(self) -> Table:
        """Count the documents of each category, and of none."""
        return np.asarray(self.counts.sum(axis=-2))

    @cached_property
    def total(self) -> Values:
        """Count the documents."""
        return np.asarray(self.rows.sum(axis=-1))

    @cached_property
    def information(self) -> tuple[Values, Values, Values]:
        """Give the mutual information, and the entropies of gold labels and of categories; what rounding leaves of nothing is nothing."""
        gold, found, cells = (_entropy(part, self.total) for part in (self.rows, self.columns, self.counts.reshape(*self.total.shape, -1)))
        return _rounded(gold + found - cells), _rounded(gold), _rounded(found)

    @cached_property
    def matched(self) -> tuple[Table, Table]:
        """Match categories to gold labels one to one: give for each label the documents that are right, and all of its category."""
        stack, sizes = self.counts.reshape(-1, *self.counts.shape[-2:]), self.columns.reshape(-1, self.counts.shape[-1])
        both, of_category = np.zeros(stack.shape[:2]), np.zeros(stack.shape[:2])
        for place, one in enumerate(stack):
            label, category = linear_sum_assignment(one[:, :-1], maximize=True)
            both[place, label], of_category[place, label] = one[label, category], sizes[place, category]
        return both.reshape(self.rows.shape), of_category.reshape(self.rows.shape)


def adjusted_rand(tables: _Tables) -> Values:
    """Measure the adjusted Rand index, -0.5 to 1, 0 by chance (Hubert and Arabie, 1985)."""
    pairs = _pairs(tables.counts).sum(axis=(-2, -1))
    rows, columns = _pairs(tables.rows).sum(axis=-1), _pairs(tables.columns).sum(axis=-1)
    expected = rows * columns / np.maximum(_pairs(tables.total), 1.0)
    most = (rows + columns) / 2
    return _divided(pairs - expected, most - expected, otherwise=1.0)


def mutual_information(tables: _Tables) -> Values:
    """Measure the mutual information, normalised by the mean of the entropies, 0 to 1; this is also the V-measure."""
    shared, gold, found = tables.information
    return _divided(2 * shared, gold + found, otherwise=1.0)


def homogeneity(tables: _Tables) -> Values:
    """Measure how far a category holds one gold label alone, 0 to 1 (Rosenberg and Hirschberg, 2007); none counts as a category."""
    shared, gold, _ = tables.information
    return _divided(shared, gold, otherwise=1.0)


def completeness(tables: _Tables) -> Values:
    """Measure how far a gold label is in one category alone, 0 to 1 (Rosenberg and Hirschberg, 2007); none counts as a category."""
    shared, _, found = tables.information
    return _divided(shared, found, otherwise=1.0)


def purity(tables: _Tables) -> Values:
    """Measure the share of documents in the most frequent gold label of their category, 0 to 1; those in none count against it."""
    return np.asarray(tables.counts[..., :-1].max(axis=-2, initial=0).sum(axis=-1) / tables.total)


def harmonic_purity(tables: _Tables) -> Values:
    """Measure P1, the F1 of each gold label with the category that fits it best, weighted by the label's documents, 0 to 1.

    This is the harmonic mean of purity and inverse purity of TopicGPT (Pham et al., 2024); one category may be the best
    of several labels, and none is no category: its documents count against the recall of their label.
    """
    sizes = tables.rows[..., np.newaxis] + tables.columns[..., np.newaxis, :-1]
    best = _divided(2 * tables.counts[..., :-1], sizes, otherwise=0.0).max(axis=-1, initial=0)
    return np.asarray((best * tables.rows).sum(axis=-1) / tables.total)


def matched_accuracy(tables: _Tables) -> Values:
    """Measure the accuracy after the best one-to-one matching of categories to gold labels, 0 to 1; none is always wrong."""
    return np.asarray(tables.matched[0].sum(axis=-1) / tables.total)


def matched_macro_f1(tables: _Tables) -> Values:
    """Measure the mean F1 of the gold labels, each with the category that is matched to it, 0 to 1; without one, it is 0."""
    both, of_category = tables.matched
    f1 = _divided(2 * both, tables.rows + of_category, otherwise=0.0)
    return np.asarray(f1.sum(axis=-1) / (tables.rows > 0).sum(axis=-1))


def matched_micro_f1(tables: _Tables) -> Values:
    """Measure the F1 over all documents after the matching, 0 to 1; none is no answer, and lowers the recall alone."""
    answered = tables.total - tables.counts[..., -1].sum(axis=-1)
    return np.asarray(2 * tables.matched[0].sum(axis=-1) / (tables.total + answered))


CLUSTERING: Mapping[str, Callable[[_Tables], Values]] = {
    "ari": adjusted_rand,
    "nmi": mutual_information,
    "v_measure": mutual_information,
    "homogeneity": homogeneity,
    "completeness": completeness,
    "purity": purity,
    "harmonic_purity": harmonic_purity,
    "accuracy": matched_accuracy,
    "matched_macro_f1": matched_macro_f1,
    "matched_micro_f1": matched_micro_f1,
}


def clustering_scores(gold: Sequence[str], found: Sequence[str | None]) -> dict[str, float]:
    """Measure every clustering metric, without intervals."""
    tables = _Tables(contingency(gold, found))
    return {name: float(metric(tables)) for name, metric in CLUSTERING.items()}


def clustering_figures(gold: Sequence[str], found: Sequence[str | None], *, resamples: int, seed: int) -> dict[str, Figure]:
    """Measure every clustering metric with its interval; the matching is sought anew in each resample."""
    parts = [_Tables(draws) for draws in _draws(contingency(gold, found), resamples, seed)]
    drawn = [{name: metric(part) for name, metric in CLUSTERING.items()} for part in parts]
    values = clustering_scores(gold, found)
    return {name: _figure(value, np.concatenate([part[name] for part in drawn]), len(gold)) for name, value in values.items()}


def matched_names(gold: Sequence[str], found: Sequence[str | None]) -> dict[str, str]:
    """Match categories to gold labels one to one, so that most documents are right; a category that is left over is missing."""
    labels, categories = sorted(set(gold)), sorted({label for label in found if label is not None})
    rows, columns = linear_sum_assignment(-contingency(gold, found)[:, :-1])
    return {categories[column]: labels[row] for row, column in zip(rows.tolist(), columns.tolist(), strict=True)}


def share(hits: Sequence[bool]) -> Figure:
    """Measure the share of hits with its Wilson interval, which has a width also where all or none are hits (Wilson, 1927)."""
    n, value = len(hits), sum(hits) / len(hits)
    return Figure(value, *wilson(value, n), n)


def _draws(table: Table, resamples: int, seed: int) -> Iterator[Table]:
    there, n = table > 0, int(table.sum())
    random, size = np.random.default_rng(seed), max(1, CELLS // table.size)
    for first in range(0, resamples, size):
        draws = np.zeros((min(size, resamples - first), *table.shape))
        draws[:, there] = random.multinomial(n, table[there] / n, size=len(draws))
        yield draws


def _figure(value: float, draws: Values, n: int) -> Figure:
    """Give the interval of the draws, laid about the value: a resample groups better by chance, since it has fewer distinct documents."""
    low, high = np.quantile(draws, INTERVAL) - (np.mean(draws) - value)
    return Figure(value, min(value, float(low)), min(1.0, max(value, float(high))), n)


def _pairs(counts: Table) -> Table:
    return np.asarray(counts * (counts - 1) / 2)


def _entropy(counts: Table, total: Values) -> Values:
    logs = np.log(counts, out=np.zeros_like(counts), where=counts > 0)
    return np.asarray(np.log(total) - np.einsum("...i,...i->...", counts, logs) / total)


def _rounded(value: Values) -> Values:
    return np.asarray(np.where(value < 1e-12, 0.0, value))


def _divided(part: Values, whole: Values, *, otherwise: float) -> Values:
    return np.asarray(np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, otherwise), where=whole != 0))
