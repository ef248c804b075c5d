"""Documents around one direction for each category, and what a student learns from them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.students.inputs import Inputs
from pipeline.students.material import Material

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]
WORDS = ("parcel courier delivery", "refund invoice money", "login password locked", "screen battery cracked")


def unit(rows: Any) -> Vectors:
    """Bring rows to length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def clouds(sizes: Sequence[int], *, noise: float = 0.25, seed: int = 0, dimensions: int = 8) -> tuple[Inputs, Ints]:
    """Draw as many documents of each category as asked for: vectors around its axis, texts of its words, metadata that name it."""
    random, truth = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes).astype(np.intp)
    vectors = unit(np.eye(dimensions)[truth] + noise * random.normal(size=(len(truth), dimensions)))
    texts = [f"{' '.join(random.permutation(WORDS[place % 4].split())[:2])} case {number % 7}" for number, place in enumerate(truth.tolist())]
    return Inputs(vectors, texts, [{"size": place + 0.5, "shop": "abcdefgh"[place]} for place in truth.tolist()]), truth


def lesson(
    sizes: Sequence[int] = (12, 12, 12),
    *,
    labels: Ints | None = None,
    sure: float = 1.0,
    unlabelled: Sequence[int] = (),
    noise: float = 0.25,
    seed: int = 0,
    **more: Any,
) -> Material:
    """Lay clouds out as material: right labels, or those given, each with the probability `sure`; cards along the axes."""
    labelled, truth = clouds(sizes, noise=noise, seed=seed)
    k = len(sizes)
    hard = np.eye(k)[truth if labels is None else labels]
    others = {"unlabelled": clouds(unlabelled, noise=noise, seed=seed + 1000)[0]} if unlabelled else {}
    usual: dict[str, Any] = {
        "categories": tuple("abcdefgh"[:k]), "labelled": labelled, "soft": sure * hard + (1 - sure) / k, "weights": np.ones(len(truth)),
        "groups": np.arange(len(truth)), "cards": np.eye(k, 8, dtype=np.float32), **others,
    }  # fmt: skip
    return Material(**{**usual, **more})
