"""Lines of a file of UTF-8 with what is asked of their bytes."""

import numpy as np
import pyarrow as pa

from pipeline.corpus.cuts import PADDING, Places

__all__ = ["BACKSLASH", "NEWLINE", "QUOTE", "RETURN", "SPACE", "Lines", "is_valid_utf8"]

QUOTE, BACKSLASH, NEWLINE, RETURN, SPACE = 0x22, 0x5C, 0x0A, 0x0D, 0x20


class Lines:
    """Many lines and their bytes."""

    def __init__(self, block: bytes) -> None:
        """Find the ends of the lines.

        :param block: lines with their ends; the last may lack it.
        """
        self.size = len(block)
        self.data = block + (b"" if block.endswith(b"\n") else b"\n") + bytes(PADDING)
        self.codes = np.frombuffer(self.data, np.uint8)
        self.ends: Places = np.flatnonzero(self.codes == NEWLINE)

    def __len__(self) -> int:
        """Count the lines."""
        return len(self.ends) if self.size else 0

    @property
    def starts(self) -> Places:
        """Give the places at which lines start."""
        return np.concatenate([[0], self.ends[:-1] + 1])

    def line(self, number: int) -> bytes:
        """Give one line with its end."""
        return self.between(number, number + 1)

    def between(self, first: int, end: int | None = None) -> bytes:
        """Give some lines with their ends, all up to the last when no end is given."""
        stop = self.size if end is None else min(int(self.ends[end - 1]) + 1, self.size)
        return self.data[int(self.ends[first - 1]) + 1 if first else 0 : stop]

    def unusual(self, besides: int = NEWLINE) -> Places:
        """Number the lines with bytes that are not proved to be harmless.

        :param besides: a further control character that is.
        """
        codes, found = self.codes[:-PADDING], [np.empty(0, np.int64)]
        if b"\\" in self.data:
            found.append(np.flatnonzero(codes == BACKSLASH))
        controls = codes < SPACE
        if np.count_nonzero(controls) > len(self.ends):
            places = np.flatnonzero(controls & (codes != NEWLINE) & (codes != besides))
            found.append(places[(codes[places] != RETURN) | (self.codes[places + 1] != NEWLINE)])
        if not self.data.isascii() and not is_valid_utf8(self.data):
            wide = np.unique(np.searchsorted(self.ends, np.flatnonzero(codes >= 0x80)))
            broken = [number for number in wide.tolist() if not is_valid_utf8(self.line(number))]
            found.append(self.ends[broken])
        return np.unique(np.searchsorted(self.ends, np.concatenate(found)))


def is_valid_utf8(data: bytes) -> bool:
    """Tell whether bytes are UTF-8, without decoding them."""
    offsets = np.asarray([0, len(data)], np.int32)
    try:
        pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
