"""Lines of CSV that are a record each, found and cut with arithmetic on their bytes.

A line that begins outside quotes is a record of its own, and ends outside quotes, where each of its quotes stands at the edge of a field:
every second one opens a field that it begins, and every other closes one that it ends; or where one that closes and one that opens stand
side by side, which is how a quote within a field is written. Then a delimiter parts fields where an even number of quotes stands before it.
Lines with other quotes, other numbers of fields, or bytes that are not proved to be harmless are left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.corpus.cuts import Flags, Places, Values
from pipeline.corpus.dialects import Dialect
from pipeline.corpus.lines import QUOTE, RETURN, SPACE, Lines

__all__ = ["Fields", "can_be_cut", "cut_lines"]


@dataclass(frozen=True)
class Fields:
    """Which lines are a record if they begin outside quotes, and where the fields of these stand."""

    lines: Lines
    simple: Flags  # of each line
    begins: Places  # of shape (simple lines, fields)
    ends: Places
    data: bytes  # in which they stand: that of the lines, with one quote where two mean one
    escaped: Flags | None  # of each field, whether a quote is in it; None where none is in any

    def columns(self, numbers: Mapping[str, int], kept: Flags) -> dict[str, Values]:
        """Cut columns out of some of the simple lines.

        :param numbers: of the fields, by the name of a column.
        :param kept: of each simple line, whether it is wanted.
        """
        begins, ends, escaped = self.begins[kept], self.ends[kept], None if self.escaped is None else self.escaped[kept]
        return {
            name: Values(self.data, begins[:, number], ends[:, number], None if escaped is None else escaped[:, number])
            for name, number in numbers.items()
        }


def can_be_cut(dialect: Dialect, header: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether the lines of a file can be cut at all: fields quoted as in RFC 4180, a delimiter of one byte, all wanted columns there."""
    plain = dialect.quote == '"' and dialect.escape is None and not dialect.skip_spaces
    return plain and dialect.delimiter.isascii() and dialect.delimiter not in ' "\\' and set(wanted) <= set(header)


def cut_lines(lines: Lines, delimiter: str, width: int) -> Fields:
    """Find the lines that are a record of so many fields."""
    codes, starts, mark = lines.codes, lines.starts, ord(delimiter)
    ends = lines.ends - ((codes[lines.ends - 1] == RETURN) & (lines.ends > starts))
    quotes, marks = np.flatnonzero(codes == QUOTE), np.flatnonzero(codes == mark)
    before: Places = np.searchsorted(quotes, starts)  # of each line, the quotes in front of it
    of_quote: Places = np.searchsorted(lines.ends, quotes)
    of_mark: Places = np.searchsorted(lines.ends, marks)
    simple = (np.diff(before, append=len(quotes)) % 2 == 0) & (ends > starts)
    opening = (np.arange(len(quotes)) - before[of_quote]) % 2 == 0
    second = opening & (codes[quotes - 1] == QUOTE) & (quotes > starts[of_quote])  # of two that mean one
    at_edge = np.where(
        opening,
        (quotes == starts[of_quote]) | (codes[quotes - 1] == mark) | second,
        (quotes + 1 == ends[of_quote]) | (codes[quotes + 1] == mark) | (codes[quotes + 1] == QUOTE),
    )
    simple[of_quote[~at_edge]] = False
    parting = (np.searchsorted(quotes, marks) - before[of_mark]) % 2 == 0
    if mark < SPACE:  # within a field it is a control character
        simple[of_mark[~parting]] = False
    marks, of_mark = marks[parting], of_mark[parting]
    simple &= np.bincount(of_mark, minlength=len(simple)) == width - 1
    simple[lines.unusual(besides=mark)] = False
    inner = marks[simple[of_mark]].reshape(-1, width - 1)
    begins = np.concatenate([starts[simple, None], inner + 1], axis=1)
    closes = np.concatenate([inner, ends[simple, None]], axis=1)
    quoted = (codes[begins] == QUOTE) & (closes > begins)
    return _with_single_quotes(Fields(lines, simple, begins + quoted, closes - quoted, lines.data, None), quotes[second & simple[of_quote]])


def _with_single_quotes(fields: Fields, dropped: Places) -> Fields:
    """Take the second quote of each two away, and move all that stands behind it."""
    if not len(dropped):
        return fields
    kept = np.ones(len(fields.lines.codes), dtype=bool)
    kept[dropped] = False
    before, behind = np.searchsorted(dropped, fields.begins), np.searchsorted(dropped, fields.ends)
    data = fields.lines.codes[kept].tobytes()
    return Fields(fields.lines, fields.simple, fields.begins - before, fields.ends - behind, data, behind > before)
