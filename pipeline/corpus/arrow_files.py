"""Parquet and Arrow files in batches of columns."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorpusError

__all__ = ["BATCH_ROWS", "has_columns", "read_batches"]

BATCH_ROWS, READ_BYTES = 16_384, 2**20
KIND = re.compile(rb'"_type": *"(\w+)"')


def has_columns(path: Path, kind: str, wanted: Sequence[str]) -> bool:
    """Tell whether a file has columns, of types that are what they look like; a data set of `datasets` may number its labels.

    :param kind: parquet or arrow.
    """
    try:
        schema = pq.read_schema(path) if kind == "parquet" else _arrow_schema(path)
    except (OSError, pa.ArrowException):
        return False
    kinds = set(KIND.findall((schema.metadata or {}).get(b"huggingface", b"")))
    return set(wanted) <= set(schema.names) and kinds <= {b"Value", b"Sequence", b"List", b"LargeList"}


def read_batches(path: Path, kind: str, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read columns of a file, many rows at a time.

    :param kind: parquet or arrow.
    :raises CorpusError: where it cannot be read.
    """
    try:
        yield from READERS[kind](path, wanted)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{path} cannot be read as {kind}: {error}") from error


def _parquet(path: Path, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES) as file:  # what is buffered ahead is kept to the end
        yield from file.iter_batches(BATCH_ROWS, columns=list(wanted))


def _arrow(path: Path, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with _opened(path) as file:
        numbers = range(file.num_record_batches) if isinstance(file, pa.RecordBatchFileReader) else None
        batches = file if numbers is None else map(file.get_batch, numbers)
        for batch in batches:
            yield batch.select(list(wanted))


READERS: Mapping[str, Callable[[Path, Sequence[str]], Iterator[pa.RecordBatch]]] = {"parquet": _parquet, "arrow": _arrow}


def _arrow_schema(path: Path) -> pa.Schema:
    with _opened(path) as file:
        return file.schema


def _opened(path: Path) -> pa.RecordBatchFileReader | pa.RecordBatchStreamReader:
    """Open a file of either kind: with its batches listed at the end, or one after the other."""
    try:
        return pa.ipc.open_file(pa.memory_map(str(path)))
    except pa.ArrowInvalid:
        return pa.ipc.open_stream(pa.memory_map(str(path)))
