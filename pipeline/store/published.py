"""One state of the published copy, to ask several questions of, whatever is published meanwhile."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.serving.locks import Lock, is_locked
from pipeline.store.instances import Connection, database_settings

__all__ = ["SPILLED", "Published", "Rows", "abandoned", "opened"]

SPILLED = ".spilled."  # how the folders begin that hold what did not fit into memory
BATCH = 8192  # rows; four vectors of DuckDB


@dataclass(frozen=True)
class Rows:
    """Rows as they come, a batch at a time; to be read once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


class Published:
    """Asks the published copy through one connection, so that all answers are about one state."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection that can do nothing but read."""
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Give all rows of a query.

        :raises StoreError: with DuckDB's message.
        """
        with translated():
            return self._connection.execute(sql, list(values)).fetchall()

    def columns(self, sql: str, values: Sequence[Any] = ()) -> dict[str, str]:
        """Give the types of a query's columns by name, in order.

        :raises StoreError: with DuckDB's message.
        """
        return {row[0]: row[1] for row in self.rows(f"describe {sql}", values)}

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Give the rows of a query as they come, a batch in memory at a time.

        :raises StoreError: with DuckDB's message, also while the rows are read.
        """
        with translated():
            reader = self._connection.sql(sql, params=list(values)).to_arrow_reader(BATCH)
        return Rows(reader.schema, _batches(reader))

    @cached_property
    def pointers(self) -> dict[str, str]:
        """Give what is current, by name; the names of a facet's begin with the facet and a slash."""
        return dict(self.rows("select key, value from main.current"))

    def as_of_facet(self, facet: str) -> None:
        """Let the table `current`, which the views read, hold the pointers of a facet for what is asked from now on."""
        own = [(key.removeprefix(f"{facet}/"), value) for key, value in self.pointers.items() if key.startswith(f"{facet}/")]
        with translated():
            self._connection.execute("create or replace temp table current (key varchar, value varchar)")
            if own:
                self._connection.executemany("insert into temp.main.current values (?, ?)", own)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Published]:
    """Open a published copy in an instance of DuckDB of its own, which takes the memory that the store may use and spills what exceeds it.

    The instance reaches nothing but the copy and the folder that it spills into, which ends with it.

    :raises StoreError: where the copy cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix=SPILLED, dir=path.parent) as folder, locked(Path(folder) / "lock"):
        settings = {**database_settings(path.parent), "temp_directory": str(Path(folder) / "rows")}
        with contextlib.closing(duckdb.connect(config=settings)) as connection:
            with translated():
                name = str(path).replace("'", "''")
                connection.execute(f"attach '{name}' as labels (read_only)")
                connection.execute("use labels")
                connection.execute("set enable_external_access = false")
                connection.execute("set lock_configuration = true")
            yield Published(connection)


def abandoned(folder: Path) -> Iterator[Path]:
    """List what killed processes left of the folders that they spilled rows into."""
    yield from (path for path in sorted(folder.glob(f"{SPILLED}*")) if not is_locked(path / "lock"))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that nobody else asks for, to be told from the dead."""
    lock = Lock.take(path)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise DuckDB's errors as StoreError."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # what DuckDB says while Arrow reads comes as OSError
        raise StoreError(f"The published tables could not answer: {error}") from error


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    with translated():
        yield from reader
