"""What to label next: documents that lie apart, then those that the first student is unsure of.

Before there is a student the documents are spread by k-means++ (Arthur and Vassilvitskii, 2007). With one, each predicted
category gives its least sure documents in turn (Bang et al., "Active Prompt Learning", CVPR 2024), by unsureness times the
chance that the annotator is right on them (Baykal et al., "Robust Active Distillation", ICLR 2023), after a quota for
categories that have few labels. Rounds end when what the student gained by one is inside its interval.

That chance must be known of each document and from elsewhere than the student, as from votes. In simulations true chances
of documents added 1 to 2.5 points of accuracy; chances by category took up to 5 away, true ones too, because a student needs labels
of the categories that are hard to label; chances read off the student's agreement with its neighbours took 1 to 6 away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix

__all__ = ["Gain", "gain_is_noise", "is_enough", "next_batch"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
NEAR = 0.95  # cosine above which the second of two documents teaches nothing new
RARE = 0.5  # of an equal share of the labels: a category with fewer is rare
LEAST = 1e-6  # probability below which a student says nothing of a category


class _Taken:
    """Remember which documents are taken, and take no second one that is the same or nearly so."""

    def __init__(self, chosen: Ints, vectors: Matrix | None) -> None:
        self.places = [int(place) for place in chosen]
        self.known = set(self.places)
        self.new: list[int] = []
        self.vectors = vectors

    def first(self, ranked: Iterator[int]) -> int | None:
        """Take the first place of `ranked` that may be taken; None where none is left."""
        for place in ranked:
            if place not in self.known and not self._is_near(place):
                self.known.add(place)
                self.places.append(place)
                self.new.append(place)
                return place
        return None

    def _is_near(self, place: int) -> bool:
        return self.vectors is not None and bool(self.places) and float((self.vectors[self.places] @ self.vectors[place]).max()) > NEAR


def next_batch(
    probabilities: Floats,
    chosen: Ints,
    *,
    count: int,
    labels: Ints | None = None,
    reliability: Floats | None = None,
    vectors: Matrix | None = None,
    rare_quota: float = 0.2,
    seed: int,
) -> Ints:
    """Choose what to label after a first student: rare categories up to their quota, then each predicted category's least sure.

    :param probabilities: the student's, shape (n, k).
    :param chosen: places that were chosen before, whether a label came of them or not.
    :param labels: the category of each of `chosen`, -1 where none was given; without it, the one that the student predicts.
    :param reliability: shape (n,), the chance that the annotator is right on each document; None where nothing but the student knows it.
        Documents compete within their predicted category alone, so that a figure for each category would change nothing.
    :param vectors: shape (n, d), rows of length 1; with it no document of cosine above 0.95 to a chosen one is chosen.
    :param rare_quota: share of the batch for categories with less than half of an equal share of the labels.
    :return: up to `count` new places, the most wanted first; fewer where all others are chosen or near duplicates.
    """
    _check(probabilities, chosen, labels, reliability, vectors, rare_quota)
    n, k = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    known = predicted[chosen] if labels is None else labels[labels >= 0]
    counts = np.bincount(known, minlength=k)
    order = np.random.default_rng(seed).permutation(n)  # decides between equals
    taken = _Taken(chosen, vectors)
    counts = _take_rare(taken, probabilities, counts, order, slots=round(rare_quota * min(count, n)), goal=RARE * (len(known) + count) / k)
    value = _unsureness(probabilities) * (1.0 if reliability is None else reliability)
    _take_balanced(taken, predicted, counts, order[np.argsort(-value[order], kind="stable")], count=count)
    return np.array(taken.new, dtype=np.intp)


def _take_rare(taken: _Taken, probabilities: Floats, counts: Ints, order: Ints, *, slots: int, goal: float) -> Ints:
    """Give the rarest category the document most probably of it, again and again; return the labels that each then has."""
    counts, queues = counts.copy(), {}
    for category in np.flatnonzero((counts < goal) & (probabilities.max(axis=0, initial=0.0) > LEAST)).tolist():
        ranked = order[np.argsort(-probabilities[order, category], kind="stable")]
        queues[category] = iter(ranked[probabilities[ranked, category] > LEAST].tolist())
    while queues and len(taken.new) < slots:
        rarest = min(queues, key=lambda category: counts[category])
        if counts[rarest] >= goal:
            break
        if taken.first(queues[rarest]) is None:
            del queues[rarest]
        else:
            counts[rarest] += 1
    return counts


def _take_balanced(taken: _Taken, predicted: Ints, counts: Ints, ranked: Ints, *, count: int) -> None:
    """Let the predicted categories give their best ranked document in turn, those with the fewest labels first."""
    queues = {int(category): iter(ranked[predicted[ranked] == category].tolist()) for category in np.unique(predicted)}
    turns = dict.fromkeys(queues, 0)
    while queues and len(taken.new) < count:
        category = min(queues, key=lambda category: (turns[category], counts[category]))
        turns[category] += 1
        if taken.first(queues[category]) is None:
            del queues[category]


def _unsureness(probabilities: Floats) -> Floats:
    """Give 1 less the margin between the two most probable categories, 0 to 1."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return np.asarray(1 - (first - second))


