"""Columns of Arrow as cuts: the bytes of text stand one after the other in memory already."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpus.cuts import PADDING, Cut, Flags, Places, Values
from pipeline.corpus.lines import BACKSLASH, QUOTE, SPACE, is_valid_utf8
from pipeline.corpus.rows import RawRow

__all__ = ["cut_of_columns"]


def cut_of_columns(source: str, first: int, columns: Mapping[str, pa.Array]) -> Cut:
    """See columns as a cut.

    :param first: position of the first row in its file, from 1.
    """
    columns = {name: column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for name, column in columns.items()}
    values = {name: made for name, column in columns.items() if (made := _values(column)) is not None}
    typed = {name: column for name, column in columns.items() if name not in values or column.null_count or not _is_text(column.type)}
    size = len(next(iter(columns.values())))

    def raw(place: int) -> RawRow:
        return RawRow(source, first + place, {name: column[place].as_py() for name, column in columns.items()})

    return Cut(source, np.arange(first, first + size), raw, values, typed)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _values(column: pa.Array) -> Values | None:
    """Give the values of a column of texts, or of whole numbers as an id spells them; None for others, and where the texts are not UTF-8."""
    if not _is_text(column.type) and not pa.types.is_integer(column.type):
        return None
    texts = column.cast(pa.string())
    _, offsets, stored = texts.buffers()
    bounds: Places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = b"" if stored is None else stored[int(bounds[0]) : int(bounds[-1])].to_pybytes()
    if not is_valid_utf8(data):
        return None
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
