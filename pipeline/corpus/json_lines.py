"""A tolerant reader of JSON lines, and of a .json file that holds one array."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.corpus.rows import Line, RawRow, faulty_bytes, read_lines, read_whole, shown
from pipeline.corpus_settings import COMPRESSED
from pipeline.errors import CorpusError

__all__ = ["DEEPEST", "check_depth", "read_json", "rows_of_json", "starts_with_bracket"]

DEEPEST = 200  # lists and objects within one another


def read_json(path: Path, name: str, encoding: str | None = None) -> Iterator[RawRow]:
    """Read one object a line; a .json file that starts with a bracket is read whole, as one array."""
    ending = path.with_suffix("").suffix if path.suffix.lower() in COMPRESSED else path.suffix
    if ending.lower() == ".json" and starts_with_bracket(path, encoding):
        yield from read_array(path, name, encoding)
        return
    yield from rows_of_json(read_lines(path, encoding), name)


def rows_of_json(lines: Iterable[Line], name: str) -> Iterator[RawRow]:
    """Read one object a line; blank lines are passed over."""
    for line in lines:
        if line.faulty:
            yield faulty_bytes(name, line.number, line.raw, line.encoding)
        elif line.text.strip():
            yield parse(name, line.number, line.text)


def starts_with_bracket(path: Path, encoding: str | None = None) -> bool:
    """Tell whether the first character of a file, white space aside, is an opening bracket."""
    for line in read_lines(path, encoding):
        if start := line.text.lstrip():
            return start.startswith("[")
    return False


def read_array(path: Path, name: str, encoding: str | None = None) -> Iterator[RawRow]:
    """Read the items of one array; the position is that of the item."""
    whole, found = read_whole(path, encoding)
    text = whole.decode("utf-8", "surrogateescape")
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path} starts with [ but is not a JSON array: {error}. Write one object a line to have bad rows set aside.") from error
    for position, item in enumerate(items, start=1):
        raw = json.dumps(item, ensure_ascii=False)
        if any("\udc80" <= character <= "\udcff" for character in raw):
            yield faulty_bytes(name, position, raw.encode("utf-8", "surrogateescape"), found)
        else:
            yield make_row(name, position, item, raw)


def parse(name: str, position: int, text: str) -> RawRow:
    """Make the row of one line."""
    try:
        value = json.loads(text)
        check_depth(text, value)
    except (ValueError, RecursionError) as error:
        return RawRow(name, position, None, ("broken_json", str(error)), shown(text.encode("utf-8")))
    return make_row(name, position, value, text.strip())


def check_depth(text: str, value: object) -> None:
    """Refuse what is nested so deeply that it could not be written again; ValueError with the limit."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    level = [value]
    for _ in range(DEEPEST):
        level = [part for one in level if isinstance(one, list | dict) for part in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEEPEST} deep")


def make_row(name: str, position: int, value: object, raw: str) -> RawRow:
    """Make the row of a parsed value."""
    if isinstance(value, dict):
        return RawRow(name, position, value)
    return RawRow(name, position, None, ("not_an_object", f"a JSON object was expected, and this is {type(value).__name__}"), raw)
