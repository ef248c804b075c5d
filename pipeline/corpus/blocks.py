"""Rows of files in blocks, as columns: what can be parsed at once, and what cannot as raw rows.

Whatever a row reader (`read_file`) makes of a row is what counts. A block holds a row in its columns only where the row reader would give
the same values; all others it gives as the row reader does. `tests/pipeline/test_corpus_bulk.py` holds the two equal.
"""

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pipeline.corpus.json_lines import DEEPEST, rows_of_json
from pipeline.corpus.opening import open_file
from pipeline.corpus.rows import Line, RawRow

__all__ = ["Block", "json_block", "line_blocks", "row_of_json"]


@dataclass(frozen=True)
class Block:
    """Rows that stand close together in one file."""

    source: str
    positions: Sequence[int]  # of the rows in the columns, from 1
    columns: Mapping[str, Sequence[Any]]
    plain: Sequence[bool]  # whether the text of a row, where it is text, needs no escaping in JSON; empty where it is not known
    raw: Callable[[int], RawRow]  # gives a row of the columns, by its place among them, as the row reader does
    others: Sequence[RawRow]


def line_blocks(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """Read the lines of a file of UTF-8, many at a time: the number of the first, and the lines with their ends.

    :raises CorpusError: where the file cannot be unpacked.
    """
    number, rest = 1, b""
    with open_file(path) as handle:
        while read := handle.read(size):
            whole = rest + (read.removeprefix(codecs.BOM_UTF8) if number == 1 and not rest else read)
            end = whole.rfind(b"\n") + 1
            if end:
                yield number, whole[:end]
                number += whole.count(b"\n", 0, end)
            rest = whole[end:]
    if rest:
        yield number, rest


def json_block(numbers: Sequence[int], lines: Sequence[bytes], name: str) -> Block:
    """Parse lines with one JSON object each.

    :param numbers: of the lines in their file.
    """
    places, rows = _parsed(lines)

    def reread(place: int) -> list[RawRow]:
        return list(rows_of_json([_line(numbers[place], lines[place])], name))

    parsed = set(places)
    others = [row for place in range(len(lines)) if place not in parsed for row in reread(place)] if len(places) < len(lines) else []
    columns = _Columns(rows)
    plain = [b"\\" not in lines[place] for place in places]
    return Block(name, [numbers[place] for place in places], columns, plain, lambda place: reread(places[place])[0], others)


class _Columns(dict[str, list[Any]]):
    """Columns of parsed objects, made where they are asked for."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self._rows = rows

    def __missing__(self, name: str) -> list[Any]:
        self[name] = [row.get(name) for row in self._rows]
        return self[name]


def _parsed(lines: Sequence[bytes]) -> tuple[Sequence[int], list[dict[str, Any]]]:
    """Parse what is an object, and say on which lines."""
    loads, rows, places = orjson.loads, list[Any](), list[int]()
    for place, line in enumerate(lines):
        try:
            rows.append(loads(line))
        except ValueError:
            continue
        places.append(place)
    if set(map(type, rows)) == {dict} and max(map(len, lines)) <= DEEPEST:
        return places, rows
    kept = [number for number, row in enumerate(rows) if type(row) is dict and not _deep(lines[places[number]])]
    return [places[number] for number in kept], [rows[number] for number in kept]


def _deep(line: bytes) -> bool:
    return len(line) > DEEPEST and line.count(b"[") + line.count(b"{") > DEEPEST


def row_of_json(number: int, line: bytes, name: str) -> RawRow:
    """Make the row of a line that holds an object."""
    return next(rows_of_json([_line(number, line)], name))


def _line(number: int, raw: bytes) -> Line:
    try:
        return Line(number, raw.decode(), raw, False)
    except UnicodeDecodeError:
        return Line(number, raw.decode("utf-8", "surrogateescape"), raw, True)
