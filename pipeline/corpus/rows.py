"""Raw rows and the lines they are read from."""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import CorpusError

__all__ = ["Line", "RawRow", "faulty_bytes", "number_lines", "read_lines", "shown", "without_mark"]

OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class RawRow:
    """One row of the corpus as it was read: its values, or what is wrong with it."""

    source: str  # name of the file or data set
    position: int  # line or row, from 1
    values: Mapping[str, Any] | None
    error: tuple[str, str] | None = None  # reason and message
    raw: str = ""  # the record as read, kept where there is an error


@dataclass(frozen=True)
class Line:
    """One physical line; bytes that are not UTF-8 stand in `text` as lone surrogates, and `faulty` is set."""

    number: int
    text: str
    raw: bytes
    faulty: bool


def read_lines(path: Path) -> Iterator[Line]:
    """Read a file line by line, without its byte-order mark and with the line ends.

    :raises CorpusError: where the file is in UTF-16.
    """
    with path.open("rb") as handle:
        yield from number_lines(handle, str(path))


def number_lines(handle: Iterable[bytes], name: str) -> Iterator[Line]:
    """Read the lines of an open file as `read_lines` does; `name` is what an error calls it."""
    for number, raw in enumerate(handle, start=1):
        if number == 1:
            raw = without_mark(raw, name)
        try:
            yield Line(number, raw.decode("utf-8"), raw, False)
        except UnicodeDecodeError:
            yield Line(number, raw.decode("utf-8", "surrogateescape"), raw, True)


def without_mark(start: bytes, name: str) -> bytes:
    """Drop the byte-order mark of UTF-8."""
    if start.startswith(OTHER_ENCODINGS):
        raise CorpusError(f"{name} is in UTF-16, and UTF-8 was expected; convert it, for example with `iconv -f UTF-16 -t UTF-8`.")
    return start.removeprefix(codecs.BOM_UTF8)


def shown(raw: bytes) -> str:
    """Write raw bytes as text, with \\xNN for what is not UTF-8."""
    return raw.decode("utf-8", "backslashreplace").rstrip("\r\n")


def faulty_bytes(source: str, position: int, raw: bytes) -> RawRow:
    """Make the row of a record whose bytes are not UTF-8."""
    try:
        raw.decode("utf-8")
        message = "holds bytes that are not UTF-8"
    except UnicodeDecodeError as error:
        message = f"byte {raw[error.start]:#04x} at byte {error.start + 1} of the record is not UTF-8"
    return RawRow(source, position, None, ("undecodable_bytes", message), shown(raw))
