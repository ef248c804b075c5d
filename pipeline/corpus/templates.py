"""Lines of JSON that differ in nothing but the insides of their strings, found and cut with arithmetic on their bytes.

Programs write one line like the next: the same keys in the same order, with the same marks between. A line of which all that stands
outside its values is, byte for byte, that of a line that was parsed, and whose values are UTF-8 without quotes, backslashes and control
characters, is valid JSON and has these values at the same keys. Whatever is not proved so is left to a parser.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpus.json_lines import check_depth

__all__ = ["QUOTE", "RETURN", "SPACE", "Lines", "Slots", "Template", "template_of", "words_of"]

Places = np.ndarray[Any, np.dtype[np.int64]]
QUOTE, BACKSLASH, NEWLINE, RETURN, SPACE = 0x22, 0x5C, 0x0A, 0x0D, 0x20
WORD = 8


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


@dataclass(frozen=True)
class Lines:
    """Many lines with what is asked of their bytes."""

    block: bytes  # lines with their ends; the last may lack it
    data: bytearray = field(init=False)
    codes: np.ndarray[Any, np.dtype[np.uint8]] = field(init=False)
    ends: Places = field(init=False)  # places of the line ends

    def __post_init__(self) -> None:
        """Find the ends of the lines."""
        data = bytearray(self.block)
        if not self.block.endswith(b"\n"):
            data += b"\n"
        data += bytes(WORD)
        codes = np.frombuffer(data, np.uint8)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "ends", np.flatnonzero(codes == NEWLINE))

    @property
    def starts(self) -> Places:
        """Give the places at which lines start."""
        return np.concatenate([[0], self.ends[:-1] + 1])

    def line(self, number: int) -> bytes:
        """Give one line with its end."""
        return self.block[self.ends[number - 1] + 1 if number else 0 : self.ends[number] + 1]

    def fitting(self, template: Template, among: Places) -> Slots:
        """Find those among some lines that fit a template."""
        quotes = np.flatnonzero(self.codes == QUOTE)
        starts, ends = self.starts, self.ends
        first = np.searchsorted(quotes, starts)
        fits = np.zeros(len(ends), dtype=bool)
        fits[among] = True
        fits &= (np.searchsorted(quotes, ends) - first) == template.quotes
        fits[self.unusual()] = False
        lines = np.flatnonzero(fits)
        first, starts, ends = first[lines], starts[lines], ends[lines]
        kept = np.ones(len(lines), dtype=bool)
        opens, closes, quote = [], [], 0
        for number, piece in enumerate(template.pieces):
            begin = quotes[first + quote - 1] if number else starts
            quote += piece.count(b'"') - (1 if number else 0)
            last = number == len(template.pieces) - 1
            end = ends if last else quotes[first + quote - 1] + 1
            kept &= (end - begin == len(piece)) & self._equal(begin, piece)
            if number:
                closes.append(begin)
            if not last:
                opens.append(end - 1)
                quote += 1
        return Slots(lines[kept], np.stack(opens, axis=1)[kept], np.stack(closes, axis=1)[kept])

    def _equal(self, places: Places, piece: bytes) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell at which places a piece stands, eight bytes at a time."""
        words = words_of(self.data)
        equal = np.ones(len(places), dtype=bool)
        for start in range(0, len(piece), WORD):
            part = piece[start : start + WORD]
            found = words[np.minimum(places + start, len(words) - 1)]
            equal &= (found & np.uint64(2 ** (8 * len(part)) - 1)) == np.uint64(int.from_bytes(part, "little"))
        return equal

    def unusual(self, besides: int = NEWLINE) -> Places:
        """Number the lines with bytes that are not proved to be harmless.

        :param besides: a further control character that is.
        """
        codes, found = self.codes[:-WORD], [np.empty(0, np.int64)]
        if b"\\" in self.block:
            found.append(np.flatnonzero(codes == BACKSLASH))
        controls = codes < SPACE
        if np.count_nonzero(controls) > len(self.ends):
            places = np.flatnonzero(controls & (codes != NEWLINE) & (codes != besides))
            found.append(places[(codes[places] != RETURN) | (self.codes[places + 1] != NEWLINE)])
        if not self.block.isascii() and not is_utf8(self.block):
            wide = np.unique(np.searchsorted(self.ends, np.flatnonzero(codes >= 0x80)))
            broken = [number for number in wide.tolist() if not is_utf8(self.line(number))]
            found.append(self.ends[broken])
        return np.unique(np.searchsorted(self.ends, np.concatenate(found)))

    def between(self, begins: Places, ends: Places) -> pa.StringArray:
        """Cut pieces that follow one another out of the lines."""
        if not len(begins):
            return pa.array([], pa.string())
        offsets = np.stack([begins, ends], axis=1).astype(np.int32).ravel()
        every = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(self.data))
        return every.take(pa.array(np.arange(0, len(offsets) - 1, 2)))


def words_of(data: bytes | bytearray) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """See bytes as the numbers of eight bytes that begin at each of them; no byte is copied."""
    return np.ndarray((len(data) - WORD + 1,), np.dtype("<u8"), data, strides=(1,))


def is_utf8(data: bytes | bytearray) -> bool:
    """Tell whether bytes are UTF-8, without decoding them."""
    offsets = np.asarray([0, len(data)], np.int32)
    try:
        pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
