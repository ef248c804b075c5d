"""All categories that apply to a document: each decided by its own threshold on its own probability, not read off a free list.

The probabilities are those of one question for the best category, so that a second label costs no further call. What
a document shares among several labels none of them has alone: the thresholds lie far below one half, and are learnt from
documents whose labels are known.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["SetThresholds", "fit_set_thresholds"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
DEFAULT = 0.3
GRID = np.round(np.arange(0.05, 0.96, 0.025), 3)
PRIOR = 10.0  # documents that the common threshold weighs as much as against a category's own
FEWEST = 30  # documents with known labels that thresholds are learnt from


@dataclass(frozen=True)
class SetThresholds:
    """The least probability (k,) from which each category applies beside the best one, and how many known documents taught it."""

    values: tuple[float, ...]
    fitted_on: int = 0

    def applies(self, probabilities: Floats) -> Flags:
        """Say which categories apply, (n, k): the best one always, others from their threshold on."""
        found = probabilities >= np.array(self.values)
        found[np.arange(len(found)), probabilities.argmax(axis=1)] = True
        return np.asarray(found)


def fit_set_thresholds(probabilities: Floats, truth: Flags) -> SetThresholds:
    """Learn thresholds from documents with all their labels known, (n, k) each.

    The common one is that with the best F1 over all decisions; a category's own, by its F1, counts for as many documents as
    bear it against `PRIOR` of the common one. Below 30 documents every category has the default.
    """
    k = probabilities.shape[1]
    if len(probabilities) < FEWEST:
        return SetThresholds((DEFAULT,) * k, 0)
    common = _best(probabilities, truth, DEFAULT)
    own = [_best(probabilities[:, [place]], truth[:, [place]], common) for place in range(k)]
    support = truth.sum(axis=0)
    values = (support * np.array(own) + PRIOR * common) / (support + PRIOR)
    return SetThresholds(tuple(float(round(value, 6)) for value in values), len(probabilities))


def _best(probabilities: Floats, truth: Flags, otherwise: float) -> float:
    """Give the threshold with the best F1, of equals the middle one; `otherwise` where nothing is true."""
    if not truth.any():
        return otherwise
    scores = np.array([_f1(probabilities >= threshold, truth) for threshold in GRID])
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(GRID[best[len(best) // 2]])


def _f1(found: Flags, truth: Flags) -> float:
    return float(2 * (found & truth).sum() / max(1, found.sum() + truth.sum()))
