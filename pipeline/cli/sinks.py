"""Where labelled rows go: a file that appears whole or not at all, or standard output. Rows that cannot be used go beside it."""

import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpus import RawRow, plain
from pipeline.errors import CorpusError

__all__ = ["STREAM", "Rejects", "Sink", "check_ending", "writing"]

STREAM = Path("-")  # standard input or output
SCORED = pa.struct([("category_id", pa.string()), ("category", pa.string()), ("probability", pa.float64())])
ADDED = {
    "category": pa.string(), "category_id": pa.string(), "probability": pa.float64(), "abstained": pa.bool_(), "members": pa.list_(pa.string()),
    "novelty": pa.float64(), "alternatives": pa.list_(SCORED), "also": pa.list_(pa.string()),
}  # fmt: skip


class Sink(Protocol):
    """Where rows are written."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows below those before."""

    def close(self) -> None:
        """Finish; further calls do nothing."""


@contextmanager
def writing(output: Path, *, schema: pa.Schema | None = None) -> Iterator[Sink]:
    """Open a file by its ending, or standard output as JSON lines; the file is there once the block has ended well.

    :param schema: the columns of the input, where they are known.
    """
    if output == STREAM:
        yield _Stream()
        return
    check_ending(output)
    partial = output.with_name(f".{output.name}.part")
    with ExitStack() as stack:
        suffix = output.suffix.lower()
        sink: Sink = _Parquet(partial, schema) if suffix == ".parquet" else LINE_SINKS[suffix](partial)
        stack.callback(partial.unlink, missing_ok=True)
        stack.callback(sink.close)
        yield sink
        sink.close()
        os.replace(partial, output)


def check_ending(output: Path) -> None:
    """Refuse a file whose ending says no format that can be written."""
    if output != STREAM and output.suffix.lower() not in (*LINE_SINKS, ".parquet"):
        raise CorpusError(f"Cannot write {output.suffix or 'a file without an ending'}; give --out a name that ends in .csv, .jsonl or .parquet.")


class Rejects:
    """Rows that cannot be used: in a file beside the output, made with the first of them, or told on standard error."""

    def __init__(self, output: Path) -> None:
        """Name the file; it is made when it is needed."""
        self.path = None if output == STREAM else output.with_name(f"{output.stem}.rejects.jsonl")
        self.count = 0

    def add(self, row: RawRow, reason: str, message: str) -> None:
        """Write one row; standard error, which others may read, gets its number and the reason alone."""
        about = {"row": row.position, "reason": reason, "message": message}
        if self.path is None:
            sys.stderr.write(f"{json.dumps(about, ensure_ascii=False)}\n")
        else:
            with self.path.open("a" if self.count else "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(json.dumps({**about, "record": row.raw}, ensure_ascii=False) + "\n")
        self.count += 1


def _json_line(row: Mapping[str, Any]) -> str:
    return json.dumps(plain(row), ensure_ascii=False) + "\n"


class _Stream:
    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            sys.stdout.buffer.write("".join(map(_json_line, rows)).encode())
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # whoever read it has gone, as `head` does; at exit Python would try once more, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    def close(self) -> None:
        """Leave standard output open."""


class _Lines:
    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8")

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.file.writelines(map(_json_line, rows))

    def close(self) -> None:
        self.file.close()


class _Csv:
    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8", errors="replace", newline="")
        self.rows: csv.DictWriter[str] | None = None

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows and self.rows is None:
            self.rows = csv.DictWriter(self.file, fieldnames=list(rows[0]), extrasaction="ignore")
            self.rows.writeheader()
        if self.rows is not None:
            self.rows.writerows({name: _cell(value) for name, value in row.items()} for row in rows)

    def close(self) -> None:
        self.file.close()


def _cell(value: Any) -> Any:
    """Write lists and objects as JSON, which a cell can hold; all else as it is."""
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, list | dict) else value


LINE_SINKS: dict[str, type[_Csv] | type[_Lines]] = {".csv": _Csv, ".jsonl": _Lines}


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema | None) -> None:
        self.path, self.schema = path, schema
        self.file: Any = None
        self.closed = False

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        try:
            if self.file is None:
                self.open(rows)
            self.file.write_table(pa.Table.from_pylist(list(rows), schema=self.file.schema))
        except (pa.ArrowException, TypeError, OverflowError) as error:
            raise CorpusError(
                f"A column holds values of more than one type, which Parquet cannot: {error}. Give --out a name that ends in .jsonl or .csv."
            ) from error

    def open(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take the types of the input's columns from it, or else from the first rows."""
        own = self.schema if self.schema is not None else pa.Table.from_pylist([dict(row) for row in rows]).schema
        given = [pa.field(one.name, pa.string()) if one.type == pa.null() else one for one in own if one.name not in ADDED]
        added = [pa.field(name, kind) for name, kind in ADDED.items() if not rows or name in rows[0]]
        self.file = pq.ParquetWriter(self.path, pa.schema([*given, *added]))

    def close(self) -> None:
        if not self.closed:
            if self.file is None:
                self.open(())  # a file without rows
            self.file.close()
        self.closed = True
