"""The stages that need no model: documents, embeddings."""

from datetime import UTC, datetime

from pipeline.batches import in_batches
from pipeline.corpus import make_documents, read_rows
from pipeline.errors import CorpusError
from pipeline.rules import load_rules
from pipeline.stages.session import Session

__all__ = ["documents", "embeddings"]

EMBED_BATCH = 512
BATCHES_A_WRITE = 10  # opening the tables costs a tenth of a second, whatever is written
FEWEST = 2


def documents(session: Session) -> tuple[int, int]:
    """Read the corpus into the table `documents`, and what cannot be used into `rejects`."""
    load_rules(session.project.annotation.rules, session.project.folder)  # a rule that cannot be used is told before any work is done
    seen_at = datetime.now(UTC)
    before = session.store.counts()["texts"]
    batches = in_batches(make_documents(read_rows(session.project), session.project), BATCHES_A_WRITE)
    for several in session.progress.track(batches, total=0, what="documents", size=lambda several: sum(len(batch.documents) for batch in several)):
        with session.store.writer():
            read = [document for batch in several for document in batch.documents]
            session.store.save_documents(read, seed=session.project.seed, seen_at=seen_at)
            session.store.save([reject for batch in several for reject in batch.rejects])
    session.store.deactivate_unseen(seen_at)
    counts = session.store.counts()
    if counts["texts"] < FEWEST:
        raise CorpusError(
            f"{session.project.corpus_path} holds {counts['documents']} documents but only {counts['texts']} distinct text;"
            f" a taxonomy needs many different ones. Check corpus.path and corpus.text."
        )
    return max(0, counts["texts"] - before), counts["documents"]


def embeddings(session: Session) -> tuple[int, int]:
    """Embed every distinct text that has no vector yet."""
    embedder_id = session.embedder.embedder_id
    pending = session.store.pending("embeddings", {"embedder_id": embedder_id})
    batches = in_batches(pending, EMBED_BATCH)
    for hashes in session.progress.track(batches, total=len(pending), what="embeddings", size=len):
        vectors = session.embedder.embed([document.text for document in session.store.texts(hashes)])
        session.store.save_vectors(embedder_id, hashes, vectors)
    session.store.mark_current(embedder_id=embedder_id)
    return len(pending), session.store.counts()["texts"]
