"""A tolerant reader of JSON lines, and of a .json file that holds one array."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.corpus.rows import Line, RawRow, faulty_bytes, read_lines, shown, without_mark
from pipeline.errors import CorpusError

__all__ = ["read_json", "rows_of_json"]


def read_json(path: Path, name: str) -> Iterator[RawRow]:
    """Read one object a line; a .json file that starts with a bracket is read whole, as one array."""
    if path.suffix.lower() == ".json" and starts_with_bracket(path):
        yield from read_array(path, name)
        return
    yield from rows_of_json(read_lines(path), name)


def rows_of_json(lines: Iterable[Line], name: str) -> Iterator[RawRow]:
    """Read one object a line; blank lines are passed over."""
    for line in lines:
        if line.faulty:
            yield faulty_bytes(name, line.number, line.raw)
        elif line.text.strip():
            yield parse(name, line.number, line.text)


def starts_with_bracket(path: Path) -> bool:
    """Tell whether the first character of a file, white space aside, is an opening bracket."""
    for line in read_lines(path):
        if start := line.text.lstrip():
            return start.startswith("[")
    return False


def read_array(path: Path, name: str) -> Iterator[RawRow]:
    """Read the items of one array; the position is that of the item."""
    text = without_mark(path.read_bytes(), str(path)).decode("utf-8", "surrogateescape")
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path} starts with [ but is not a JSON array: {error}. Write one object a line to have bad rows set aside.") from error
    for position, item in enumerate(items, start=1):
        raw = json.dumps(item, ensure_ascii=False)
        if any("\udc80" <= character <= "\udcff" for character in raw):
            yield faulty_bytes(name, position, raw.encode("utf-8", "surrogateescape"))
        else:
            yield make_row(name, position, item, raw)


def parse(name: str, position: int, text: str) -> RawRow:
    """Make the row of one line."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return RawRow(name, position, None, ("broken_json", str(error)), shown(text.encode("utf-8")))
    return make_row(name, position, value, text.strip())


def make_row(name: str, position: int, value: object, raw: str) -> RawRow:
    """Make the row of a parsed value."""
    if isinstance(value, dict):
        return RawRow(name, position, value)
    return RawRow(name, position, None, ("not_an_object", f"a JSON object was expected, and this is {type(value).__name__}"), raw)