def _check(probabilities: Floats, chosen: Ints, labels: Ints | None, reliability: Floats | None, vectors: Matrix | None, rare_quota: float) -> None:
    n = len(probabilities)
    if labels is not None and len(labels) != len(chosen):
        raise ValueError(f"Expected {len(chosen)} labels, one for each chosen place; found {len(labels)}.")
    for name, given in (("reliabilities", reliability), ("vectors", vectors)):
        if given is not None and len(given) != n:
            raise ValueError(f"Expected {n} {name}, one for each row of probabilities; found {len(given)}.")
    if not 0 <= rare_quota <= 1:
        raise ValueError(f"Expected a rare_quota from 0 to 1; found {rare_quota}.")


@dataclass(frozen=True)
class Gain:
    """What a round added to a student's agreement on the same held-out documents, 0 to 1, with its interval; `stop` where no gain is shown."""

    gain: float
    low: float
    high: float
    n: int
    level: float
    stop: bool

    @property
    def words(self) -> str:
        """Say what was found, and what follows from it."""
        change = "rose" if self.gain > 0 else "fell" if self.gain < 0 else "stayed the same"
        by = "" if self.gain == 0 else f" by {abs(self.gain) * 100:.1f} points"
        found = f"Agreement on {self.n} held-out documents {change}{by} ({self.level:.0%} interval {self.low * 100:+.1f} to {self.high * 100:+.1f})"
        return f"{found}: {'no gain is shown, so that further labels may be wasted.' if self.stop else 'further labels are worth it.'}"


def gain_is_noise(
    earlier_right: npt.NDArray[np.bool_], later_right: npt.NDArray[np.bool_], *, resamples: int, seed: int, level: float = 0.95
) -> Gain:
    """Compare a student before and after a round by a paired bootstrap over the held-out documents; stop unless the interval lies above 0.

    :param earlier_right: whether each held-out document was predicted as it is labelled; `later_right` of the same documents in the same order.
    """
    n = len(earlier_right)
    if n != len(later_right) or not n:
        raise ValueError(f"Expected the same held-out documents before and after, at least 1; found {n} and {len(later_right)}.")
    change = np.asarray(later_right, dtype=np.int64) - np.asarray(earlier_right, dtype=np.int64)
    shares = np.bincount(change + 1, minlength=3) / n
    # Drawing documents with replacement draws the numbers that fell, stayed and rose from a multinomial: the same thing, in no memory.
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=resamples)
    low, high = np.quantile((drawn[:, 2] - drawn[:, 0]) / n, [(1 - level) / 2, (1 + level) / 2])
    return Gain(float(change.mean()), float(low), float(high), n, level, bool(low <= 0))


def is_enough(gains: Sequence[Gain], *, in_a_row: int = 1) -> bool:
    """Say whether the last rounds, `in_a_row` of them, each showed no gain."""
    return len(gains) >= in_a_row and all(gain.stop for gain in gains[-in_a_row:])
