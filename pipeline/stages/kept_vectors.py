"""Vectors of texts that are no documents, as those of category cards: kept with the others, so that none is made twice."""

from collections.abc import Sequence

from pipeline.embedding import Matrix
from pipeline.ids import text_hash
from pipeline.stages.session import Session

__all__ = ["KeptEmbedder"]


class KeptEmbedder:
    """The session's embedder, asked only for texts without a vector in the tables; a run with nothing to do loads no weights and asks no server."""

    def __init__(self, session: Session) -> None:
        """Embed for a session."""
        self._session = session

    @property
    def embedder_id(self) -> str:
        """Give the id of the session's embedder."""
        return self._session.embedder.embedder_id

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Give a row for each text, in order."""
        store, hashes = self._session.store, [text_hash(one) for one in texts]
        by_hash = dict(zip(hashes, texts, strict=True))
        if missing := store.pending("embeddings", {"embedder_id": self.embedder_id}, among=list(by_hash)):
            store.save_vectors(self.embedder_id, missing, self._session.embedder.embed([by_hash[one] for one in missing]))
        return store.vectors(self.embedder_id, hashes)
