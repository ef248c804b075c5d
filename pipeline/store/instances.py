"""Instances of DuckDB without a file, kept for the next time: making one takes five times as long as opening a file.

What each may use is set here and nowhere else: memory, threads, and the folder into which it writes what does not fit into memory.
"""

import os
import re
import secrets
import threading
from pathlib import Path

import duckdb

from pipeline.errors import StoreError

__all__ = ["INSTANCES", "MEMORY", "SPILLED", "Connection", "database_settings"]

Connection = duckdb.DuckDBPyConnection
MEMORY, DEFAULT_MEMORY = "LINNAEUS_STORE_MEMORY", "1GB"
THREADS = "LINNAEUS_THREADS"
SPILLED = "warehouse.duckdb.tmp"  # how the folders begin that hold what did not fit into memory
AMOUNT = re.compile(r"\d+(\.\d+)?\s*([KMGT]i?B)", re.IGNORECASE)


def database_settings(folder: Path) -> dict[str, str | int | float | bool | list[str]]:
    """Give what an instance may use, for `duckdb.connect`.

    :raises StoreError: where the environment names an amount or a number that is none.
    """
    memory, threads = os.environ.get(MEMORY) or DEFAULT_MEMORY, os.environ.get(THREADS) or str(_cores())
    if not AMOUNT.fullmatch(memory.strip()):
        raise StoreError(f"{MEMORY} is {memory!r}; expected an amount such as {DEFAULT_MEMORY} or 512MB.")
    if not threads.isdecimal() or int(threads) < 1:
        raise StoreError(f"{THREADS} is {threads!r}; expected a number from 1 on.")
    # Of its own, because two instances would give their files in it the same names; made by DuckDB when it is needed, and removed at the end.
    spilled = folder / f"{SPILLED}.{os.getpid()}.{secrets.token_hex(4)}"
    return {"temp_directory": str(spilled), "memory_limit": memory.strip(), "threads": int(threads)}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Instances:
    """Instances that nobody uses at present."""

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
        return duckdb.connect(config=database_settings(folder))

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


INSTANCES = _Instances()
os.register_at_fork(after_in_child=INSTANCES.forget)
