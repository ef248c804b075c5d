"""The stages that need no model: documents, embeddings."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.batches import in_batches
from pipeline.corpus import CorpusBatch, make_documents, read_rows
from pipeline.errors import CorpusError
from pipeline.rules import load_rules
from pipeline.stages.arrivals import arriving_files
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
    arriving = arriving_files(session)
    if arriving.files is None or arriving.files:  # a day on which nothing came is no mistake
        batches = in_batches(make_documents(read_rows(session.project, arriving.files), session.project), BATCHES_A_WRITE)
        for several in session.progress.track(batches, total=0, what="documents", size=_documents_in):
            with session.store.writer():
                read = arriving.wanted([document for batch in several for document in batch.documents])
                session.store.save_documents(read, seed=session.project.seed, seen_at=seen_at)
                session.store.save([reject for batch in several for reject in batch.rejects])
    arriving.close(session.store, seen_at)
    counts = session.store.counts()
    if counts["texts"] < FEWEST:
        raise CorpusError(
            f"{session.project.corpus_path} holds {counts['documents']} documents but only {counts['texts']} distinct text;"
            f" a taxonomy needs many different ones. Check corpus.path and corpus.text."
        )
    return max(0, counts["texts"] - before), counts["documents"]


def _documents_in(several: Sequence[CorpusBatch]) -> int:
    return sum(len(batch.documents) for batch in several)


def embeddings(session: Session) -> tuple[int, int]:
    """Embed every distinct text that has no vector yet."""
    embedder_id = session.embedder.embedder_id
    pending = session.store.pending("embeddings", {"embedder_id": embedder_id}, among=session.texts_in_scope())
    batches = in_batches(pending, EMBED_BATCH)
    for hashes in session.progress.track(batches, total=len(pending), what="embeddings", size=len):
        vectors = session.embedder.embed([document.text for document in session.store.texts(hashes)])
        session.store.save_vectors(embedder_id, hashes, vectors)
    session.store.mark_current(embedder_id=embedder_id)
    return len(pending), session.store.counts()["texts"]
