"""What parts say: every line goes to a file that rotates, lines that matter to the console, the last ones are remembered."""

import logging
import re
from collections import deque
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

__all__ = ["PartLog", "is_important"]

BYTES, KEPT = 10_000_000, 5  # of each part: 60 MB at most
TAIL_LINES = 15
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
IMPORTANT = re.compile(r"\b(?:WARNING|ERROR|CRITICAL|FATAL)\b|^(?:Left out:|Traceback \(|[\w.]*(?:Error|Exception|Interrupt)(?::|$))")


def is_important(line: str) -> bool:
    """Say whether a person at the console should see a line: warnings, errors, and what an exception says of itself."""
    return IMPORTANT.search(line) is not None


class _QuietHandler(RotatingFileHandler):
    """A handler that loses lines where the disk is full, since what it logs must go on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        pass


class PartLog:
    """The log of one part.

    :param tell: shows a line on the console.
    """

    def __init__(self, path: Path, *, name: str, tell: Callable[[str], None], file_bytes: int = BYTES, kept: int = KEPT) -> None:
        """Open the file with the first line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._name = name
        self._tell = tell
        self._handler = _QuietHandler(path, maxBytes=file_bytes, backupCount=kept, encoding="utf-8", errors="replace", delay=True)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def write(self, line: str) -> None:
        """Write a line without its colours."""
        plain = COLOURS.sub("", line).rstrip()
        self._tail.append(plain)
        self._handler.handle(logging.makeLogRecord({"msg": plain}))
        if is_important(plain):
            self._tell(f"{self._name} | {plain}")

    def tail(self) -> str:
        """Quote the last lines."""
        if not self._tail:
            return f"It said nothing; its log is {self.path}."
        return f"The last lines of {self.path}:\n" + "\n".join(f"  {line}" for line in self._tail)

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
