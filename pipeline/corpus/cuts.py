"""Rows whose values were cut out of the bytes of a file, without a parser that makes an object of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpus.blocks import Block
from pipeline.corpus.rows import RawRow

__all__ = ["PADDING", "Cut", "Flags", "Places", "Values", "words_of"]

Places = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
PADDING = 8  # bytes after the last value, so that eight can be read at each place


@dataclass(frozen=True)
class Values:
    """The values of a column: pieces of UTF-8 that stand in one row of bytes, in their order."""

    data: bytes  # with PADDING at the end
    begins: Places
    ends: Places
    escaped: Flags | None = None  # of each, whether JSON writes it otherwise than it stands there; None where no one is

    @property
    def codes(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """See the bytes as numbers."""
        return np.frombuffer(self.data, np.uint8)

    def only(self, kept: Flags) -> "Values":
        """Give some of the values."""
        return Values(self.data, self.begins[kept], self.ends[kept], None if self.escaped is None else self.escaped[kept])

    def text(self, place: int) -> str:
        """Give one value."""
        return self.data[self.begins[place] : self.ends[place]].decode()

    def array(self) -> pa.StringArray:
        """Give the values as a column."""
        if not len(self.begins):
            return pa.array([], pa.string())
        offsets = np.stack([self.begins, self.ends], axis=1).astype(np.int32).ravel()
        every = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(self.data))
        return every.take(pa.array(np.arange(0, len(offsets) - 1, 2)))


@dataclass(frozen=True)
class Cut:
    """Rows that stand close together in one file.

    A column is in `values` where its values can be cut, in `typed` where they may be other than text, in both where both is so.
    """

    source: str
    positions: Places  # from 1
    raw: Callable[[int], RawRow]  # gives a row, by its place here, as the row reader does
    values: Mapping[str, Values]
    typed: Mapping[str, pa.Array] = field(default_factory=dict)  # what the row reader gives
    constants: Mapping[str, Any] = field(default_factory=dict)  # columns with one value in all rows

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.positions)

    def only(self, kept: Flags) -> "Cut":
        """Give some of the rows."""
        places, chosen = np.flatnonzero(kept), pa.array(kept)
        values = {name: column.only(kept) for name, column in self.values.items()}
        typed = {name: column.filter(chosen) for name, column in self.typed.items()}
        return Cut(self.source, self.positions[kept], lambda place: self.raw(int(places[place])), values, typed, self.constants)

    def parsed(self, places: Sequence[int]) -> Block:
        """Give some of the rows as the row reader does, in columns."""
        at = pa.array(places, pa.int64())
        columns: dict[str, Sequence[Any]] = {name: [value] * len(places) for name, value in self.constants.items()}
        columns |= {name: [column.text(place) for place in places] for name, column in self.values.items() if name not in self.typed}
        columns |= {name: column.take(at).to_pylist() for name, column in self.typed.items()}
        return Block(self.source, self.positions[list(places)].tolist(), columns, (), lambda place: self.raw(places[place]), ())


def words_of(data: bytes) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """See bytes as the numbers of eight bytes that begin at each of them; no byte is copied."""
    return np.ndarray((len(data) - PADDING + 1,), np.dtype("<u8"), data, strides=(1,))
