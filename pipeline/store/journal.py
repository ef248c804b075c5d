"""Calls that are not in the tables yet, kept in a file beside them: a line costs microseconds where a transaction costs the model's time.

Each process writes a file of its own and holds its lock, which the kernel frees when the process dies, however it dies. Files
that nobody holds are what killed processes left; the next one moves their lines into the tables.
"""

import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pipeline.call_records import Call
from pipeline.serving.locks import Lock

__all__ = ["Journal", "left_behind"]

log = logging.getLogger(__name__)


class Journal:
    """The file of this process; it is made with the first line."""

    def __init__(self, folder: Path) -> None:
        """Keep the file in this folder."""
        self._folder = folder
        self._lock: Lock | None = None
        self._path: Path | None = None

    def note(self, call: Call) -> None:
        """Add a call; it is safe from `kill -9` on return."""
        if self._lock is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"
            self._lock = Lock.take(self._path)
            if self._lock is None:
                raise OSError(f"{self._path} is locked by another process")
        line = memoryview(json.dumps(asdict(call), ensure_ascii=True).encode() + b"\n")
        while line:
            line = line[os.write(self._lock.descriptor, line) :]

    def clear(self) -> None:
        """Forget all lines, because their calls are in the tables."""
        if self._lock is not None:
            os.ftruncate(self._lock.descriptor, 0)
            os.lseek(self._lock.descriptor, 0, os.SEEK_SET)

    def close(self) -> None:
        """Give the file up, and remove it where it is empty."""
        if self._lock is not None and self._path is not None:
            if self._path.exists() and not self._path.stat().st_size:
                self._path.unlink()
            self._lock.release()
            self._lock = None


@contextmanager
def left_behind(folder: Path) -> Iterator[list[Call]]:
    """Give the calls that processes which are no more have noted; their files go when the block ends well."""
    calls: list[Call] = []
    taken: list[tuple[Path, Lock]] = []
    try:
        for path in sorted(folder.glob("*.jsonl")):
            if (lock := Lock.take(path)) is not None:
                taken.append((path, lock))
                calls += _read(path)
        yield calls
        for path, _ in taken:
            path.unlink(missing_ok=True)
    finally:
        for _, lock in taken:
            lock.release()


def _read(path: Path) -> Iterator[Call]:
    """Read the lines; the last one may have been cut by the end of its process."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            noted = json.loads(line)
            yield Call(**{**noted, "texts": tuple(noted.get("texts", ()))})
        except (ValueError, TypeError, AttributeError) as error:
            log.warning("Line %d of %s is no call, and is passed over: %s", number, path, error)
