"""Embedders behind one method."""

from pipeline.embedding.encoder import Embedder, Matrix, SentenceEmbedder

__all__ = ["Embedder", "Matrix", "SentenceEmbedder"]
