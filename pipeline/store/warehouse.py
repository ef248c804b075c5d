"""Who may touch the files of a store, and when.

`warehouse.duckdb` is private to the pipeline: readers share it and a writer has it alone, by a lock on `warehouse.lock`
that the kernel frees when its holder dies. DuckDB's own lock cannot do this, because it refuses instead of waiting.
`labels.duckdb` is a copy that is renamed into place, so that anybody may read it at any time with any client.
No lock is ever held across a model call: open `reader()` and `writer()` around the SQL alone.
"""

import contextlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.store.instances import INSTANCES, MEMORY, Connection
from pipeline.store.lockfile import Mode, Patience, Tell, locked
from pipeline.store.publishing import Pace, copy_file, count_labels, is_copy_of, put_in_place, remove_abandoned, temporary_beside

__all__ = ["STORAGE_VERSION", "Connection", "Warehouse", "transaction"]

log = logging.getLogger(__name__)
STORAGE_VERSION = "v1.0.0"  # the newest clients write a form of their own, which older ones cannot open
FULL = ("no space left", "file too large", "disk quota exceeded", "max_temp_directory_size")
LARGE = 64 * 2**20  # bytes of a warehouse whose labels are counted when it is published: about half a million documents
NO_MEMORY = ("out of memory", "failed to allocate", "could not allocate", "failed to offload")
DAMAGED = ("not a valid duckdb", "corrupt", "checksum", "deserialize", "database has been invalidated", "replaying wal")


