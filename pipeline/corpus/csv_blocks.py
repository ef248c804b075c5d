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

from pipeline.corpus.blocks import Block, Strings, line_blocks
from pipeline.corpus.csv_cuts import Cuts, Flags, can_be_cut, cut_lines
from pipeline.corpus.delimited import MAX_LINES, LineSource, make_row, records
from pipeline.corpus.dialects import Dialect, hinted_delimiter
from pipeline.corpus.rows import Line, RawRow
from pipeline.errors import CorpusError

__all__ = ["csv_blocks"]

WINDOW = 1_000  # lines: what is lost where a quote is not closed


class _Lines:
    """The lines of a file that were not yet read, many at a time."""

    def __init__(self, path: Path, size: int) -> None:
        self._blocks = line_blocks(path, size)
        self.first = 1  # number of the first line here
        self.texts: list[str] = []
        self.faulty: set[int] = set()  # numbers of those that are not UTF-8

    def more(self) -> bool:
        """Take up the next lines of the file; False where there are none."""
        found = next(self._blocks, None)
        if found is None:
            return False
        number, lines = found
        try:
            text = lines.decode()
        except UnicodeDecodeError:
            text = lines.decode("utf-8", "surrogateescape")
            self.faulty |= {number + place for place, line in enumerate(lines.split(b"\n")) if not _decodes(line)}
        self.texts += io.StringIO(text, newline="\n")
        return True

    def drop(self, count: int) -> None:
        """Let go of the first lines."""
        self.first += count
        del self.texts[:count]
        self.faulty = {number for number in self.faulty if number >= self.first}

    def from_place(self, place: int) -> Iterator[Line]:
        """Give lines as the row reader takes them, and further ones of the file."""
        while place < len(self.texts) or self.more():
            text, number = self.texts[place], self.first + place
            yield Line(number, text, text.encode("utf-8", "surrogateescape"), number in self.faulty)
            place += 1


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def csv_blocks(path: Path, name: str, wanted: Sequence[str], dialect: Dialect, size: int) -> Iterator[Block | Strings]:
    """Read a CSV or TSV file with a header.

    :raises CorpusError: where the header cannot be read.
    """
    csv.field_size_limit(sys.maxsize)
    lines = _Lines(path, size)
    header: list[str] = []
    while lines.texts or lines.more():
        end, place = len(lines.texts), 0
        if not header:
            header, place = _header(path, lines, name, dialect)
        found = _Found([], [], [])
        cuts = cut_lines("".join(lines.texts), dialect.delimiter, len(header)) if can_be_cut(dialect, header, wanted) else None
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
        if cuts is not None:
            yield _strings(cuts, taken, lines.first, name, header, wanted, dialect)
        yield _block(name, found, header, wanted)
        lines.drop(place if header else len(lines.texts))


@dataclass(frozen=True)
class _Found:
    """Records that were read, with the number of the first line of each, and what the row reader made of others."""

    positions: list[int]
    records: list[list[str]]
    others: list[RawRow]


def _header(path: Path, lines: _Lines, name: str, dialect: Dialect) -> tuple[list[str], int]:
    """Read the header, and say at which place the lines below it begin."""
    hinted = lines.first == 1 and hinted_delimiter(lines.texts[0]) is not None
    source = LineSource(lines.from_place(1 if hinted else 0), dialect)
    for record in records(source, name, dialect):
        if isinstance(record, RawRow):
            raise CorpusError(f"The header of {path} cannot be read: {record.error[1] if record.error else ''}. It is: {record.raw[:200]}")
        return record, source.taken[0].number - lines.first + source.used
    return [], 0


def _ordinary(lines: _Lines, place: int, end: int, dialect: Dialect, width: int, found: _Found) -> int:
    """Read records up to a place, and say at which place the first one begins that was not read."""
    reader = dialect.reader(lines.texts[place:end])
    first = lines.first + place
    begun = 0
    try:
        for fields in reader:
            ended = reader.line_num
            if fields:
                faulty = bool(lines.faulty) and not lines.faulty.isdisjoint(range(first + begun, first + ended))
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
        return source.taken[0].number - lines.first + source.used
    return len(lines.texts)


def _run_end(changes: Sequence[int], place: int, end: int) -> int:
    """Give the next place at which lines are of the other kind."""
    number = bisect_right(changes, place)
    return changes[number] if number < len(changes) else end


def _strings(cuts: Cuts, taken: Flags, first: int, name: str, header: Sequence[str], wanted: Sequence[str], dialect: Dialect) -> Strings:
    numbers = {column: place for place, column in enumerate(header) if column in wanted}
    places = np.flatnonzero(taken)

    def raw(place: int) -> RawRow:
        fields = next(dialect.reader([cuts.lines.line(int(places[place])).decode()]))
        return RawRow(name, first + int(places[place]), dict(zip(header, fields, strict=True)))

    return Strings(name, places + first, cuts.columns(numbers, taken[cuts.simple]), raw)


def _block(name: str, found: _Found, header: Sequence[str], wanted: Sequence[str]) -> Block:
    numbers = {column: place for place, column in enumerate(header)}  # of columns with one name the last counts, as in a dict
    columns = {
        column: [record[numbers[column]] for record in found.records] if column in numbers else [None] * len(found.records) for column in wanted
    }

    def raw(place: int) -> RawRow:
        return RawRow(name, found.positions[place], dict(zip(header, found.records[place], strict=True)))

    return Block(name, found.positions, columns, (), raw, found.others)
