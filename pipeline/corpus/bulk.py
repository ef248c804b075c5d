"""A corpus in bulk: documents as Arrow columns, at many times the speed of `make_documents`, and with the same result.

Rows that are anything but simple still go through `make_document`, which alone says what is a document, what is a reject, and why.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.batches import in_batches, one_ahead
from pipeline.corpus.arrow_files import has_columns
from pipeline.corpus.bulk_samples import sample_threshold, sampled
from pipeline.corpus.columns import check_columns, clean, wanted_columns
from pipeline.corpus.databases import has_table_columns
from pipeline.corpus.documents import make_document, make_documents, nothing_usable
from pipeline.corpus.files import corpus_files
from pipeline.corpus.json_lines import starts_with_bracket
from pipeline.corpus.occurrences import Keys, Occurrences, keys_of_digests, keys_of_texts
from pipeline.corpus.opening import is_utf8, open_lines
from pipeline.corpus.parts import DOCUMENT_SCHEMA, Part
from pipeline.corpus.read import BATCH_ROWS, read_file, read_rows
from pipeline.corpus.rows import RawRow
from pipeline.corpus.stretches import COLUMNAR, Stretch, gathered, stretches_of
from pipeline.corpus_settings import SampleSettings
from pipeline.ids import canonical_json, order_key
from pipeline.records import Document, Reject
from pipeline.settings import Project

__all__ = ["BulkBatch", "documents_table", "read_documents", "read_in_bulk", "reads_in_bulk"]

BATCHES_TOGETHER = 10  # of the row reader


@dataclass(frozen=True)
class BulkBatch:
    """What became of many rows: documents in any order, as columns of the table `documents`, and rejects in that of the file."""

    documents: pa.Table
    rejects: Sequence[Reject]


def read_documents(project: Project, only: Collection[str] | None = None) -> Iterator[BulkBatch]:
    """Read a corpus in bulk where that can be, and row by row otherwise.

    :param only: names of files, as `corpus_files` gives them; all when absent.
    :raises CorpusError: before the first batch where a named column is missing, and at the end where no document was found.
    """
    if reads_in_bulk(project, only):
        yield from read_in_bulk(project, only)
        return
    for several in in_batches(make_documents(read_rows(project, only), project), BATCHES_TOGETHER):
        documents = [document for batch in several for document in batch.documents]
        yield BulkBatch(documents_table(documents, project.seed), [reject for batch in several for reject in batch.rejects])


def reads_in_bulk(project: Project, only: Collection[str] | None = None) -> bool:
    """Tell whether a corpus can be read in bulk: files of lines or columns, or tables, of which not just the first rows are wanted."""
    corpus, kind = project.corpus, project.corpus_format
    if kind not in {"jsonl", "csv", "tsv", *COLUMNAR} or corpus.limit is not None:
        return False
    if corpus.encoding is not None and not is_utf8(corpus.encoding):
        return False
    files = [path for name, path in corpus_files(project).items() if only is None or name in only]
    wanted = wanted_columns(project)
    if kind == "duckdb":
        return all(has_table_columns(path, corpus.table, wanted) for path in files)
    return all(has_columns(path, kind, wanted) if kind in COLUMNAR else _is_lines(path, kind) for path in files)


def _is_lines(path: Path, kind: str) -> bool:
    with open_lines(path) as (_, encoding):
        if not is_utf8(encoding):
            return False
    return kind != "jsonl" or not starts_with_bracket(path)


def read_in_bulk(project: Project, only: Collection[str] | None = None) -> Iterator[BulkBatch]:
    """Read the files of a corpus that `reads_in_bulk` allows, as `make_documents(read_rows(project, only), project)` does.

    :raises CorpusError: as `make_documents` does.
    """
    files = {name: path for name, path in corpus_files(project).items() if only is None or name in only}
    kind = project.corpus_format
    if kind not in COLUMNAR:
        rows = chain.from_iterable(read_file(path, name, kind, project.corpus) for name, path in files.items())
        while (batch := list(islice(rows, BATCH_ROWS))) and not check_columns(batch, project):
            pass
    met, reasons, documents = Occurrences(), Counter[str](), 0
    sample = project.corpus.sample
    read = _sample_of(project, files, sample) if sample else partial(stretches_of, kind=kind, project=project)
    for source, path in files.items():
        for several in one_ahead(gathered(read(path, source))):
            made = _batch_of(source, several, project, met)
            documents += made.documents.num_rows
            reasons.update(reject.reason for reject in made.rejects)
            yield made
    if not documents:
        raise nothing_usable(project, reasons)


def _sample_of(project: Project, files: Mapping[str, Path], wanted: SampleSettings) -> Callable[[Path, str], Iterator[Stretch]]:
    """Give what reads the rows of a file that are in the sample."""
    corpus, kind = project.corpus, project.corpus_format
    every = chain.from_iterable(stretches_of(path, name, kind, project) for name, path in files.items())
    threshold = sample_threshold(every, wanted, corpus)
    return lambda path, name: sampled(stretches_of(path, name, kind, project), threshold, wanted.seed, corpus)


def _batch_of(source: str, several: Sequence[Stretch], project: Project, met: Occurrences) -> BulkBatch:
    """Find what came before, and make what has to be made row by row."""
    rows = [row for stretch in several for row in stretch.rows]
    made = {row.position: make_document(row, project, Counter()) for row in rows}
    singles = [(row, one) for row in rows if isinstance(one := made[row.position], Document)]
    parts = [part for stretch in several for part in stretch.parts if len(part)]
    positions = np.concatenate([np.empty(0, np.int64), *(part.positions for part in parts), [row.position for row, _ in singles]])
    order = np.argsort(positions, kind="stable")
    earlier = np.empty(len(order), np.int64)
    earlier[order] = met.earlier(np.concatenate([*(part.keys for part in parts), _keys_of([one for _, one in singles], project)])[order])
    again = list(_again(parts, [row for row, _ in singles], earlier))
    made |= {row.position: make_document(row, project, _Met(times)) for row, times in again}
    tables = [_table(part, source) for part in parts]
    table = pa.concat_tables([DOCUMENT_SCHEMA.empty_table(), *tables])
    if again:
        table = table.filter(pa.array(earlier[: table.num_rows] == 0))
    outcomes = [one for _, one in sorted(made.items())]
    documents = [one for one in outcomes if isinstance(one, Document)]
    table = pa.concat_tables([table, documents_table(documents, project.seed)])
    return BulkBatch(table, [one for one in outcomes if isinstance(one, Reject)])


def _again(parts: Sequence[Part], singles: Sequence[RawRow], earlier: Any) -> Iterator[tuple[RawRow, int]]:
    """Give the rows whose id, or text where there are no ids, came before, and how often."""
    start = 0
    for part in parts:
        for place in np.flatnonzero(earlier[start : start + len(part)]).tolist():
            yield part.raw(place), int(earlier[start + place])
        start += len(part)
    yield from ((row, int(times)) for row, times in zip(singles, earlier[start:], strict=True) if times)


class _Met(Counter[bytes]):
    """Says of every id or text that it was met so many times before."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: bytes) -> int:
        return self._times


