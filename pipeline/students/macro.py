"""Macro-F1: how well categories are found, rare ones counting as much as frequent ones."""

import numpy as np
import numpy.typing as npt

__all__ = ["macro_f1"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
LEAST = 1e-9


def macro_f1(truth: Ints, guesses: Ints, *, alike: bool) -> float:
    """Give the macro-F1 over the categories that are there, 0 to 1; 0 where there is no document.

    :param alike: measure it as among documents of which each category has as many, as who wants every category found does. Otherwise
        they are as frequent as they are, and a rare category that is called too often pays with its precision.
    """
    if not len(truth):
        return 0.0
    k = int(max(truth.max(), guesses.max())) + 1
    called = np.bincount(truth * k + guesses, minlength=k * k).reshape(k, k).astype(np.float64)
    there = called.sum(axis=1) > 0
    if alike:
        called /= np.maximum(called.sum(axis=1, keepdims=True), 1.0)
    return float((2 * np.diag(called) / np.maximum(called.sum(axis=0) + called.sum(axis=1), LEAST))[there].mean())
