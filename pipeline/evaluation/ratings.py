"""Ratings of documents by several raters as patterns: the distinct rows of ratings, and how many documents bear each.

A resample of the documents is then one multinomial draw of the patterns, and every figure of agreement a function of such draws.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from pipeline.evaluation.metrics import Figure
from pipeline.intervals import wilson

__all__ = ["MISSING", "NONE", "Measure", "Patterns", "Rating", "Ratings", "beyond_chance", "divided", "patterns_of", "resampled"]

Rating = str | None | Set[str]  # a label, None where none fits, or all the labels that apply
Ratings = Mapping[str, Mapping[str, Rating]]  # by rater and text hash; a text that a rater did not rate is not there
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Key = TypeVar("Key", bound=Hashable)
# Takes weights of the patterns (resamples, patterns), and what observed agreement is to be multiplied with; gives a value a resample.
Measure = Callable[[Floats, float], Mapping[Key, Floats]]
NONE = "(none)"  # how a rating that no label fits is named
MISSING = -1
CELLS = 4_000_000  # weights that are drawn at a time
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class Patterns:
    """The distinct rows of ratings: `codes` holds for each pattern and rater the place of a value, -1 where there is no rating.

    A value is the set of labels that a rating names; `documents` counts those of each pattern.
    """

    raters: tuple[str, ...]
    values: tuple[frozenset[str], ...]
    codes: Ints
    documents: Floats

    @property
    def n(self) -> int:
        """Count the documents."""
        return int(self.documents.sum())

    @property
    def ratings(self) -> Floats:
        """Count the ratings of a document of each pattern."""
        return np.asarray((self.codes != MISSING).sum(axis=1), dtype=np.float64)

    @property
    def labels(self) -> tuple[str, ...]:
        """List the labels that ratings name, in order."""
        return tuple(sorted(set().union(*self.values)))

    @property
    def members(self) -> Floats:
        """Say which labels each value names, (values, labels)."""
        labels = self.labels
        return np.array([[label in value for label in labels] for value in self.values], dtype=np.float64).reshape(len(self.values), len(labels))

    @property
    def tallies(self) -> csr_array:
        """Count for each pattern the raters of each value, (patterns, values)."""
        rows, columns = np.nonzero(self.codes != MISSING)
        shape = (len(self.codes), len(self.values))
        return csr_array((np.ones(len(rows)), (rows, self.codes[rows, columns])), shape=shape)

    def of(self, rater: int) -> csr_array:
        """Give one rater's ratings, (patterns, values), 0 or 1."""
        rows = np.flatnonzero(self.codes[:, rater] != MISSING)
        return csr_array((np.ones(len(rows)), (rows, self.codes[rows, rater])), shape=(len(self.codes), len(self.values)))


def patterns_of(ratings: Ratings, *, least: int = 2) -> Patterns:
    """Lay ratings out, leaving out documents with fewer than so many of them.

    Where any rating is a set, a label is the set of itself, and None the empty one.
    """
    raters = tuple(sorted(ratings))
    several = any(isinstance(rating, Set) for row in ratings.values() for rating in row.values())
    rows = {text: place for place, text in enumerate(sorted(set().union(*ratings.values())))}
    codes = np.full((len(rows), len(raters)), MISSING, dtype=np.intp)
    places: dict[frozenset[str], int] = {}
    for column, rater in enumerate(raters):
        for text, rating in ratings[rater].items():
            codes[rows[text], column] = places.setdefault(_as_set(rating, several), len(places))
    values = sorted(places, key=sorted)
    ranks = np.zeros(len(places) + 1, dtype=np.intp)
    ranks[[places[value] for value in values]] = np.arange(len(values))
    ranks[MISSING] = MISSING
    enough = ranks[codes][(codes != MISSING).sum(axis=1) >= least]
    distinct, counts = np.unique(enough, axis=0, return_counts=True) if len(enough) else (enough, np.zeros(0))
    return Patterns(raters, tuple(values), distinct.reshape(len(distinct), len(raters)), counts.astype(np.float64))


def beyond_chance(observed: Floats, chance: Floats) -> Floats:
    """Take chance from an observed agreement; nan where chance explains everything, as then nothing can be told from it."""
    return divided(observed - chance, np.where(np.isclose(chance, 1.0, atol=1e-12), 0.0, 1.0 - chance))


def divided(part: Floats, whole: Floats) -> Floats:
    """Divide, with nan where there is nothing to divide by."""
    return np.asarray(np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole != 0))


def resampled(patterns: Patterns, measure: Measure[Key], *, resamples: int, seed: int, n: Mapping[Key, int] | None = None) -> dict[Key, Figure]:
    """Measure with an interval by bootstrap over the documents; what is undefined is left out.

    Where every document agrees, so does every resample: the lower end is then what the Wilson interval of the agreement leaves.
    """
    if not patterns.n:
        return {}
    every = patterns.documents[np.newaxis]
    drawn = [measure(weights, 1.0) for weights in _draws(patterns, resamples, seed)]
    figures = {}
    for key, (value,) in measure(every, 1.0).items():
        if np.isnan(value):
            continue
        draws, count = np.concatenate([part[key] for part in drawn]), patterns.n if n is None else n[key]
        known = draws[~np.isnan(draws)]
        low, high = np.quantile(known if len(known) else [value], INTERVAL)
        low = min(low, measure(every, wilson(1.0, count)[0])[key][0]) if value >= 1.0 - 1e-12 else low
        figures[key] = Figure(float(value), float(low), float(high), count)
    return figures


def _draws(patterns: Patterns, resamples: int, seed: int) -> Iterable[Floats]:
    random, shares = np.random.default_rng(seed), patterns.documents / patterns.n
    size = max(1, CELLS // len(shares))
    for first in range(0, resamples, size):
        yield random.multinomial(patterns.n, shares, size=min(size, resamples - first)).astype(np.float64)


def _as_set(rating: Rating, several: bool) -> frozenset[str]:
    if isinstance(rating, Set):
        return frozenset(rating)
    return frozenset([rating]) if rating is not None else frozenset() if several else frozenset([NONE])
