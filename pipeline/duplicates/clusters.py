"""From pairs to clusters: which text is a copy of which, and which ones are linked.

A copy is always as like its original as the threshold asks, so that a label can be handed on. Linked are also copies of
copies, which may be less alike: enough to keep them on one side of a split, and not enough to share a label.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.document_records import PairCount

__all__ = ["Clusters", "cluster", "count_pairs"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """The texts that have near copies, by place (n,), each with its original, the first text linked to it, and its likeness to the original."""

    places: Ints
    originals: Ints
    firsts: Ints
    similarities: Floats


def cluster(pairs: Ints, similarities: Floats, *, at: float) -> Clusters:
    """Make clusters of the pairs (later, earlier) that are alike at least by `at`.

    In order, each text is a copy of the most similar original before it, else an original itself. So an original stays one
    whatever comes later.
    """
    kept = similarities >= at
    near, alike = pairs[kept], similarities[kept]
    places, compact = np.unique(near, return_inverse=True)
    compact = compact.reshape(-1, 2)
    links = coo_array((np.ones(len(compact), dtype=np.int8), (compact[:, 0], compact[:, 1])), shape=(len(places), len(places)))
    groups = connected_components(links, directed=False)[1] if len(places) else np.zeros(0, dtype=np.intp)
    firsts = np.full(int(groups.max()) + 1 if len(groups) else 0, np.iinfo(np.int64).max)
    np.minimum.at(firsts, groups, places)
    originals, likeness = _originals(compact, alike, len(places))
    return Clusters(places, places[originals], firsts[groups], likeness)


def _originals(pairs: Ints, similarities: Floats, count: int) -> tuple[Ints, Floats]:
    """Give each text's original and its likeness to it, by places counted among the texts of the pairs."""
    before: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for (later, earlier), alike in zip(pairs.tolist(), similarities.tolist(), strict=True):
        before[later].append((alike, earlier))
    originals, likeness = np.arange(count, dtype=np.int64), np.ones(count)
    for place in range(count):
        options = [(alike, -earlier) for alike, earlier in before.get(place, ()) if originals[earlier] == earlier]
        if options:
            alike, earlier = max(options)
            originals[place], likeness[place] = -earlier, alike
    return originals, likeness


def count_pairs(pairs: Ints, similarities: Floats, *, at: float) -> PairCount:
    """Count what a threshold would make of the pairs."""
    found = cluster(pairs, similarities, at=at)
    copies = int((found.places != found.originals).sum())
    return PairCount(at, int((similarities >= at).sum()), len(np.unique(found.firsts)), len(found.places), copies)
