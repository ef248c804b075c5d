"""What every embedder promises."""

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["LONGEST_TEXT", "Embedder", "Matrix", "cores", "unit_rows"]

Matrix = npt.NDArray[np.float32]
LONGEST_TEXT = 4000  # characters that an embedder looks at; the sentence model reads 256 tokens, so that tokenising more is work for nothing
LEAST = 1e-12


class Embedder(Protocol):
    """Anything that turns texts into vectors of length 1."""

    @property
    def embedder_id(self) -> str:
        """Name the model and its weights: part of the key of every vector."""

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts as a float32 matrix, one row a text in order, each row of Euclidean length 1."""


def unit_rows(rows: npt.NDArray[np.floating]) -> Matrix:
    """Scale each row to length 1; one of zeros becomes the row whose values are all equal."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled = np.where(lengths > LEAST, rows / np.maximum(lengths, LEAST), 1.0 / np.sqrt(rows.shape[1] or 1))
    return np.asarray(scaled, dtype=np.float32)


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
