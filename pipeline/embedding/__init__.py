"""Embedders behind one method."""

from pipeline.embedding.contract import Embedder, Matrix
from pipeline.embedding.encoder import SentenceEmbedder
from pipeline.embedding.opening import open_embedder
from pipeline.embedding.served import ServedEmbedder
from pipeline.embedding.static import StaticEmbedder

__all__ = ["Embedder", "Matrix", "SentenceEmbedder", "ServedEmbedder", "StaticEmbedder", "open_embedder"]
