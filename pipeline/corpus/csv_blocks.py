"""Records of CSV and TSV files in blocks, as columns.

Lines that are a record each without doubt are cut. The others go through the same parser as that of `read_delimited`, many at once. It
stands still at a record that is not ordinary: one that breaks a rule, has other fields than the header, or spans many lines.
`read_delimited` reads that one, and says how far it goes.
"""

import csv
import io
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.corpus.blocks import Block, line_blocks
from pipeline.corpus.csv_cuts import Fields, can_be_cut, cut_lines
from pipeline.corpus.cuts import Cut, Flags
from pipeline.corpus.delimited import MAX_LINES, LineSource, make_row, records
from pipeline.corpus.dialects import Dialect, hinted_delimiter
from pipeline.corpus.lines import Lines, is_valid_utf8
from pipeline.corpus.rows import Line, RawRow
from pipeline.errors import CorpusError

__all__ = ["csv_blocks"]

WINDOW = 1_000  # lines: what is lost where a quote is not closed


class _Lines:
    """The lines of a file that were not yet read, many at a time."""

    def __init__(self, path: Path, size: int) -> None:
        self._blocks = line_blocks(path, size)
        self._first = 1  # number of the first line here
        self.here = Lines(b"")

    def __len__(self) -> int:
        return len(self.here)

    def more(self) -> bool:
        """Take up the next lines of the file; False where there are none."""
        found = next(self._blocks, None)
        if found is None:
            return False
        self.here = Lines(self.here.between(0) + found[1])
        return True

    def drop(self, count: int) -> None:
        """Let go of the first lines."""
        self._first += count
        self.here = Lines(self.here.between(count))

    def number(self, place: int) -> int:
        """Give the number of a line in the file."""
        return self._first + place

    def texts(self, start: int, end: int) -> list[str]:
        """Give lines, bytes that are not UTF-8 as surrogates."""
        return list(io.StringIO(self.here.between(start, end).decode("utf-8", "surrogateescape"), newline="\n"))

    def faulty(self, start: int, end: int) -> bool:
        """Tell whether one of some lines is not UTF-8."""
        return not is_valid_utf8(self.here.between(start, end))

    def from_place(self, place: int) -> Iterator[Line]:
        """Give lines as the row reader takes them, and further ones of the file."""
        while place < len(self) or self.more():
            (text,) = self.texts(place, place + 1)
            yield Line(self.number(place), text, self.here.line(place), self.faulty(place, place + 1))
            place += 1


def csv_blocks(path: Path, name: str, wanted: Sequence[str], dialect: Dialect, size: int) -> Iterator[tuple[Cut | None, Block]]:
    """Read a CSV or TSV file with a header, many lines at a time: the records that were cut, and the others among them.

    :raises CorpusError: where the header cannot be read.
    """
    csv.field_size_limit(sys.maxsize)
    lines = _Lines(path, size)
    header: list[str] = []
    while len(lines) or lines.more():
        end, place = len(lines), 0
        if not header:
            header, place = _header(path, lines, name, dialect)
        found = _Found([], [], [])
        cuts = cut_lines(lines.here, dialect.delimiter, len(header)) if can_be_cut(dialect, header, wanted) else None
        taken, changes = np.zeros(end, dtype=bool), [] if cuts is None else (np.flatnonzero(np.diff(cuts.simple)) + 1).tolist()
        while header and place < end:
            if cuts is not None and cuts.simple[place]:
                after = _run_end(changes, place, end)
                taken[place:after] = True
                place = after
            stop = min(place + WINDOW, end if cuts is None else _run_end(changes, place, end))
            if place < stop:
                place = _ordinary(lines, place, stop, dialect, len(header), found)
                if place < stop:
                    place = _other(lines, place, name, dialect, header, found)
        cut = None if cuts is None else _cut(cuts, taken, lines.number(0), name, header, wanted, dialect)
        yield cut, _block(name, found, header, wanted)
        lines.drop(place if header else len(lines))


@dataclass(frozen=True)
class _Found:
    """Records that were read, with the number of the first line of each, and what the row reader made of others."""

    positions: list[int]
    records: list[list[str]]
    others: list[RawRow]


def _header(path: Path, lines: _Lines, name: str, dialect: Dialect) -> tuple[list[str], int]:
    """Read the header, and say at which place the lines below it begin."""
    hinted = lines.number(0) == 1 and hinted_delimiter(lines.texts(0, 1)[0]) is not None
    source = LineSource(lines.from_place(1 if hinted else 0), dialect)
    for record in records(source, name, dialect):
        if isinstance(record, RawRow):
            raise CorpusError(f"The header of {path} cannot be read: {record.error[1] if record.error else ''}. It is: {record.raw[:200]}")
        return record, source.taken[0].number - lines.number(0) + source.used
    return [], 0


def _ordinary(lines: _Lines, place: int, end: int, dialect: Dialect, width: int, found: _Found) -> int:
    """Read records up to a place, and say at which place the first one begins that was not read."""
    reader = dialect.reader(lines.texts(place, end))
    first, valid = lines.number(place), not lines.faulty(place, end)
    begun = 0
    try:
        for fields in reader:
            ended = reader.line_num
            if fields:
                faulty = not valid and lines.faulty(place + begun, place + ended)
                if len(fields) != width or faulty or ended - begun > MAX_LINES:
                    break
                found.positions.append(first + begun)
                found.records.append(fields)
            begun = ended
    except csv.Error:
        pass
    return place + begun


def _other(lines: _Lines, place: int, name: str, dialect: Dialect, header: list[str], found: _Found) -> int:
    """Read one record as the row reader does, and say at which place the next one begins."""
    source = LineSource(lines.from_place(place), dialect)
    source.width = len(header)
    for record in records(source, name, dialect):
        if isinstance(record, RawRow):
            found.others.append(record)
        elif len(record) != len(header):
            found.others.append(make_row(name, source.taken, header, record))
        else:
            found.positions.append(source.taken[0].number)
            found.records.append(record)
        return source.taken[0].number - lines.number(0) + source.used
    return len(lines)


def _run_end(changes: Sequence[int], place: int, end: int) -> int:
    """Give the next place at which lines are of the other kind."""
    number = bisect_right(changes, place)
    return changes[number] if number < len(changes) else end


def _cut(cuts: Fields, taken: Flags, first: int, name: str, header: Sequence[str], wanted: Sequence[str], dialect: Dialect) -> Cut:
    numbers = {column: place for place, column in enumerate(header) if column in wanted}
    places = np.flatnonzero(taken)

    def raw(place: int) -> RawRow:
        fields = next(dialect.reader([cuts.lines.line(int(places[place])).decode()]))
        return RawRow(name, first + int(places[place]), dict(zip(header, fields, strict=True)))

    return Cut(name, places + first, raw, cuts.columns(numbers, taken[cuts.simple]))


def _block(name: str, found: _Found, header: Sequence[str], wanted: Sequence[str]) -> Block:
    numbers = {column: place for place, column in enumerate(header)}  # of columns with one name the last counts, as in a dict
    columns = {
        column: [record[numbers[column]] for record in found.records] if column in numbers else [None] * len(found.records) for column in wanted
    }

    def raw(place: int) -> RawRow:
        return RawRow(name, found.positions[place], dict(zip(header, found.records[place], strict=True)))

    return Block(name, found.positions, columns, (), raw, found.others)
