"""Lines of JSON that differ in nothing but the insides of their strings, found and cut with arithmetic on their bytes.

Programs write one line like the next: the same keys in the same order, with the same marks between. A line of which all that stands
outside its values is, byte for byte, that of a line that was parsed, and whose values are UTF-8 without quotes, backslashes and control
characters, is valid JSON and has these values at the same keys. Whatever is not proved so is left to a parser.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.corpus.cuts import Flags, Places, words_of
from pipeline.corpus.json_lines import check_depth
from pipeline.corpus.lines import QUOTE, Lines

__all__ = ["Slots", "Template", "fitting", "template_of"]

WORD = 8  # bytes that are compared at once


@dataclass(frozen=True)
class Template:
    """What is the same in all lines: the pieces around the values, each with the quotes beside it, and which value is which column."""

    pieces: tuple[bytes, ...]  # one more than there are values
    slots: dict[str, int]  # number of the value of a column
    constants: dict[str, Any]  # columns with one value in all lines

    @property
    def quotes(self) -> int:
        """Count the quotes of a line."""
        return sum(piece.count(b'"') for piece in self.pieces)


def template_of(line: bytes, wanted: Sequence[str]) -> Template | None:
    """Make a template of a line; None where it is no such object, or a column that is wanted is neither a text nor always the same."""
    parts = line.split(b'"')
    if b"\\" in line or len(parts) < 3 or not len(parts) % 2:
        return None
    values = [place for place in range(1, len(parts), 2) if not parts[place + 1].lstrip().startswith(b":")]
    marked = [f"\ue000{values.index(place)}\ue000".encode() if place in values else part for place, part in enumerate(parts)]
    try:
        text = b'"'.join(marked).decode()
        found = json.loads(text, object_pairs_hook=_distinct)
        check_depth(text, found)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(name in found for name in wanted):
        return None
    marks = {f"\ue000{number}\ue000": number for number in range(len(values))}
    slots = {name: marks[found[name]] for name in wanted if isinstance(found[name], str) and found[name] in marks}
    constants = {name: found[name] for name in wanted if name not in slots}
    if b"\xee\x80\x80" in line or "\ue000" in json.dumps(constants, ensure_ascii=False):
        return None
    bounds = [0, *(bound for place in values for bound in (place, place + 1)), len(parts)]
    pieces = [parts[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    joined = [b'"'.join([*([b""] if number else []), *piece, *([b""] if number < len(values) else [])]) for number, piece in enumerate(pieces)]
    return Template(tuple(joined), slots, constants)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; ValueError where a key comes twice."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


@dataclass(frozen=True)
class Slots:
    """The lines that fit a template, and where in them each value begins and ends."""

    lines: Places  # numbers among all lines
    opens: Places  # of shape (lines, values): place of the quote before a value
    closes: Places  # place of the quote after it


def fitting(lines: Lines, template: Template, among: Places) -> Slots:
    """Find those among some lines that fit a template."""
    quotes = np.flatnonzero(lines.codes == QUOTE)
    starts, ends = lines.starts, lines.ends
    first = np.searchsorted(quotes, starts)
    fits = np.zeros(len(ends), dtype=bool)
    fits[among] = True
    fits &= (np.searchsorted(quotes, ends) - first) == template.quotes
    fits[lines.unusual()] = False
    numbers = np.flatnonzero(fits)
    first, starts, ends = first[numbers], starts[numbers], ends[numbers]
    kept = np.ones(len(numbers), dtype=bool)
    opens, closes, quote = [], [], 0
    for number, piece in enumerate(template.pieces):
        begin = quotes[first + quote - 1] if number else starts
        quote += piece.count(b'"') - (1 if number else 0)
        last = number == len(template.pieces) - 1
        end = ends if last else quotes[first + quote - 1] + 1
        kept &= (end - begin == len(piece)) & _equal(lines.data, begin, piece)
        if number:
            closes.append(begin)
        if not last:
            opens.append(end - 1)
            quote += 1
    return Slots(numbers[kept], np.stack(opens, axis=1)[kept], np.stack(closes, axis=1)[kept])


def _equal(data: bytes, places: Places, piece: bytes) -> Flags:
    """Tell at which places a piece stands, eight bytes at a time."""
    words = words_of(data)
    equal = np.ones(len(places), dtype=bool)
    for start in range(0, len(piece), WORD):
        part = piece[start : start + WORD]
        found = words[np.minimum(places + start, len(words) - 1)]
        equal &= (found & np.uint64(2 ** (8 * len(part)) - 1)) == np.uint64(int.from_bytes(part, "little"))
    return equal
