"""Embedders behind one method."""

from pipeline.embedding.contract import Embedder, Matrix
from pipeline.embedding.encoder import SentenceEmbedder
from pipeline.embedding.opening import open_embedder
from pipeline.embedding.static import StaticEmbedder
from pipeline.embedding.tuning import Head, Readings, Tuned, TunedEmbedder, base_id, base_sha256, layer_names, read_below, tune

__all__ = [
    "Embedder",
    "Head",
    "Matrix",
    "Readings",
    "SentenceEmbedder",
    "StaticEmbedder",
    "Tuned",
    "TunedEmbedder",
    "base_id",
    "base_sha256",
    "layer_names",
    "open_embedder",
    "read_below",
    "tune",
]
