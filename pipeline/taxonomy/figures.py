"""Measures with their 95 % intervals: Wilson's for a share, Student's for a mean."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from pipeline.intervals import wilson
from pipeline.records import Measure

__all__ = ["mean_of", "share_of"]

LEVEL = 0.95


def share_of(taxonomy_id: str, metric: str, hits: int, n: int, *, judge: str) -> list[Measure]:
    """Measure the share of hits; nothing where there is no case."""
    if not n:
        return []
    low, high = wilson(hits / n, n)
    return [Measure(taxonomy_id, metric, hits / n, n, low=low, high=high, judge=judge)]


def mean_of(taxonomy_id: str, metric: str, values: Sequence[float], *, judge: str) -> list[Measure]:
    """Measure the mean of values between 0 and 1; without an interval where there is one value, nothing where there is none."""
    n = len(values)
    if not n:
        return []
    value = float(np.mean(values))
    if n == 1:
        return [Measure(taxonomy_id, metric, value, n, judge=judge)]
    reach = float(t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1)) / math.sqrt(n)
    return [Measure(taxonomy_id, metric, value, n, low=max(0.0, value - reach), high=min(1.0, value + reach), judge=judge)]
