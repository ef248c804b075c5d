"""Shares of a whole corpus from a stratified sample of it, weighted back by the design."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import beta

from pipeline.evaluation.metrics import Figure

__all__ = ["matched_share", "stratified_share"]

LEVEL = 0.95
Floats = npt.NDArray[np.float64]
PRIOR = 2.0  # documents at the overall share that each stratum is smoothed by, so that two right ones do not claim certainty


def stratified_share(hits: Sequence[bool], strata: Sequence[str], sizes: Mapping[str, float]) -> Figure:
    """Estimate the share of a population from a sample of each stratum, with a 95 % interval.

    The interval is the exact one at the effective sample size, which is what a simple random sample would need for the same variance
    (Korn and Graubard, 1998). The variance of a stratum with few documents is smoothed towards that of all, and what strata gain over a
    simple sample is not counted: with a few documents in each it cannot be known. Strata of which no document was answered are left out
    of the population.

    :param hits: whether each answered document is a hit.
    :param strata: the stratum of each.
    :param sizes: documents of each stratum in the population.
    """
    n, answered = len(hits), Counter(strata)
    right = Counter(stratum for hit, stratum in zip(hits, strata, strict=True) if hit)
    total = sum(sizes[stratum] for stratum in answered)
    value = sum(sizes[stratum] / total * right[stratum] / count for stratum, count in answered.items())
    centre = (value * n + PRIOR) / (n + 2 * PRIOR)
    spread = variance = 0.0
    for stratum, count in answered.items():
        share = (right[stratum] + PRIOR * centre) / (count + PRIOR)
        part = (sizes[stratum] / total) ** 2 * max(0.0, 1 - count / sizes[stratum]) / count
        spread += part
        variance += part * share * (1 - share)
    if math.isclose(spread, 0.0, abs_tol=1e-12):  # everything was looked at
        return Figure(value, value, value, n)
    effective = min(1 / spread, centre * (1 - centre) / variance)
    return Figure(value, *_exact(value, effective), n)


def matched_share(gold: Sequence[str], found: Sequence[str | None], weights: Floats, *, resamples: int, seed: int) -> Figure:
    """Estimate the accuracy after the best one-to-one matching of labels, each document counting by its weight, with a bootstrap interval."""
    rows, columns = ({label: place for place, label in enumerate(sorted({one for one in part if one is not None}))} for part in (gold, found))
    cells = [rows[truth] * (len(columns) + 1) + (len(columns) if label is None else columns[label]) for truth, label in zip(gold, found, strict=True)]
    n, shape = len(gold), (len(rows), len(columns) + 1)

    def measured(counts: Floats) -> float:
        table = np.bincount(cells, counts * weights, shape[0] * shape[1]).reshape(shape)
        return float(table[linear_sum_assignment(table[:, :-1], maximize=True)].sum() / table.sum())

    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    low, high = np.quantile([measured(draw) for draw in draws], [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if resamples else (0.0, 1.0)
    return Figure(measured(np.ones(n)), float(low), float(high), n)


def _exact(share: float, n: float) -> tuple[float, float]:
    """Give the interval of Clopper and Pearson (1934), which holds the truth as often as it says for any share, as Wilson's near 1 does not."""
    hits, misses = share * n, (1 - share) * n
    low = float(beta.ppf((1 - LEVEL) / 2, hits, misses + 1)) if hits > 0 else 0.0
    return low, float(beta.ppf((1 + LEVEL) / 2, hits + 1, misses)) if misses > 0 else 1.0
