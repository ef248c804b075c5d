"""The stages that need no model: documents, embeddings."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

import numpy as np
import pyarrow as pa

from pipeline.batches import in_batches, one_behind
from pipeline.corpus import BulkBatch, read_documents
from pipeline.embedding import Matrix
from pipeline.errors import CorpusError
from pipeline.rules import load_rules
from pipeline.stages.arrivals import Arriving, arriving_files
from pipeline.stages.described import describe_documents
from pipeline.stages.returned import without_forgotten
from pipeline.stages.session import Session
from pipeline.store import Store
from pipeline.store.intake import Intake

__all__ = ["documents", "embeddings"]

EMBED_BATCH = 512
DOCUMENTS_A_PAGE, SECONDS_A_WRITE = 8192, 5.0  # a write costs most of a second in a table of ten million rows, whatever it writes
FEWEST = 2


def documents(session: Session) -> tuple[int, int]:
    """Read the corpus into the table `documents`, and what cannot be used into `rejects`."""
    load_rules(session.project.annotation.rules, session.project.folder)  # a rule that cannot be used is told before any work is done
    seen_at = datetime.now(UTC)
    before = session.store.counts()["texts"]
    arriving = arriving_files(session)
    if arriving.files is None or arriving.files:  # a day on which nothing came is no mistake
        intake = Intake(session.store, seen_at)
        batches = session.progress.track(read_documents(session.project, arriving.files), total=0, what="documents", size=_documents_in)

        def write(batch: BulkBatch) -> None:
            _take_in(session.store, intake, arriving, batch)
            pa.default_memory_pool().release_unused()  # memory stays flat

        with one_behind(write) as take_in:
            for batch in batches:
                take_in(batch)
        intake.finish()
        pa.default_memory_pool().release_unused()
    arriving.close(session.store, seen_at)
    counts = session.store.counts()
    if counts["texts"] < FEWEST:
        raise CorpusError(
            f"{session.project.corpus_path} holds {counts['documents']} documents but only {counts['texts']} distinct text;"
            f" a taxonomy needs many different ones. Check corpus.path and corpus.text."
        )
    describe_documents(session)
    return max(0, counts["texts"] - before), counts["documents"]


def _take_in(store: Store, intake: Intake, arriving: Arriving, batch: BulkBatch) -> None:
    """Write one batch, in one transaction."""
    with store.writer():
        documents, forgotten = without_forgotten(store, arriving.wanted(batch.documents))
        intake.add(documents)
        store.save([*batch.rejects, *forgotten])


def _documents_in(batch: BulkBatch) -> int:
    return int(batch.documents.num_rows)


def embeddings(session: Session) -> tuple[int, int]:
    """Embed every distinct text that has no vector yet."""
    store, embedder_id = session.store, session.embedder.embedder_id
    pending = store.count_pending("embeddings", {"embedder_id": embedder_id}, session.partitions)
    waiting: list[tuple[str, Matrix]] = []
    saved = time.monotonic()
    documents = chain.from_iterable(store.iter_unembedded(embedder_id, DOCUMENTS_A_PAGE, session.partitions))
    try:
        for batch in session.progress.track(in_batches(documents, EMBED_BATCH), total=pending, what="embeddings", size=len):
            vectors = session.embedder.embed([document.text for document in batch])
            waiting += zip((document.text_hash for document in batch), vectors, strict=True)
            if len(waiting) >= DOCUMENTS_A_PAGE or time.monotonic() - saved > SECONDS_A_WRITE:
                _save_vectors(session, waiting)
                waiting, saved = [], time.monotonic()
    finally:  # what was embedded is kept, whatever ended the rest
        _save_vectors(session, waiting)
    store.mark_current(embedder_id=embedder_id)
    return pending, store.counts()["texts"]


def _save_vectors(session: Session, vectors: Sequence[tuple[str, Matrix]]) -> None:
    if vectors:
        session.store.save_vectors(session.embedder.embedder_id, [text for text, _ in vectors], np.stack([vector for _, vector in vectors]))
