"""Where the rows of a query go: a table to look at, or CSV, JSON, JSON lines and Parquet, written as the rows come.

A file appears whole or not at all. A table needs all its rows to be laid out, so it has the first ones alone; nothing else is cut.
"""

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.cli.show import show_table
from pipeline.cli.sinks import STREAM
from pipeline.cli.terminal import errors, output
from pipeline.corpus import plain
from pipeline.errors import StoreError
from pipeline.store.published import Rows
from pipeline.store.querying import Values

__all__ = ["FIRST", "destination", "show_values", "write_csv", "write_json", "write_json_lines", "write_parquet"]

FIRST = 1000  # rows of a table


@contextlib.contextmanager
def destination(out: Path) -> Iterator[IO[bytes]]:
    """Open a file that is there once the block has ended well, or standard output; a reader of that who leaves early ends the command."""
    if out == STREAM:
        sys.stdout.flush()
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # at exit Python would try once more, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        return
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def show_values(found: Values, *, limit: int | None) -> None:
    """Show the first rows as a table, and say on standard error that there are more where that is so."""
    most = limit or FIRST
    rows = list(itertools.islice(itertools.chain.from_iterable(found.batches), most + 1))
    show_table(output, found.columns, rows[:most])
    if len(rows) > most:
        errors.print(f"The first {most:,} rows. --limit N shows more; --format csv, json or jsonl and --out FILE give all.", soft_wrap=True)


def write_json(found: Iterator[list[str]], file: IO[bytes], *, limit: int | None) -> None:
    """Write a list of objects, one a row."""
    begun = False
    for lines in _objects(found, limit):
        file.write((",\n" if begun else "[\n").encode() + ",\n".join(lines).encode())
        begun = True
    file.write(b"\n]\n" if begun else b"[]\n")


def write_json_lines(found: Iterator[list[str]], file: IO[bytes], *, limit: int | None) -> None:
    """Write an object a line."""
    for lines in _objects(found, limit):
        file.write("".join(f"{line}\n" for line in lines).encode())


def write_csv(found: Rows, file: IO[bytes], *, limit: int | None) -> None:
    """Write CSV with a header; lists and objects as JSON, null as an empty cell without quotes."""
    schema = pa.schema([pa.field(part.name, part.type if _fits_csv(part.type) else pa.string()) for part in found.schema])
    with pa_csv.CSVWriter(file, schema) as writer:
        for batch in _cut(found.batches, limit):
            columns = [column if _fits_csv(column.type) else _spelled(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def write_parquet(found: Rows, file: IO[bytes], *, limit: int | None) -> None:
    """Write Parquet.

    :raises StoreError: where a column is of a type that Parquet does not have.
    """
    try:
        with pq.ParquetWriter(file, found.schema, compression="zstd") as writer:
            for batch in _cut(found.batches, limit):
                writer.write_batch(batch)
    except pa.ArrowNotImplementedError as error:
        raise StoreError(
            f"Parquet cannot hold a column of this result: {error}. Cast it, as `select column::varchar`, or take --format jsonl."
        ) from error


def _objects(found: Iterator[list[str]], limit: int | None) -> Iterator[list[str]]:
    """Give batches of objects until there are as many as asked for; numbers that JSON lacks become null."""
    for lines in found:
        if limit is not None and len(lines) >= limit:
            yield [_valid(line) for line in lines[:limit]]
            return
        limit = None if limit is None else limit - len(lines)
        yield [_valid(line) for line in lines]


def _valid(line: str) -> str:
    return json.dumps(plain(json.loads(line)), ensure_ascii=False) if "NaN" in line or "Infinity" in line else line


def _cut(batches: Iterator[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """Give batches until there are as many rows as asked for."""
    for batch in batches:
        if limit is not None and batch.num_rows >= limit:
            yield batch.slice(0, limit)
            return
        limit = None if limit is None else limit - batch.num_rows
        yield batch


def _fits_csv(kind: pa.DataType) -> bool:
    known = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string, pa.types.is_date)
    return any(is_kind(kind) for is_kind in known) or (pa.types.is_timestamp(kind) and kind.tz is None)


def _spelled(column: pa.Array) -> pa.Array:
    """Spell the values of a column as text: lists and objects as JSON."""
    return pa.array([None if value is None else _cell(value) for value in column.to_pylist()], pa.string())


def _cell(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, list | dict) else str(value)
