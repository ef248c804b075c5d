"""Metrics of sets of labels, each with a bootstrap interval over the documents.

Documents with the same labels, true and found, are alike: a resample draws how many there are of each, and a metric is a function of
such weights, one row a resample, so that all resamples are measured at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics import Figure

__all__ = ["SETS", "set_figures"]

Floats = npt.NDArray[np.float64]
Counts = tuple[Floats, Floats, Floats]  # true, found and both, each (pairs, k), 0 or 1
INTERVAL = (0.025, 0.975)
CELLS = 4_000_000  # weights that are drawn at a time


def micro_f1(counts: Counts, weights: Floats) -> Floats:
    """Measure the F1 over all decisions together, 0 to 1."""
    true, found, both = (weights @ part.sum(axis=1) for part in counts)
    return _divided(2 * both, true + found)


def macro_f1(counts: Counts, weights: Floats) -> Floats:
    """Measure the mean F1 of the labels that documents bear, 0 to 1; a label that is only ever found wrongly is not counted."""
    true, found, both = (weights @ part for part in counts)
    there = true > 0
    return _divided(np.where(there, _divided(2 * both, true + found), 0.0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def exact_match(counts: Counts, weights: Floats) -> Floats:
    """Measure the share of documents whose set is exactly right, 0 to 1."""
    true, found, both = (part.sum(axis=1) for part in counts)
    return np.asarray(weights @ ((true == both) & (found == both)) / weights.sum(axis=1))


def jaccard(counts: Counts, weights: Floats) -> Floats:
    """Measure the mean share of a document's true and found labels that are both, 0 to 1; 1 where it has neither."""
    true, found, both = (part.sum(axis=1) for part in counts)
    return np.asarray(weights @ _divided(both, true + found - both) / weights.sum(axis=1))


SETS: Mapping[str, Callable[[Counts, Floats], Floats]] = {"micro_f1": micro_f1, "macro_f1": macro_f1, "exact_match": exact_match, "jaccard": jaccard}


def set_figures(gold: Sequence[AbstractSet[str]], found: Sequence[AbstractSet[str]], *, resamples: int, seed: int) -> dict[str, Figure]:
    """Measure every metric of sets with its interval; n is the number of documents."""
    documents = Counter((frozenset(truth), frozenset(guess)) for truth, guess in zip(gold, found, strict=True))
    pairs = sorted(documents, key=lambda pair: (sorted(pair[0]), sorted(pair[1])))
    places = {label: place for place, label in enumerate(sorted(set().union(*gold, *found)))}
    true, guessed = (_matrix([pair[part] for pair in pairs], places) for part in (0, 1))
    counts, every = (true, guessed, true * guessed), np.array([[documents[pair] for pair in pairs]], dtype=np.float64)
    drawn = [{name: metric(counts, weights) for name, metric in SETS.items()} for weights in _draws(every[0], resamples, seed)]
    figures = {}
    for name, metric in SETS.items():
        low, high = np.quantile(np.concatenate([part[name] for part in drawn]), INTERVAL)
        figures[name] = Figure(float(metric(counts, every)[0]), float(low), float(high), len(gold))
    return figures


def _draws(documents: Floats, resamples: int, seed: int) -> Iterator[Floats]:
    n, random, size = int(documents.sum()), np.random.default_rng(seed), max(1, CELLS // len(documents))
    for first in range(0, resamples, size):
        yield random.multinomial(n, documents / n, size=min(size, resamples - first)).astype(np.float64)


def _matrix(sets: Sequence[AbstractSet[str]], places: Mapping[str, int]) -> Floats:
    matrix = np.zeros((len(sets), len(places)))
    for row, labels in enumerate(sets):
        matrix[row, [places[label] for label in labels]] = 1
    return matrix


def _divided(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.ones(np.shape(whole)), where=whole > 0))
