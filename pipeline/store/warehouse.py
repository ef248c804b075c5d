"""Who may touch the files of a store, and when.

`warehouse.duckdb` is private to the pipeline: readers share it and a writer has it alone, by a lock on `warehouse.lock`
that the kernel frees when its holder dies. DuckDB's own lock cannot do this, because it refuses instead of waiting.
`labels.duckdb` is a copy that is renamed into place, so that anybody may read it at any time with any client.
No lock is ever held across a model call: open `reader()` and `writer()` around the SQL alone.
"""

import contextlib
import fcntl
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import duckdb
import pyarrow as pa

from pipeline.errors import StoreError, StoreLockedError

__all__ = ["STORAGE_VERSION", "Connection", "Warehouse", "transaction"]

Connection = duckdb.DuckDBPyConnection
Mode = Literal["read", "write"]
STORAGE_VERSION = "v1.0.0"  # the newest clients write a form of their own, which older ones cannot open
FULL = ("no space left", "file too large", "disk quota exceeded", "max_temp_directory_size")
DAMAGED = ("not a valid duckdb", "corrupt", "checksum", "deserialize", "database has been invalidated", "replaying wal")


class Warehouse:
    """Open the files of a store under its lock, and turn DuckDB's errors into ours."""

    def __init__(self, folder: Path, *, lock_seconds: float = 300.0) -> None:
        """Name the files; nothing is opened yet."""
        self.folder = folder
        self.path = folder / "warehouse.duckdb"
        self.published = folder / "labels.duckdb"
        self.lock_seconds = lock_seconds
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
        with self.translated(), self._locked(mode) as deadline, self._attached(mode, deadline) as connection:
            self._held.connection = (connection, mode)
            try:
                yield connection
            finally:
                self._held.connection = None

    def publish(self) -> Path:
        """Copy the warehouse to `labels.duckdb`, which is replaced at once; readers of the old copy keep it.

        :return: the path of the copy.
        """
        temporary = self.published.with_name(f".{self.published.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        with self.translated(), self._locked("write") as deadline:
            # Closed before copying: closing any handle of a file drops the locks that this process has on it.
            with self._attached("write", deadline) as connection:
                connection.execute("checkpoint")
            try:
                self._copy(temporary)
            finally:
                temporary.unlink(missing_ok=True)
        return self.published

    def _copy(self, temporary: Path) -> None:
        shutil.copyfile(self.path, temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, self.published)

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
        if "could not set lock" in lower:
            return f"{self.path} is open in another program: {message} Close it there; {self.published.name} is the copy to read."
        return f"{self.path}: {message}"

    @contextlib.contextmanager
    def _locked(self, mode: Mode) -> Iterator[float]:
        if getattr(self._held, "connection", None) is not None:
            raise StoreError("The store was opened or published inside a reader or writer of the same thread, which would wait for itself.")
        with (self.folder / "warehouse.lock").open("a+") as handle:
            deadline = time.monotonic() + self.lock_seconds
            self._wait(handle, fcntl.LOCK_EX if mode == "write" else fcntl.LOCK_SH, deadline)
            yield deadline

    def _wait(self, handle: IO[Any], kind: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    waited = f"Another process held {handle.name} for more than {self.lock_seconds:g} s"
                    raise StoreLockedError(f"{waited}; end it, or wait, and run again.") from error
                time.sleep(random.uniform(0.002, 0.02))
            else:
                return

    @contextlib.contextmanager
    def _attached(self, mode: Mode, deadline: float) -> Iterator[Connection]:
        """Open the file in an instance of DuckDB that is kept for the next time: making one takes five times as long as opening a file."""
        connection = _INSTANCES.take(self.folder)
        try:
            self._attach(connection, mode, deadline)
            yield connection
            connection.execute("use memory")
            connection.execute("detach warehouse")
        except BaseException:  # what state it is in is not known
            connection.close()
            raise
        _INSTANCES.give_back(self.folder, connection)

    def _attach(self, connection: Connection, mode: Mode, deadline: float) -> None:
        # Our lock is held, so only a stranger (a SQL client on the private file) can still be in the way.
        path = str(self.path).replace("'", "''")
        while True:
            try:
                connection.execute(f"attach '{path}' as warehouse{' (read_only)' if mode == 'read' else ''}")
            except duckdb.IOException as error:
                if "Could not set lock" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.05, 0.5))
            else:
                connection.execute("use warehouse")
                return


class _Instances:
    """Instances of DuckDB without a file, kept for the next time; each spills into one folder where memory does not suffice."""

    most = 2

    def __init__(self) -> None:
        self._idle: list[tuple[Path, Connection]] = []
        self._parents: list[object] = []  # what a forked child must keep and never touch
        self._lock = threading.Lock()

    def take(self, folder: Path) -> Connection:
        with self._lock:
            for place, (owner, connection) in enumerate(self._idle):
                if owner == folder:
                    del self._idle[place]
                    return connection
        return duckdb.connect(config={"temp_directory": str(folder / "warehouse.duckdb.tmp")})

    def give_back(self, folder: Path, connection: Connection) -> None:
        with self._lock:
            self._idle.append((folder, connection))
            surplus = self._idle[: -self.most]
            self._idle = self._idle[-self.most :]
        for _, other in surplus:
            other.close()

    def forget(self) -> None:
        """Leave the parent's instances alone in a forked child: even closing them there would crash it."""
        self._parents.append(self._idle)
        self._idle, self._lock = [], threading.Lock()


_INSTANCES = _Instances()
os.register_at_fork(after_in_child=_INSTANCES.forget)


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
