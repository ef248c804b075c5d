"""Scores whose faults are known: too sure, or sure without cause."""

import numpy as np
import numpy.typing as npt
from hypothesis import settings
from scipy.special import log_softmax

from pipeline.annotation.confidence import Confidence
from pipeline.evaluation.calibration import expected_calibration_error

__all__ = [
    "LAWFUL",
    "Floats",
    "Ints",
    "error_of",
    "misled",
    "overconfident",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
LAWFUL = settings(max_examples=50, deadline=None)


def overconfident(n: int, *, heat: float = 3.0, options: int = 5, seed: int = 0) -> tuple[Floats, Ints]:
    """Draw truths from a softmax and give scores that are `heat` times as sure, without a sum of one."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=1.6, size=(n, options))
    truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)  # as often as the softmax of the logits says
    return log_softmax(heat * logits, axis=1) + random.normal(size=(n, 1)), truth


def misled(n: int, *, options: int = 5, seed: int = 0) -> tuple[Floats, Ints]:
    """Draw labels that are right in 6 of 10, whatever their scores, which are all sure and tell little."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(n, options))
    best = scores.argmax(axis=1)
    scores[np.arange(n), best] += 3 + random.exponential(3, size=n)
    right = random.random(n) < 0.6
    wrong = (best + random.integers(1, options, size=n)) % options
    return log_softmax(scores, axis=1), np.where(right, best, wrong).astype(np.intp)


def error_of(confidence: Confidence, scores: Floats, truth: Ints) -> float:
    return expected_calibration_error(confidence.apply(scores).max(axis=1), scores.argmax(axis=1) == truth)
