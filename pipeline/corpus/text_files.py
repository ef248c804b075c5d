"""Plain text: one document a line of a file, or one document a file of a folder."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.corpus.rows import Line, RawRow, faulty_bytes, read_lines, read_whole

__all__ = ["read_text_file", "read_text_lines", "rows_of_text"]


def read_text_lines(path: Path, name: str, encoding: str | None = None) -> Iterator[RawRow]:
    """Read one document a line; blank lines are passed over."""
    yield from rows_of_text(read_lines(path, encoding), name)


def rows_of_text(lines: Iterable[Line], name: str) -> Iterator[RawRow]:
    """Read one document a line; blank lines are passed over."""
    for line in lines:
        if line.faulty:
            yield faulty_bytes(name, line.number, line.raw, line.encoding)
        elif line.text.strip():
            yield RawRow(name, line.number, {"text": line.text.rstrip("\r\n"), "file": name})


def read_text_file(path: Path, name: str, encoding: str | None = None) -> Iterator[RawRow]:
    """Read a whole file as one document."""
    raw, found = read_whole(path, encoding)
    try:
        yield RawRow(name, 1, {"text": raw.decode("utf-8"), "file": name})
    except UnicodeDecodeError:
        yield faulty_bytes(name, 1, raw, found)