class Warehouse:
    """Open the files of a store under its lock, and turn DuckDB's errors into ours."""

    large = LARGE

    def __init__(self, folder: Path, *, lock_seconds: float = 300.0, tell: Tell = log.warning) -> None:
        """Name the files; nothing is opened yet.

        :param tell: is given a sentence where one waits for others for seconds.
        """
        self.folder = folder
        self.path = folder / "warehouse.duckdb"
        self.write_ahead = folder / "warehouse.duckdb.wal"  # DuckDB's own, of what is committed and not in the file yet
        self.published = folder / "labels.duckdb"
        self.lock_seconds, self.tell = lock_seconds, tell
        self.facet = ""  # whose pointers are read and set; empty for the project's own use case
        self._held = threading.local()

    def pointer(self, key: str) -> str:
        """Name the row of `current` that holds a pointer of the store's facet."""
        return f"{self.facet}/{key}" if self.facet else key

    @contextlib.contextmanager
    def reader(self) -> Iterator[Connection]:
        """Give a connection that reads, beside other readers; within a writer of the same thread, that writer's."""
        held = getattr(self._held, "connection", None)
        if held is not None:
            yield held[0]
            return
        with self.connected("read") as connection:
            yield connection

    def rows(self, sql: str, values: Sequence[Any] = (), **tables: pa.Table) -> list[tuple[Any, ...]]:
        """Run one query of this package, with Arrow tables under their names."""
        with self.reader() as connection:
            for name, table in tables.items():
                connection.register(name, table)
            try:
                return connection.execute(sql, list(values)).fetchall()
            finally:
                for name in tables:
                    connection.unregister(name)

    @contextlib.contextmanager
    def writer(self) -> Iterator[Connection]:
        """Give a connection in one transaction: committed at the end, rolled back where anything is raised.

        Within a writer of the same thread it is the same transaction.

        :raises StoreLockedError: where another process held the lock for `lock_seconds`.
        """
        held = getattr(self._held, "connection", None)
        if held is not None:
            if held[1] == "read":
                raise StoreError("A writer was asked for inside a reader of the same thread; close the reader first.")
            yield held[0]
            return
        with self.connected("write") as connection, transaction(connection):
            yield connection

    @contextlib.contextmanager
    def connected(self, mode: Mode) -> Iterator[Connection]:
        """Give a connection under the lock, outside any transaction."""
        with self.translated(), self._locked(mode) as patience, self._attached(mode, patience) as connection:
            self._held.connection = (connection, mode)
            try:
                yield connection
            finally:
                self._held.connection = None

    def publish(self, *, at_once: bool = True) -> Path:
        """Copy the warehouse to `labels.duckdb`, which is replaced at once; readers of the old copy keep it.

        Others may read the warehouse while it is copied. Where nothing was written since the last copy there is nothing to do.

        :param at_once: whether it must be now; otherwise a copy that takes long is left out where the last one was made a short while ago.
        :return: the path of the copy.
        """
        if not at_once and not _PACE.is_due(self.published):
            return self.published
        began = time.monotonic()
        with self.translated():
            if self._settled():
                return self.published
            with contextlib.ExitStack() as made:
                with self._locked("read"):
                    temporary = made.enter_context(temporary_beside(self.published))
                    copy_file(self.path, temporary)
                if temporary.stat().st_size >= self.large:
                    count_labels(temporary, self.folder)
                put_in_place(temporary, self.published)
        _PACE.note(self.published, began)
        return self.published

    def _settled(self) -> bool:
        """Bring what was committed last into the file itself, and say whether the published copy has it all."""
        with self._locked("write") as patience:
            remove_abandoned(self.published)
            if self.write_ahead.exists():  # what a killed process left; otherwise the last writer has done it
                with self._attached("write", patience) as connection:
                    connection.execute("checkpoint")
            return is_copy_of(self.path, self.published)

    def create(self) -> None:
        """Make the folder and an empty warehouse, where there is none."""
        with self.translated():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked("write"):
                if self.path.exists():
                    return
                temporary = self.path.with_name(f".{self.path.name}.new")
                temporary.unlink(missing_ok=True)
                with contextlib.closing(duckdb.connect()) as connection:
                    name = str(temporary).replace("'", "''")
                    connection.execute(f"attach '{name}' as created (storage_version '{STORAGE_VERSION}')")
                    connection.execute("detach created")
                os.replace(temporary, self.path)

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Raise DuckDB's and the system's errors as StoreError, with what to do."""
        try:
            yield
        except (duckdb.Error, OSError, MemoryError) as error:
            raise StoreError(self._advice(str(error))) from error

    def _advice(self, message: str) -> str:
        lower = message.lower()
        if any(sign in lower for sign in FULL):
            free = free_megabytes(self.folder)
            return f"The disk of {self.path} is full ({free}; {message}). What was committed is intact; free space and run again."
        if any(sign in lower for sign in DAMAGED):
            rescue = f"copy {self.published} over it" if self.published.exists() else "put back a copy"
            return f"{self.path} is damaged or no DuckDB file: {message}. Move it away to start anew, or {rescue} to go on from there."
        if any(sign in lower for sign in NO_MEMORY):
            return f"{self.path}: {message} Raise {MEMORY}, or make room in {self.folder}, where what does not fit into memory is written."
        if "could not set lock" in lower:
            return f"{self.path} is open in another program: {message} Close it there; {self.published.name} is the copy to read."
        return f"{self.path}: {message}"

    @contextlib.contextmanager
    def _locked(self, mode: Mode) -> Iterator[Patience]:
        if getattr(self._held, "connection", None) is not None:
            raise StoreError("The store was opened or published inside a reader or writer of the same thread, which would wait for itself.")
        with locked(self.folder / "warehouse.lock", mode, seconds=self.lock_seconds, tell=self.tell) as patience:
            yield patience

    @contextlib.contextmanager
    def _attached(self, mode: Mode, patience: Patience) -> Iterator[Connection]:
        """Open the file in an instance of DuckDB that is kept for the next time: making one takes five times as long as opening a file."""
        connection = INSTANCES.take(self.folder)
        try:
            self._attach(connection, mode, patience)
            yield connection
            connection.execute("use memory")
            connection.execute("detach warehouse")
        except BaseException:  # what state it is in is not known
            connection.close()
            raise
        INSTANCES.give_back(self.folder, connection)

    def _attach(self, connection: Connection, mode: Mode, patience: Patience) -> None:
        # Our lock is held, so only a stranger (a SQL client on the private file) can still be in the way.
        path = str(self.path).replace("'", "''")
        while True:
            try:
                connection.execute(f"attach '{path}' as warehouse{' (read_only)' if mode == 'read' else ''}")
            except duckdb.IOException as error:
                stranger = _stranger(str(error))
                if stranger is None or patience.is_over:
                    raise
                patience.pause(0.5, stranger)
            else:
                patience.end()
                connection.execute("use warehouse")
                return


_PACE = Pace()


def _stranger(message: str) -> str | None:
    """Name the program that DuckDB says has a file open; None where it says something else."""
    if "Could not set lock" not in message:
        return None
    found = re.search(r"held in (\S+) \(PID (\d+)\)", message)
    return f"process {found[2]} ({found[1]}), which opened the private file," if found else "another program, which opened the private file,"


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run a block in one transaction."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # the first error is the one to tell
            connection.execute("rollback")
        raise
    connection.execute("commit")


def free_megabytes(folder: Path) -> str:
    """Say how much space is free where a folder lies."""
    return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB free"
