"""A tolerant reader of CSV in any dialect: a bad record costs itself, not the file.

Python's `csv` parses; this module decides where a record that never ends has to be given up. A quote that is opened and
not closed would swallow everything up to the next quote, so after `MAX_LINES` lines without an end the record is given
up if what it swallowed looks like records; otherwise it is prose, and may go on to `MAX_LONG_LINES`. Only the starting
line is rejected, and reading goes on with the next one.
"""

import csv
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.corpus.dialects import Dialect, field_counts, hinted_delimiter
from pipeline.corpus.rows import Line, RawRow, faulty_bytes, read_lines, shown
from pipeline.errors import CorpusError

__all__ = ["MAX_LINES", "MAX_LONG_LINES", "LineSource", "make_row", "read_delimited", "records"]

MAX_LINES = 200
MAX_LONG_LINES = 100_000
QUOTE_FAULTS = ("expected after", "unexpected end of data")


class UnendedRecordError(Exception):
    """Say that the record under way has to be given up."""


class LineSource:
    """Hand lines to a parser, remember those of the record under way, and take them back."""

    def __init__(self, lines: Iterable[Line], dialect: Dialect) -> None:
        """Start before the first line."""
        self._lines = iter(lines)
        self._returned: deque[Line] = deque()
        self._dialect = dialect
        self.taken: list[Line] = []
        self.width = 0  # number of fields that a record should have; 0 before the header is known

    def __iter__(self) -> "LineSource":
        """Give itself, as an iterator does."""
        return self

    def __next__(self) -> str:
        """Give the next line of the record under way."""
        if len(self.taken) >= MAX_LONG_LINES or (len(self.taken) == MAX_LINES and self._swallows_records()):
            raise UnendedRecordError(f"the quotes do not balance within {len(self.taken)} lines")
        line = self._returned.popleft() if self._returned else next(self._lines)
        self.taken.append(line)
        return line.text

    @property
    def used(self) -> int:
        """Count the lines of the record under way that were not taken back."""
        return len(self.taken) - len(self._returned)

    def give_back(self) -> Line:
        """Take back all lines of the record under way but the first, which is returned."""
        first, *others = self.taken
        self._returned.extendleft(reversed(others))
        return first

    def _swallows_records(self) -> bool:
        if self.width < 2:
            return True
        texts = [line.text for line in self.taken[1:]]
        alike = sum(count == self.width for text in texts for count in field_counts([text], self._dialect))
        return alike > len(texts) / 2


def read_delimited(path: Path, name: str, dialect: Dialect | str = ",", encoding: str | None = None, *, ragged: bool = False) -> Iterator[RawRow]:
    """Read a CSV or TSV file with a header; blank lines are passed over.

    :param dialect: how fields are told apart; a delimiter alone stands for the dialect of RFC 4180 with it.
    :param ragged: take a row as whole that lacks its last fields, or has empty ones more, as spreadsheets leave them.
    """
    csv.field_size_limit(sys.maxsize)
    dialect = Dialect(dialect) if isinstance(dialect, str) else dialect
    source = LineSource(without_hint(read_lines(path, encoding)), dialect)
    header: list[str] = []
    for record in records(source, name, dialect):
        if isinstance(record, RawRow):
            if not header:
                raise CorpusError(f"The header of {path} cannot be read: {record.error[1] if record.error else ''}. It is: {record.raw[:200]}")
            yield record
        elif not header:
            header = record
            source.width = len(header)
        else:
            yield make_row(name, source.taken, header, _evened(record, len(header)) if ragged else record)


def _evened(fields: list[str], width: int) -> list[str]:
    """Bring a record to so many fields, where only empty ones have to come or go."""
    return [*fields, *[""] * (width - len(fields))] if len(fields) <= width or any(fields[width:]) else fields[:width]


def without_hint(lines: Iterator[Line]) -> Iterator[Line]:
    """Pass over the first line where it is that by which spreadsheets name the delimiter, as sep=;."""
    for line in lines:
        if line.number > 1 or hinted_delimiter(line.text) is None:
            yield line


def records(source: LineSource, name: str, dialect: Dialect) -> Iterator[list[str] | RawRow]:
    """Parse record after record; a record that cannot be parsed is a row with an error."""
    reader = dialect.reader(source)
    while True:
        source.taken.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnendedRecordError) as error:
            first = source.give_back()
            reader = dialect.reader(source)
            yield broken(name, first, error)
            continue
        if any(line.faulty for line in source.taken):
            yield faulty_bytes(name, source.taken[0].number, b"".join(line.raw for line in source.taken), source.taken[0].encoding)
        elif fields:
            yield fields


def broken(name: str, line: Line, error: Exception) -> RawRow:
    """Make the row of a line at which no record could be read."""
    if line.faulty:
        return faulty_bytes(name, line.number, line.raw, line.encoding)
    quotes = isinstance(error, UnendedRecordError) or any(fault in str(error) for fault in QUOTE_FAULTS)
    return RawRow(name, line.number, None, ("broken_quotes" if quotes else "broken_record", str(error)), shown(line.raw))


def make_row(name: str, lines: list[Line], header: list[str], fields: list[str]) -> RawRow:
    """Make the row of a parsed record."""
    if len(fields) != len(header):
        message = f"{len(fields)} fields where the header has {len(header)}"
        return RawRow(name, lines[0].number, None, ("wrong_field_count", message), shown(b"".join(line.raw for line in lines)))
    return RawRow(name, lines[0].number, dict(zip(header, fields, strict=True)))
