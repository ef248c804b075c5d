"""Raw rows and the lines they are read from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.corpus.opening import is_utf8, open_lines, without_mark

__all__ = ["Line", "RawRow", "faulty_bytes", "number_lines", "read_lines", "read_whole", "shown", "without_mark"]


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
    encoding: str = "utf-8"  # of the file; `raw` is in UTF-8 whatever it is


def read_lines(path: Path, encoding: str | None = None) -> Iterator[Line]:
    """Read a file line by line, unpacked, without its byte-order mark and with the line ends.

    :param encoding: that of the file; by its byte-order mark, or UTF-8, when absent.
    :raises CorpusError: where the file cannot be unpacked.
    """
    with open_lines(path, encoding) as (lines, found):
        yield from number_lines(lines, str(path), found)


def read_whole(path: Path, encoding: str | None = None) -> tuple[bytes, str]:
    """Read a whole file as UTF-8, unpacked and without its byte-order mark, and name the encoding that it was in."""
    with open_lines(path, encoding) as (lines, found):
        return without_mark(b"".join(lines), str(path)), found


def number_lines(handle: Iterable[bytes], name: str, encoding: str = "utf-8") -> Iterator[Line]:
    """Read the lines of an open file as `read_lines` does; `name` is what an error calls it."""
    for number, raw in enumerate(handle, start=1):
        if number == 1:
            raw = without_mark(raw, name)
        try:
            yield Line(number, raw.decode("utf-8"), raw, False, encoding)
        except UnicodeDecodeError:
            yield Line(number, raw.decode("utf-8", "surrogateescape"), raw, True, encoding)


def shown(raw: bytes) -> str:
    """Write raw bytes as text, with \\xNN for what is not UTF-8."""
    return raw.decode("utf-8", "backslashreplace").rstrip("\r\n")


def faulty_bytes(source: str, position: int, raw: bytes, encoding: str = "utf-8") -> RawRow:
    """Make the row of a record whose bytes are not in the encoding of its file."""
    if not is_utf8(encoding):
        message = f"holds bytes that are not {encoding}, shown as \\xff"
        return RawRow(source, position, None, ("undecodable_bytes", message), shown(raw))
    try:
        raw.decode("utf-8")
        message = "holds bytes that are not UTF-8"
    except UnicodeDecodeError as error:
        message = f"byte {raw[error.start]:#04x} at byte {error.start + 1} of the record is not UTF-8"
    return RawRow(source, position, None, ("undecodable_bytes", message), shown(raw))
