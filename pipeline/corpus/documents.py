"""From raw rows to documents and rejects."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.corpus.partitions import Unparted, partition_of
from pipeline.corpus.read import BATCH_ROWS, wanted_columns
from pipeline.corpus.rows import RawRow
from pipeline.errors import CorpusError
from pipeline.gold import join_gold
from pipeline.ids import content_id, text_hash
from pipeline.records import Document, Reject
from pipeline.settings import Project

__all__ = ["CorpusBatch", "make_documents", "plain", "text_of"]

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
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "no rows"
        raise CorpusError(f"The corpus {corpus.path} holds no document that can be used: {counts}. Check corpus.text and corpus.format.")


def check_columns(batch: Sequence[RawRow], project: Project) -> bool:
    """Tell whether there was any row to see the columns by; CorpusError where one that the project names is in none."""
    found = list(dict.fromkeys(name for row in batch if row.values is not None for name in row.values))
    missing = [name for name in wanted_columns(project) if name not in found]
    if found and missing:
        wanted = f"Missing column{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}"
        raise CorpusError(f"{wanted} in {project.corpus.path}; found {', '.join(map(repr, found))}. Correct the column names of the project file.")
    return bool(found)


def make_document(row: RawRow, project: Project, seen: Counter[bytes]) -> Document | Reject:
    """Make one document or one reject; `seen` counts the ids, or the texts where there are none, met before."""
    corpus, wanted, partition = project.corpus, project.partitions, None
    if row.values is None:
        reason, message = row.error or ("unreadable", "")
        return Reject(STAGE, reason, message, clean(row.raw), row.source, row.position)
    text, fault = text_of(row.values.get(corpus.text))
    if fault is not None:
        return reject(row, *fault)
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
    return Document(doc_id, text_hash(text), text, f"{row.source}:{row.position}", metadata, gold, partition)


def text_of(value: object) -> tuple[str, tuple[str, str] | None]:
    """Give the text of a value, or the reason and message why there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "", ("missing_text", "the text is null")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "", ("not_text", f"the text is of type {type(value).__name__}")
    text = clean(str(value))
    return (text, None) if text.strip() else ("", ("empty_text", "the text is empty or white space"))


def id_of(value: object) -> str:
    """Write an id or a known label as text; empty where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return clean(str(value)).strip()


def gold_of(value: object) -> str | None:
    """Write what a corpus knows of a document's labels: one name, or a list of them."""
    names = [id_of(part) for part in (value if isinstance(value, list | tuple) else [value])]
    return join_gold([name for name in dict.fromkeys(names) if name])


def clean(text: str) -> str:
    """Drop NUL characters, and replace each lone half of a character, which UTF-8 cannot hold, by U+FFFD."""
    text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def digest_of(text: str) -> bytes:
    """Hash a text to 16 bytes: millions of them have to be kept."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def plain(value: object) -> Any:
    """Bring a value of any source to what JSON can hold; numbers that it lacks become None, other types text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return clean(str(value))


def reject(row: RawRow, reason: str, message: str) -> Reject:
    """Make the reject of a row whose values cannot be used."""
    return Reject(STAGE, reason, message, clean(row.raw or str(plain(row.values))), row.source, row.position)
