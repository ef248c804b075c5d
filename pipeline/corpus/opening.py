"""Open a text file of any compression and encoding as lines of UTF-8, streamed.

What an encoding does not know becomes the byte 0xff, which is no UTF-8 either, so that all that follows has to tell one kind of broken
line.
"""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from pipeline.errors import CorpusError

__all__ = ["encoding_of", "is_utf8", "open_file", "open_lines", "without_mark"]

MARKS = (  # the longest first: one mark of UTF-32 starts with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
UNPACKING = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, pa.ArrowException)
MARK_FAULTS = "linnaeus-mark-faults"


def mark_faults(error: UnicodeError) -> tuple[str | bytes, int]:
    """Put one 0xff for each byte that cannot be decoded; the bytes themselves might by chance be UTF-8."""
    if isinstance(error, UnicodeDecodeError):
        return "\udcff" * (error.end - error.start), error.end
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    raise error


codecs.register_error(MARK_FAULTS, mark_faults)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacked where its ending is that of a compression.

    :raises CorpusError: where it is damaged, or ends before its end, while it is read.
    """
    try:
        with unpacked(path) as handle:
            yield handle
    except UNPACKING as error:
        raise CorpusError(f"{path} cannot be unpacked: {error}. It is damaged or was not written to its end; get it again.") from error
    except OSError as error:
        if error.errno is not None or path.suffix.lower() not in {".bz2", ".zst"}:
            raise
        # these two say that a file is damaged by an error without number
        raise CorpusError(f"{path} cannot be unpacked: {error}. It is damaged or was not written to its end; get it again.") from error


def unpacked(path: Path) -> BinaryIO:
    """Open a file by the compression that its ending names."""
    ending = path.suffix.lower()
    if ending == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if ending == ".bz2":
        return cast(BinaryIO, bz2.open(path, "rb"))
    if ending == ".xz":
        return cast(BinaryIO, lzma.open(path, "rb"))
    if ending == ".zst":
        return cast(BinaryIO, io.BufferedReader(pa.input_stream(str(path), compression="zstd")))
    return path.open("rb")


def encoding_of(start: bytes, wanted: str | None) -> str:
    """Give the encoding of a file: the one wanted, or by the byte-order mark that it starts with, or UTF-8."""
    return wanted or next((encoding for mark, encoding in MARKS if start.startswith(mark)), "utf-8")


def is_utf8(encoding: str) -> bool:
    """Tell whether an encoding is UTF-8 by one of its names, or a part of it."""
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}


@contextmanager
def open_lines(path: Path, wanted: str | None = None) -> Iterator[tuple[Iterable[bytes], str]]:
    """Open a file as lines of UTF-8 with their ends, and say in which encoding it is.

    :param wanted: encoding of the file; by its byte-order mark, or UTF-8, when absent.
    """
    with open_file(path) as handle:
        encoding = encoding_of(peek(handle), wanted)
        yield (handle if is_utf8(encoding) else recoded(handle, encoding)), encoding


def peek(handle: BinaryIO) -> bytes:
    """Look at the first bytes of an open file without taking them."""
    return cast(io.BufferedReader, handle).peek(4)[:4]


def recoded(handle: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Write the lines of a file in another encoding as UTF-8."""
    with io.TextIOWrapper(handle, encoding, errors=MARK_FAULTS, newline="\n") as text:
        for line in text:
            yield line.encode("utf-8", MARK_FAULTS)


def without_mark(start: bytes, name: str) -> bytes:
    """Drop the byte-order mark of UTF-8; CorpusError where it is that of another encoding."""
    encoding = encoding_of(start[:4], None)
    if encoding != "utf-8":
        raise CorpusError(
            f"{name} is in {encoding.upper()}, and UTF-8 was expected; convert it, for example with `iconv -f {encoding.upper()} -t UTF-8`."
        )
    return start.removeprefix(codecs.BOM_UTF8)
