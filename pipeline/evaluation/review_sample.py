"""Which documents people are asked to label, so that a figure comes out of it with an interval that was wished for.

A sample is drawn at random from each predicted category (stratum), as many as the category's share, and a few from each however rare
it is. A proportional sample is as good as a simple one at the least and needs no probabilities, which the optimal allocation (Neyman,
1934) does: where they are wrong, that one can be worse than no plan. The choice is by hash, so that a larger sample of the same seed
holds the smaller one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.ids import content_id
from pipeline.intervals import Z

__all__ = ["Drawn", "SamplePlan", "allocate", "draw", "plan_sample", "rater_order", "sample_size", "share_out"]

UNKNOWN = 0.5  # accuracy that needs the largest sample
MOST_EXPECTED = 0.95  # accuracy that is planned with at most: a labeller that is too sure of itself must not make the sample small
LEAST_SIZE = 30  # documents, fewer of which say next to nothing


@dataclass(frozen=True)
class SamplePlan:
    """How many documents to take from each stratum, and why so many."""

    allocation: Mapping[str, int]
    population: int
    expected: float
    half_width: float | None  # that was wanted
    count: int | None  # that was wanted
    reached: float  # half width to expect of the sample, if the accuracy is as expected

    @property
    def size(self) -> int:
        """Count the documents."""
        return sum(self.allocation.values())

    @property
    def words(self) -> str:
        """Say how many and why."""
        asked = f"for ± {self.half_width:.3g}" if self.half_width is not None else f"where {self.count} were asked for"
        return (
            f"{self.size} of {self.population} texts, {asked}: at an accuracy of {self.expected:.2f} its 95 % interval is about ± {self.reached:.3f};"
            f" drawn from {len(self.allocation)} predicted categories by their size"
        )


@dataclass(frozen=True)
class Drawn:
    """One text of a sample, and how many texts of its stratum it stands for."""

    text_hash: str
    stratum: str
    weight: float


def sample_size(half_width: float, expected: float, population: int) -> int:
    """Count the documents that a simple random sample needs for a 95 % interval of this half width, from a population of this size.

    :param expected: share to be measured, 0 to 1.
    :raises ValueError: where the half width is not above 0 and below 0.5.
    """
    if not 0 < half_width < 0.5:
        raise ValueError(f"The half width of an interval is above 0 and below 0.5, and this is {half_width:g}; 0.05 is usual.")
    plain = Z**2 * expected * (1 - expected) / half_width**2
    return min(population, max(min(LEAST_SIZE, population), math.ceil(plain / (1 + (plain - 1) / population)))) if population else 0


def allocate(sizes: Mapping[str, int], count: int, *, least: int) -> dict[str, int]:
    """Share out a number of documents over strata by their sizes, by largest remainders; each gets `least` where it has them.

    Together they are `count`, or more where `least` of each already are, or all documents where there are fewer.
    """
    given = {stratum: min(size, least) for stratum, size in sizes.items()}
    wanted = min(sum(sizes.values()), max(count, sum(given.values())))
    while (left := wanted - sum(given.values())) > 0:
        open_ones = {stratum: size for stratum, size in sizes.items() if given[stratum] < size}
        total, target = sum(open_ones.values()), left + sum(given[stratum] for stratum in open_ones)
        short = {stratum: max(0.0, min(size, target * size / total) - given[stratum]) for stratum, size in open_ones.items()}
        scale = left / (sum(short.values()) or 1.0)
        whole = {stratum: min(open_ones[stratum] - given[stratum], math.floor(part * scale)) for stratum, part in short.items()}
        if not any(whole.values()):
            for stratum in sorted(short, key=lambda one: (whole[one] - short[one] * scale, one))[:left]:
                given[stratum] += 1
            continue
        for stratum, part in whole.items():
            given[stratum] += part
    return given


def plan_sample(
    sizes: Mapping[str, int], *, half_width: float | None = None, count: int | None = None, expected: float | None = None, least: int = 2
) -> SamplePlan:
    """Plan a stratified sample, by the interval that is wanted or by a number of documents.

    :param sizes: texts of each stratum.
    :param expected: accuracy to plan with; 0.5, which needs the most documents, when absent.
    :raises ValueError: where the half width is none, or neither or both are wanted.
    """
    if (half_width is None) == (count is None):
        raise ValueError("Give either the half width of the interval or the number of documents.")
    accuracy = UNKNOWN if expected is None else min(MOST_EXPECTED, max(UNKNOWN, expected))
    population = sum(sizes.values())
    wanted = count if half_width is None else sample_size(half_width, accuracy, population)
    allocation = allocate(sizes, wanted or 0, least=least)
    while half_width is not None and _reached(sizes, allocation, accuracy) > half_width and sum(allocation.values()) < population:
        # small strata took more than their share, so that the others need some more
        allocation = allocate(sizes, sum(allocation.values()) + max(1, population // 1000), least=least)
    return SamplePlan(allocation, population, accuracy, half_width, count, _reached(sizes, allocation, accuracy))


def draw(strata: Mapping[str, Sequence[str]], allocation: Mapping[str, int], *, seed: int) -> list[Drawn]:
    """Draw so many texts of each stratum at random, by stratum."""
    found = []
    for stratum, texts in sorted(strata.items()):
        taken = _shuffled(texts, "review", seed)[: allocation.get(stratum, 0)]
        found += [Drawn(text, stratum, len(texts) / len(taken)) for text in taken]
    return found


def share_out(texts: Sequence[str], raters: Sequence[str], *, overlap: float, seed: int) -> dict[str, tuple[str, ...]]:
    """Say who gets which text: a share of them everybody, each of the others one rater, in turn and at random."""
    order = _shuffled(texts, "raters", seed)
    common = round(overlap * len(order))
    shared = {text: tuple(raters) for text in order[:common]}
    return shared | {text: (raters[place % len(raters)],) if raters else () for place, text in enumerate(order[common:])}


def rater_order(texts: Sequence[str], sheet_id: str, rater: str, *, seed: int) -> list[str]:
    """Give the order in which a rater sees the texts: at random, another one for each rater."""
    return _shuffled(texts, "rows", [seed, sheet_id, rater])


def _shuffled(texts: Sequence[str], kind: str, seed: object) -> list[str]:
    # not by `order_key`, which says which documents the teacher labels
    return sorted(texts, key=lambda text: content_id(kind, [seed, text]))


def _reached(sizes: Mapping[str, int], allocation: Mapping[str, int], expected: float) -> float:
    """Give the half width to expect, where every stratum has the same accuracy."""
    population = sum(sizes.values())
    parts = ((sizes[stratum] / population) ** 2 * (1 - taken / sizes[stratum]) / taken for stratum, taken in allocation.items() if taken)
    return Z * math.sqrt(expected * (1 - expected) * sum(parts)) if population else 0.0
