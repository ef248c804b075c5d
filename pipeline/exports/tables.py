"""Plain tables: one Parquet file or a folder of them by the values of a column, CSV, JSON lines. One batch is in memory at a time."""

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.store.published import Rows

__all__ = ["GROUP_BYTES", "MOST_PARTS", "NO_VALUE", "described", "unescaped", "write_csv", "write_json_lines", "write_parquet", "write_parts"]

ABOUT = b"linnaeus"  # key of a Parquet file's metadata
GROUP_BYTES = 32_000_000  # of a row group, before it is packed
MOST_PARTS = 1000  # folders: each holds a file open while it is written
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
TO_QUOTE = r'^$|[",\r\n]'
FORMULA = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"  # what spreadsheets take for the beginning of a formula, wide forms included
FORMULA_SIGNS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the same


def write_parquet(rows: Rows, path: Path, *, about: Mapping[str, Any]) -> int:
    """Write one Parquet file, packed by zstd, with what it is about in its metadata, and count its rows."""
    count = 0
    schema = described(rows.schema, about)
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for table in in_groups(rows):
            file.write_table(table.cast(schema))
            count += table.num_rows
    return count


def write_parts(rows: Rows, folder: Path, *, by: str, about: Mapping[str, Any]) -> int:
    """Write a Parquet file for each value of a column, in folders named `column=value`, as Hive, DuckDB and Arrow read them."""
    place = rows.schema.get_field_index(by)
    schema = described(rows.schema.remove(place), about)
    files: dict[str, pq.ParquetWriter] = {}
    waiting: dict[str, list[pa.RecordBatch]] = {}
    count = held = 0

    def write(part: str) -> int:
        own = waiting.pop(part)
        if part not in files:
            (folder / part).mkdir()
            files[part] = pq.ParquetWriter(folder / part / "part-0.parquet", schema, compression="zstd")
        files[part].write_table(pa.Table.from_batches(own).cast(schema))
        return size_of(own)

    try:
        for batch in rows.batches:
            for part, own in _parted(batch, place):
                waiting.setdefault(part, []).append(own)
                held += own.nbytes
            count += batch.num_rows
            while held > GROUP_BYTES and waiting:
                held -= write(max(waiting, key=lambda part: size_of(waiting[part])))
        for part in list(waiting):
            write(part)
    finally:
        for file in files.values():
            file.close()
    if not files:  # an empty folder would be no table
        pq.write_table(schema.empty_table(), folder / "part-0.parquet")
    return count


def write_csv(rows: Rows, path: Path, *, spreadsheet_safe: bool = False, marked: bool = False) -> int:
    """Write comma-separated values as RFC 4180 has them: UTF-8, CRLF, quotes where needed.

    Null is an empty cell and an empty text is `""`; lists are written as JSON.

    :param spreadsheet_safe: put a ' before each text that a spreadsheet would take for a formula.
    :param marked: begin with the byte-order mark by which spreadsheets know UTF-8.
    """
    count = 0
    with path.open("wb") as file:
        file.write(codecs.BOM_UTF8 if marked else b"")
        names = pa.array(rows.schema.names, pa.string())
        file.write((",".join(_quoted(names).to_pylist()) + "\r\n").encode())
        for batch in rows.batches:
            cells = [_cells(column, spreadsheet_safe) for column in batch.columns]
            lines = pc.binary_join_element_wise(*cells, ",").to_pylist()
            file.write(("\r\n".join(lines) + "\r\n" if lines else "").encode())
            count += batch.num_rows
    return count


def unescaped(cell: str) -> str:
    """Take the ' off a cell that `spreadsheet_safe` put before it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA_SIGNS else cell


def write_json_lines(rows: Rows, path: Path) -> int:
    """Write a JSON object a line, in UTF-8; times as text."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for batch in rows.batches:
            file.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in batch.to_pylist())
            count += batch.num_rows
    return count


def in_groups(rows: Rows) -> Iterator[pa.Table]:
    """Gather batches into row groups of some size."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in rows.batches:
        held.append(batch)
        size += batch.nbytes
        if size >= GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)


def size_of(batches: Sequence[pa.RecordBatch]) -> int:
    """Add up the bytes of some batches."""
    return sum(batch.nbytes for batch in batches)


def described(schema: pa.Schema, about: Mapping[str, Any]) -> pa.Schema:
    """Put what a file is about into its metadata."""
    return schema.with_metadata({**(schema.metadata or {}), ABOUT: json.dumps(about, ensure_ascii=False).encode()})


def _parted(batch: pa.RecordBatch, place: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Part a batch by the values of a column, which it then lacks."""
    name, column = batch.schema.names[place], batch.column(place)
    rest = pa.RecordBatch.from_arrays(
        [one for position, one in enumerate(batch.columns) if position != place],
        names=[one for position, one in enumerate(batch.schema.names) if position != place],
    )
    codes = column.dictionary_encode(null_encoding="encode")
    for code, value in enumerate(codes.dictionary):
        said = NO_VALUE if not value.is_valid else quote(str(value.as_py()), safe=" ")
        yield f"{quote(name, safe='')}={said}", rest.filter(pc.equal(codes.indices, code))


def _cells(column: pa.Array, spreadsheet_safe: bool) -> pa.Array:
    """Write a column's values as the cells of a file."""
    if pa.types.is_nested(column.type):
        texts = pa.array([None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()], pa.string())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = column
        if spreadsheet_safe:
            texts = pc.if_else(pc.match_substring_regex(texts, FORMULA), pc.binary_join_element_wise("'", texts, ""), texts)
    else:
        texts = pc.cast(column, pa.string())
    return pc.fill_null(_quoted(texts), "")


def _quoted(texts: pa.Array) -> pa.Array:
    """Put those texts in quotes that need them."""
    inside = pc.replace_substring(texts, '"', '""')
    return pc.if_else(pc.match_substring_regex(texts, TO_QUOTE), pc.binary_join_element_wise('"', inside, '"', ""), texts)
