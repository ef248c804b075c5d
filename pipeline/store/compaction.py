"""Writing the tables into a new file, so that what was deleted is gone from the disk, and its room is given back.

DuckDB marks the blocks of deleted rows as free and leaves their bytes where they are. So the rows are copied into a file that is
made like a new one, which then takes the place of the old. Whoever waits for the lock opens the new file.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from pipeline.errors import StoreError, StoreLockedError
from pipeline.serving.locks import is_locked
from pipeline.store import schema
from pipeline.store.instances import SPILLED, database_settings
from pipeline.store.lockfile import Patience
from pipeline.store.published import abandoned
from pipeline.store.warehouse import STORAGE_VERSION, Connection, Warehouse

__all__ = ["compact", "folder_size", "leftovers", "remove_leftovers", "size_on_disk", "wait_for_copies"]

SPILLED_SECONDS = 600.0  # since the last change of a file that a process, if it lives, may still read
TABLES_OF = "select table_name from duckdb_tables() where database_name = ? and not internal order by table_name"


def size_on_disk(store: Warehouse) -> int:
    """Add up the bytes of the warehouse and of what is not in its file yet."""
    return sum(path.stat().st_size for path in (store.path, store.write_ahead) if path.exists())


def compact(store: Warehouse) -> tuple[int, int]:
    """Write the tables of a store that is up to date into a new file, which takes the place of the old one.

    :return: its bytes before and after.
    :raises StoreError: where the disk has no room for both, or the file has a table that no migration makes.
    """
    fresh = store.path.with_name(f".{store.path.name}.compacted")
    with store.translated(), store._locked("write"):
        before = size_on_disk(store)
        _check_room(store, before)
        try:
            _remove(fresh)
            with contextlib.closing(duckdb.connect(config=database_settings(store.folder))) as connection:
                _make(connection, fresh)
                _fill(connection, store.path)
                connection.execute("use memory")
                connection.execute("detach warehouse")
                connection.execute("detach compacted")
            with fresh.open("rb") as handle:
                os.fsync(handle.fileno())
            _remove(store.write_ahead)  # its rows were read from there into the new file
            os.replace(fresh, store.path)
        finally:
            _remove(fresh)
            _remove(fresh.with_name(f"{fresh.name}.wal"))
    return before, size_on_disk(store)


def leftovers(store: Warehouse) -> Iterator[tuple[Path, int, str]]:
    """List what killed processes left in the folder of a store: path, bytes, and what it is; what a living one may use is left out."""
    for path in sorted(store.folder.glob(".warehouse.duckdb.*")):
        yield path, path.stat().st_size, "an unfinished copy of the tables"
    for path in sorted(store.folder.glob(".labels.duckdb.*.tmp*")):
        if not _in_use(path):
            yield path, path.stat().st_size, "an unfinished published copy"
    spilled = [(path, path.stat()) for path in sorted(store.folder.glob(f"{SPILLED}*/*")) if path.is_file()]
    old = [(path, stat.st_size) for path, stat in spilled if time.time() - stat.st_mtime > SPILLED_SECONDS]
    yield from ((path, size, "rows that did not fit into memory") for path, size in old)
    yield from ((path, folder_size(path), "rows of an export that did not fit into memory") for path in abandoned(store.folder))
    for path in sorted((store.folder / "journal").glob("*.jsonl")):
        if not path.stat().st_size and not is_locked(path):
            yield path, 0, "an empty journal"
    for path in sorted(store.folder.glob(".restoring.*")):
        yield path, folder_size(path), "an unfinished restore"


def remove_leftovers(store: Warehouse) -> list[tuple[Path, int, str]]:
    """Remove what killed processes left, while nobody uses the tables; give what was removed."""
    with store.translated(), store._locked("write"):
        found = list(leftovers(store))
        for path, _, _ in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return found


def wait_for_copies(store: Warehouse) -> None:
    """Wait for those who are making a published copy of the file as it was, so that the next copy is not replaced by theirs.

    :raises StoreLockedError: where one takes longer than `lock_seconds`.
    """
    making, patience = list(store.folder.glob(".labels.duckdb.*.tmp")), Patience(str(store.published), store.lock_seconds, store.tell)
    while any(map(_in_use, making)):
        if patience.is_over:
            raise StoreLockedError(f"Another process has been copying {store.path} for more than {store.lock_seconds:g} s; end it, and run again.")
        patience.pause(0.1, lambda: "a process that copies the tables")
    patience.end()


def folder_size(folder: Path) -> int:
    """Add up the bytes of the files in and under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _check_room(store: Warehouse, wanted: int) -> None:
    free = shutil.disk_usage(store.folder).free
    if free < wanted:
        raise StoreError(
            f"Writing {store.path} anew takes up to {wanted / 1e6:,.0f} MB while the old file is there, and {free / 1e6:,.0f} MB are free;"
            " make room and run again. Nothing was changed."
        )


def _make(connection: Connection, fresh: Path) -> None:
    """Make an empty file with all tables and views; alone, since the schema is looked up across all files that are attached."""
    connection.execute(f"attach '{_quoted(fresh)}' as compacted (storage_version '{STORAGE_VERSION}')")
    connection.execute("use compacted")
    schema.migrate(connection)


def _fill(connection: Connection, path: Path) -> None:
    connection.execute(f"attach '{_quoted(path)}' as warehouse")
    connection.execute("checkpoint warehouse")
    made, there = ([row[0] for row in connection.execute(TABLES_OF, [name]).fetchall()] for name in ("compacted", "warehouse"))
    if made != there:
        unknown = ", ".join(sorted(set(made) ^ set(there)))
        raise StoreError(
            f"{path} has other tables than this version of linnaeus makes ({unknown}); run `linnaeus status` once to bring it up to date."
        )
    for table in there:
        connection.execute(f'delete from compacted."{table}"')  # noqa: S608 - names of tables, the same in both files
        connection.execute(f'insert into compacted."{table}" by name select * from warehouse."{table}"')  # noqa: S608 - as above
    connection.execute("checkpoint compacted")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _in_use(path: Path) -> bool:
    """Say whether the process that makes a copy lives: it holds a lock on the file for as long."""
    try:
        with path.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
