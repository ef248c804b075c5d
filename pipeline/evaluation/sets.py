"""Metrics of sets of labels, each with a bootstrap interval over the documents."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics import Figure

__all__ = ["SETS", "set_figures"]

Floats = npt.NDArray[np.float64]
Counts = tuple[Floats, Floats, Floats]  # true, found and both, each (n, k), 0 or 1
LEVEL = 0.95


def micro_f1(counts: Counts, weights: Floats) -> float:
    """Measure the F1 over all decisions together, 0 to 1."""
    true, found, both = (float((part.sum(axis=1) * weights).sum()) for part in counts)
    return 2 * both / (true + found) if true + found else 1.0


def macro_f1(counts: Counts, weights: Floats) -> float:
    """Measure the mean F1 of the labels that documents bear, 0 to 1; a label that is only ever found wrongly is not counted."""
    true, found, both = (weights @ part for part in counts)
    there = true > 0
    return float((2 * both[there] / (true + found)[there]).mean()) if there.any() else 1.0


def exact_match(counts: Counts, weights: Floats) -> float:
    """Measure the share of documents whose set is exactly right, 0 to 1."""
    true, found, both = counts
    right = (true.sum(axis=1) == both.sum(axis=1)) & (found.sum(axis=1) == both.sum(axis=1))
    return float((right * weights).sum() / weights.sum())


def jaccard(counts: Counts, weights: Floats) -> float:
    """Measure the mean share of a document's true and found labels that are both, 0 to 1; 1 where it has neither."""
    true, found, both = (part.sum(axis=1) for part in counts)
    either = true + found - both
    return float((np.divide(both, either, out=np.ones_like(either), where=either > 0) * weights).sum() / weights.sum())


SETS: Mapping[str, Callable[[Counts, Floats], float]] = {"micro_f1": micro_f1, "macro_f1": macro_f1, "exact_match": exact_match, "jaccard": jaccard}


def set_figures(gold: Sequence[AbstractSet[str]], found: Sequence[AbstractSet[str]], *, resamples: int, seed: int) -> dict[str, Figure]:
    """Measure every metric of sets with its interval; n is the number of documents."""
    labels = sorted(set().union(*gold, *found))
    places = {label: place for place, label in enumerate(labels)}
    true, guessed = (_matrix(sets, places) for sets in (gold, found))
    counts = (true, guessed, true * guessed)
    n = len(gold)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    figures = {}
    for name, metric in SETS.items():
        low, high = np.quantile([metric(counts, draw) for draw in draws], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        figures[name] = Figure(metric(counts, np.ones(n)), float(low), float(high), n)
    return figures


def _matrix(sets: Sequence[AbstractSet[str]], places: Mapping[str, int]) -> Floats:
    matrix = np.zeros((len(sets), len(places)))
    for row, labels in enumerate(sets):
        matrix[row, [places[label] for label in labels]] = 1
    return matrix
