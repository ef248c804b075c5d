"""Labels a new file with a project's student: no model server, one batch in memory at a time."""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.batches import in_batches
from pipeline.corpus import RawRow, read_rows
from pipeline.embedding import Embedder
from pipeline.errors import CorpusError
from pipeline.settings import CorpusSettings, Project
from pipeline.students import LoadedStudent, score_texts

__all__ = ["Labelled", "label_file"]

BATCH = 1024
ADDED = ("category", "category_id", "probability")


@dataclass(frozen=True)
class Labelled:
    """What became of a file."""

    output: Path
    labelled: int
    rejected: int
    rejects: Path | None


class _Writer(Protocol):
    def write(self, rows: Sequence[dict[str, Any]]) -> None: ...
    def close(self) -> None: ...


def label_file(path: Path, *, project: Project, student: LoadedStudent, embedder: Embedder, output: Path, text: str | None = None) -> Labelled:
    """Write a file's rows with `category`, `category_id` and `probability` added; rows that cannot be used go to a file beside it.

    The output appears whole or not at all. Its format is that of its ending: .csv, .jsonl or .parquet.

    :raises CorpusError: when the file or its text column is missing, or the format is not one of these.
    """
    if not path.exists():
        raise CorpusError(f"There is no file {path}.")
    column = text or project.corpus.text
    beside = tuple(pq.read_schema(path).names) if path.suffix.lower() == ".parquet" else ()  # of other formats every column is read
    corpus = CorpusSettings(path=str(path.resolve()), text=column, metadata=beside)
    rows = read_rows(project.model_copy(update={"corpus": corpus}))
    partial, rejected_path = output.with_name(f".{output.name}.part"), output.with_name(f"{output.stem}.rejects.jsonl")
    labelled = rejected = 0
    with ExitStack() as stack:
        writer = _writer(partial, output.suffix.lower())
        stack.callback(partial.unlink, missing_ok=True)
        stack.callback(writer.close)
        for batch in in_batches(rows, BATCH):
            good = [row for row in batch if _text(row, column)]
            bad = [row for row in batch if not _text(row, column)]
            writer.write(list(_with_labels(good, column, student, embedder)))
            labelled += len(good)
            rejected += _write_rejects(rejected_path, bad, first=rejected == 0)
        writer.close()
        os.replace(partial, output)
    return Labelled(output, labelled, rejected, rejected_path if rejected else None)


def _text(row: RawRow, column: str) -> str:
    if row.values is None:
        return ""
    if column not in row.values:
        raise CorpusError(f"The file has no column {column!r}; it has {', '.join(map(repr, row.values))}. Name the text's column with --text.")
    value = row.values[column]
    return "" if value is None else str(value).strip()


def _with_labels(rows: Sequence[RawRow], column: str, student: LoadedStudent, embedder: Embedder) -> Iterator[dict[str, Any]]:
    scored = score_texts((_text(row, column) for row in rows), student=student, embedder=embedder)
    for row, found in zip(rows, scored, strict=True):
        yield {**(row.values or {}), "category": found.category, "category_id": found.category_id, "probability": round(found.probability, 6)}


def _write_rejects(path: Path, rows: Sequence[RawRow], *, first: bool) -> int:
    if not rows:
        return 0
    with path.open("w" if first else "a", encoding="utf-8") as file:
        for row in rows:
            reason, message = row.error or ("empty_text", "the text is empty")
            file.write(json.dumps({"row": row.position, "reason": reason, "message": message, "record": row.raw}, ensure_ascii=False) + "\n")
    return len(rows)


def _writer(path: Path, suffix: str) -> _Writer:
    kinds: dict[str, type[_Csv] | type[_Lines] | type[_Parquet]] = {".csv": _Csv, ".jsonl": _Lines, ".parquet": _Parquet}
    if suffix not in kinds:
        raise CorpusError(f"Cannot write {suffix or 'a file without an ending'}; give --out a name that ends in .csv, .jsonl or .parquet.")
    return kinds[suffix](path)


class _Csv:
    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8", newline="")
        self.rows: csv.DictWriter[str] | None = None

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows and self.rows is None:
            self.rows = csv.DictWriter(self.file, fieldnames=list(rows[0]), extrasaction="ignore")
            self.rows.writeheader()
        if self.rows is not None:
            self.rows.writerows(rows)

    def close(self) -> None:
        self.file.close()


class _Lines:
    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8")

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        self.file.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)

    def close(self) -> None:
        self.file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: pq.ParquetWriter | None = None

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        if self.file is None:
            self.schema = pa.Table.from_pylist(list(rows)).schema
            self.file = pq.ParquetWriter(self.path, self.schema)
        self.file.write_table(pa.Table.from_pylist(list(rows), schema=self.schema))

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
