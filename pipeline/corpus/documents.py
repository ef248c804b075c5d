"""From raw rows to documents and rejects."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pipeline.corpus.columns import check_columns, clean, gold_of, id_of, plain, titled_text
from pipeline.corpus.partitions import Unparted, partition_of
from pipeline.corpus.read import BATCH_ROWS
from pipeline.corpus.rows import RawRow
from pipeline.corpus.times import read_time
from pipeline.errors import CorpusError
from pipeline.ids import content_id, text_hash
from pipeline.records import Document, Reject
from pipeline.settings import Project

__all__ = ["CorpusBatch", "make_document", "make_documents", "nothing_usable"]

STAGE = "corpus"


@dataclass(frozen=True)
class CorpusBatch:
    """What became of about a thousand rows."""

    documents: Sequence[Document]
    rejects: Sequence[Reject]


def make_documents(rows: Iterable[RawRow], project: Project) -> Iterator[CorpusBatch]:
    """Make documents of raw rows, batch by batch; a row that cannot be used is a reject.

    Of rows with the same id the first is kept. Without an id column, ids are made from the text and the number of its
    occurrence, within its partition where there are any, so that they stay the same however the corpus is ordered and parted.

    :raises CorpusError: before the first batch where a named column is missing, and at the end where no document was found.
    """
    corpus = project.corpus
    source = islice(rows, corpus.limit)
    seen: Counter[bytes] = Counter()
    reasons: Counter[str] = Counter()
    documents, columns_known = 0, False
    while batch := list(islice(source, BATCH_ROWS)):
        if not columns_known:
            columns_known = check_columns(batch, project)
        made = [make_document(row, project, seen) for row in batch]
        result = CorpusBatch([one for one in made if isinstance(one, Document)], [one for one in made if isinstance(one, Reject)])
        documents += len(result.documents)
        reasons.update(reject.reason for reject in result.rejects)
        yield result
    if not documents:
        raise nothing_usable(project, reasons)


def nothing_usable(project: Project, reasons: Mapping[str, int]) -> CorpusError:
    """Make the error of a corpus without a document, with the reasons why its rows were rejected."""
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "no rows"
    return CorpusError(f"The corpus {project.corpus.where} holds no document that can be used: {counts}. Check corpus.text and corpus.format.")


def make_document(row: RawRow, project: Project, seen: Counter[bytes]) -> Document | Reject:
    """Make one document or one reject; `seen` counts the ids, or the texts where there are none, met before."""
    corpus, wanted, partition = project.corpus, project.partitions, None
    if row.values is None:
        reason, message = row.error or ("unreadable", "")
        return Reject(STAGE, reason, message, clean(row.raw), row.source, row.position)
    text, title, fault = titled_text(row.values, corpus)
    if fault is not None:
        return reject(row, *fault)
    try:
        written_at = read_time(row.values.get(corpus.time)) if corpus.time is not None else None
    except ValueError as error:
        return reject(row, "bad_time", f"column {corpus.time!r}: {error}")
    if wanted is not None:
        try:
            partition = partition_of(row.source, row.values, wanted, project.schedule.timezone)
        except Unparted as error:
            return reject(row, "no_partition", str(error))
    digest = digest_of("\0".join([partition or "", text]) if corpus.id is None else id_of(row.values.get(corpus.id)))
    if corpus.id is None:
        doc_id = content_id("doc", [text, seen[digest] + 1, *([partition] if partition else [])])
    else:
        doc_id = id_of(row.values.get(corpus.id))
        if not doc_id:
            return reject(row, "missing_id", f"column {corpus.id!r} is empty")
        if digest in seen:
            return reject(row, "duplicate_id", f"the id {doc_id!r} was read before; the first row with it is kept")
    seen[digest] += 1
    metadata = {name: plain(row.values.get(name)) for name in corpus.metadata}
    gold = gold_of(row.values.get(corpus.gold)) if corpus.gold is not None else None
    language = (id_of(row.values.get(corpus.language)) or None) if corpus.language is not None else None
    return Document(doc_id, text_hash(text), text, f"{row.source}:{row.position}", metadata, gold, partition, title, language, written_at)


def digest_of(text: str) -> bytes:
    """Hash a text to 16 bytes: millions of them have to be kept."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def reject(row: RawRow, reason: str, message: str) -> Reject:
    """Make the reject of a row whose values cannot be used."""
    return Reject(STAGE, reason, message, clean(row.raw or str(plain(row.values))), row.source, row.position)
