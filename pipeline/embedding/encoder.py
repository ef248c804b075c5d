"""Turns texts into vectors. Torch is imported here alone, and only when the first text is embedded."""

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.weights import fetch_weights, known_weights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["Embedder", "Matrix", "SentenceEmbedder"]

Matrix = npt.NDArray[np.float32]
LONGEST_TEXT = 4000  # characters; the model reads 256 tokens, so that tokenising more is work for nothing


class Embedder(Protocol):
    """Anything that turns texts into vectors of length 1."""

    @property
    def embedder_id(self) -> str:
        """Name the model and its weights: part of the key of every vector."""

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts as a float32 matrix, one row a text in order, each row of Euclidean length 1."""


class SentenceEmbedder:
    """A sentence-transformers model whose weights come from the package registry.

    :param name: a name that `pipeline.weights` knows.
    """

    def __init__(self, name: str = "all-minilm-l6-v2", *, cache: Path | None = None, progress: Callable[[int, int], None] | None = None) -> None:
        """Remember what to load; loading waits for the first text."""
        self.name, self.cache, self.progress = name, cache, progress

    @property
    def embedder_id(self) -> str:
        """Name the model and its weights."""
        return f"{self.name}@{known_weights()[self.name].sha256[:12]}"

    @cached_property
    def _model(self) -> "SentenceTransformer":
        folder = fetch_weights(self.name, cache=self.cache, progress=self.progress)
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        return SentenceTransformer(str(folder), device="cpu" if not torch.cuda.is_available() else "cuda", local_files_only=True)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; only the first 256 tokens of a text count."""
        if not texts:
            return np.zeros((0, 384), dtype=np.float32)
        heads = [text[:LONGEST_TEXT] for text in texts]
        vectors = self._model.encode(heads, batch_size=64, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(vectors, dtype=np.float32)
