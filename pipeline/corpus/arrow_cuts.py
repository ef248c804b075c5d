"""Columns of Arrow as cuts: the bytes of text stand one after the other in memory already."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpus.cuts import PADDING, Cut, Flags, Places, Values
from pipeline.corpus.lines import BACKSLASH, QUOTE, SPACE, is_valid_utf8
from pipeline.corpus.rows import RawRow
from pipeline.errors import CorpusError

__all__ = ["cut_of_columns", "cuts_of_batches"]


def cuts_of_batches(source: str, batches: Iterable[pa.RecordBatch], wanted: Sequence[str], size: int) -> Iterator[Cut]:
    """See batches of one file as cuts.

    :param size: in bytes, of the columns of a cut.
    """
    first = 1
    for batch in batches:
        rows = max(1, size * batch.num_rows // (batch.nbytes or 1))
        for start in range(0, batch.num_rows, rows):
            yield cut_of_columns(source, first + start, {name: batch.column(name).slice(start, rows) for name in wanted})
        first += batch.num_rows


def cut_of_columns(source: str, first: int, columns: Mapping[str, pa.Array]) -> Cut:
    """See columns as a cut.

    :param first: position of the first row in its file, from 1.
    :raises CorpusError: where what is said to be text is not UTF-8.
    """
    columns = {name: column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for name, column in columns.items()}
    values = dict[str, Values]()
    for name, column in columns.items():
        try:
            made = _values(column)
        except ValueError as error:  # also Arrow's, where it tells by itself
            raise CorpusError(
                f"{source}: of column {name!r}, one of the rows {first} to {first + len(column) - 1} is not UTF-8; write the file anew."
            ) from error
        values |= {} if made is None else {name: made}
    typed = {name: column for name, column in columns.items() if name not in values or column.null_count or not _is_text(column.type)}
    size = len(next(iter(columns.values())))

    def raw(place: int) -> RawRow:
        return RawRow(source, first + place, {name: column[place].as_py() for name, column in columns.items()})

    return Cut(source, np.arange(first, first + size), raw, values, typed)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _values(column: pa.Array) -> Values | None:
    """Give the values of a column of texts, or of whole numbers as an id spells them; None for others.

    :raises ValueError: where the texts are not UTF-8.
    """
    if not _is_text(column.type) and not pa.types.is_integer(column.type):
        return None
    texts = column.cast(pa.string())
    _, offsets, stored = texts.buffers()
    bounds: Places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = b"" if stored is None else stored[int(bounds[0]) : int(bounds[-1])].to_pybytes()
    if not is_valid_utf8(data):
        raise ValueError("bytes are not UTF-8")
    data += bytes(PADDING)
    begins, ends = bounds[:-1] - bounds[0], bounds[1:] - bounds[0]
    return Values(data, begins, ends, _escaped(np.frombuffer(data, np.uint8)[:-PADDING], ends))


def _escaped(codes: np.ndarray[Any, np.dtype[np.uint8]], ends: Places) -> Flags | None:
    """Tell which texts JSON writes with backslashes."""
    places = np.flatnonzero((codes < SPACE) | (codes == QUOTE) | (codes == BACKSLASH))
    if not len(places):
        return None
    escaped = np.zeros(len(ends), dtype=bool)
    escaped[np.searchsorted(ends, places, side="right")] = True
    return escaped