def _keys_of(documents: Sequence[Document], project: Project) -> Keys:
    if project.corpus.id is not None:
        return keys_of_texts([one.doc_id.encode() for one in documents])
    return keys_of_digests(np.array([list(bytes.fromhex(one.doc_id.partition(":")[2])) for one in documents], np.uint8).reshape(-1, 16))


def _table(part: Part, source: str) -> pa.Table:
    nulls = {field.name: pa.nulls(len(part), field.type) for field in DOCUMENT_SCHEMA if field.name not in part.columns}
    places = pc.binary_join_element_wise(pa.scalar(clean(source)), pc.cast(pa.array(part.positions), pa.string()), ":")
    columns = nulls | dict(part.columns) | {"source": places}
    return pa.table([columns[name] for name in DOCUMENT_SCHEMA.names], schema=DOCUMENT_SCHEMA)


def documents_table(documents: Sequence[Document], seed: int) -> pa.Table:
    """Make rows of the table `documents` of single ones."""
    rows = [
        {
            "doc_id": one.doc_id, "text_hash": one.text_hash, "text": one.text, "words": one.words, "source": clean(one.source),
            "metadata": canonical_json(dict(one.metadata)), "gold": one.gold, "order_key": order_key(one.text_hash, seed),
            "partition": one.partition, "title": one.title, "language": one.language, "written_at": one.written_at,
        }
        for one in documents
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA)
