"""Shares of documents of which some groups were looked at in part, with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.metrics import Figure
from pipeline.intervals import wilson

__all__ = ["Part", "group_share"]

DRAWS = 4000
ENDS = (0.025, 0.975)
HALF = 0.5  # of a case, that a Beta or Dirichlet distribution is given beforehand (Jeffreys)


@dataclass(frozen=True)
class Part:
    """A group of so many documents, and what was found of those looked at, 0 to 1 each: all of the group, or some drawn at random."""

    size: int
    found: Sequence[float]


def group_share(parts: Sequence[Part], *, seed: int) -> Figure | None:
    """Measure a mean over the documents of several groups; None where nothing was looked at. n is the number of those looked at.

    The groups' means are weighted by their sizes, so that the value is that of all documents on average over the draws; a group of
    which nothing was looked at is left out. The interval is Wilson's where every document was looked at. Otherwise it holds 95 % of
    draws of the groups' weights and means from what is known of them (Dirichlet and Beta distributions), so that it has a width also
    where nothing or everything was found.
    """
    heard = [part for part in parts if part.found]
    if not heard:
        return None
    sizes, counts = np.array([part.size for part in heard], float), np.array([len(part.found) for part in heard], float)
    hits = np.array([sum(part.found) for part in heard], float)
    value, n = float((sizes * hits / counts).sum() / sizes.sum()), int(counts.sum())
    if (sizes == counts).all():
        return Figure(value, *wilson(value, n), n)
    generator = np.random.default_rng([seed, n, int(sizes.sum())])
    weights = generator.dirichlet(sizes + HALF / len(heard), size=DRAWS)
    means = generator.beta(hits + HALF, counts - hits + HALF, size=(DRAWS, len(heard)))
    low, high = np.quantile((weights * means).sum(axis=1), ENDS)
    return Figure(value, min(value, float(low)), max(value, float(high)), n)
