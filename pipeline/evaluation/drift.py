"""How far one part of a corpus differs from those before it, and how far it would by chance.

A day with few documents never has quite the mix of the days before it: with 30 documents in 10 categories the total variation distance
is 0.15 on average where nothing has changed at all. So each distance comes with the one that chance would pass only once in a thousand
parts: the documents of the part and of those before it are thrown together and parted anew at random, again and again, at the sizes they
have (a permutation test). What lies below is no change that anything can be said of, however large it looks. The promise is exact where
documents come independently of one another; where they come in bursts, it is the limit on the distance that keeps a day from alarming.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

__all__ = ["LEVEL", "Shift", "label_shift", "share_by_chance"]

Counts = npt.NDArray[np.int64]
LEVEL = 0.001  # share of parts without any change that pass the distance by chance, at most
DRAWS = 1999


@dataclass(frozen=True)
class Shift:
    """How far the labels of a part differ from those before it: the total variation distance, 0 to 1, and what chance would pass at LEVEL."""

    distance: float
    by_chance: float
    changes: Mapping[str, tuple[float, float]]  # by category: its share before and in the part, most changed first


def label_shift(part: Mapping[str, int], before: Mapping[str, int], *, seed: int, level: float = LEVEL, draws: int = DRAWS) -> Shift:
    """Compare the labels of a part with those before it, both as documents by category; neither may be empty.

    :raises ValueError: where one is.
    """
    names = sorted(part.keys() | before.keys())
    now, then = (np.array([counts.get(name, 0) for name in names], dtype=np.int64) for counts in (part, before))
    if not now.sum() or not then.sum():
        raise ValueError(f"There are {now.sum()} documents to compare with {then.sum()}; expected at least 1 of each.")
    generator = np.random.default_rng([seed, int(now.sum()), int(then.sum())])
    drawn = generator.multivariate_hypergeometric(now + then, int(now.sum()), size=draws, method="marginals")
    distances = np.sort(_distance(drawn, now + then - drawn))
    changed = sorted(zip(names, then / then.sum(), now / now.sum(), strict=True), key=lambda row: (-abs(row[2] - row[1]), row[0]))
    by_chance = distances[math.ceil((draws + 1) * (1 - level)) - 1] if level >= 1 / (draws + 1) else 1.0
    return Shift(float(_distance(now, then)), float(by_chance), {name: (float(was), float(share)) for name, was, share in changed})


def share_by_chance(documents: int, rate: float, *, level: float = LEVEL) -> float:
    """Give the share of hits that some documents pass by chance at `level`, where each is one at a rate (binomial)."""
    return float(binom.ppf(1 - level, documents, rate)) / documents


def _distance(some: Counts, others: Counts) -> npt.NDArray[np.float64]:
    """Measure the total variation distance of counts along the last axis, rounded, so that equal ones compare as equal."""
    shares = [counts / counts.sum(axis=-1, keepdims=True) for counts in (some, others)]
    return np.asarray(np.round(np.abs(shares[0] - shares[1]).sum(axis=-1) / 2, 12))
