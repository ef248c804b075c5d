"""Embedders behind one method."""

from pipeline.embedding.contract import Embedder, Matrix
from pipeline.embedding.encoder import SentenceEmbedder
from pipeline.embedding.opening import open_embedder
from pipeline.embedding.static import StaticEmbedder

__all__ = ["Embedder", "Matrix", "SentenceEmbedder", "StaticEmbedder", "open_embedder"]
