"""Making the copy of a store that everybody may read: whole, renamed into place, and no oftener than it is worth.

Where the file system can (XFS, Btrfs, ZFS, APFS by its own means), the copy shares its blocks with the original and costs nothing.
"""

import contextlib
import fcntl
import itertools
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from pipeline.store.instances import database_settings

__all__ = ["Pace", "copy_file", "count_labels", "is_copy_of", "put_in_place", "remove_abandoned", "temporary_beside"]

HEADERS = 3 * 4096  # bytes at the beginning of a DuckDB file that every checkpoint changes
SHARE_BLOCKS = 0x40049409  # FICLONE of Linux
SHARE_OF_TIME = 0.05  # of a run's time that copying may take before its end
FAST = 0.5  # seconds; a copy that takes less is never put off
COUNTS = Path(__file__).parent / "sql" / "published.sql"
VIEW_COMMENT = "select comment from duckdb_views() where database_name = 'published' and view_name = 'label_counts'"
COLUMN_COMMENTS = "select column_name, comment from duckdb_columns() where database_name = 'published' and table_name = 'label_counts'"


class Pace:
    """How long copies of each file take in this process, and whether it is time for another."""

    def __init__(self) -> None:
        """Know of no copy yet."""
        self._made: dict[Path, tuple[float, float]] = {}

    def note(self, target: Path, began: float) -> None:
        """Note that a copy that began at some monotonic time is done."""
        self._made[target] = (time.monotonic(), time.monotonic() - began)

    def is_due(self, target: Path) -> bool:
        """Say whether a copy may be made without taking more than its share of the time."""
        done, took = self._made.get(target, (0.0, 0.0))
        return not target.exists() or took < FAST or time.monotonic() - done >= took / SHARE_OF_TIME


@contextlib.contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """Make a file that nobody else writes, and that is gone when the block ends; it is locked meanwhile, to be told from those of the dead."""
    path = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    with path.open("wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


def remove_abandoned(target: Path) -> None:
    """Remove what killed processes left of their copies; nobody may begin one meanwhile."""
    for path in target.parent.glob(f".{target.name}.*.tmp*"):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as handle, contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def is_copy_of(source: Path, target: Path) -> bool:
    """Say whether a published file holds what its source holds, by its time and by the headers that every write changes."""
    try:
        return target.stat().st_mtime_ns == source.stat().st_mtime_ns and _headers(target) == _headers(source)
    except FileNotFoundError:
        return False


def _headers(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(HEADERS)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its time, sharing its blocks where the file system can."""
    time_of_source = source.stat().st_mtime_ns
    if not _shared(source, target):
        shutil.copyfile(source, target)
    os.utime(target, ns=(time_of_source, time_of_source))


def _shared(source: Path, target: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    with source.open("rb") as original, target.open("wb") as copy:
        try:
            fcntl.ioctl(copy, SHARE_BLOCKS, original.fileno())
        except OSError:  # no such blocks here
            return False
    return True


def put_in_place(temporary: Path, target: Path) -> None:
    """Let a finished copy take the place of the published one; who reads that one keeps it."""
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    os.replace(temporary, target)


def count_labels(copy: Path, folder: Path) -> None:
    """Let `label_counts` of a copy read a table with its rows, which its views would take seconds to add up."""
    name = str(copy).replace("'", "''")
    with contextlib.closing(duckdb.connect(config=database_settings(folder))) as connection:
        connection.execute(f"attach '{name}' as published")
        connection.execute("use published")
        view = connection.execute(VIEW_COMMENT).fetchall()[0][0]
        columns = connection.execute(COLUMN_COMMENTS).fetchall()
        connection.execute(COUNTS.read_text(encoding="utf-8"))
        connection.execute(f"comment on view label_counts is {_quoted(view)}")
        for table, (column, comment) in itertools.product(("label_counts", "counted_labels"), columns):
            connection.execute(f"comment on column {table}.{column} is {_quoted(comment)}")
        connection.execute("use memory")
        connection.execute("detach published")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
