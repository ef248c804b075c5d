"""Locks that the kernel frees when their holder dies, however it dies.

A lock belongs to one opening of its file: two in one process are two locks. A forked child drops the copies that it got,
so that none outlives the process that took it.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["Lock", "is_locked", "wait_for_lock"]

POLL_SECONDS = 0.1
_held: set["Lock"] = set()


class Lock:
    """A lock that is held until it is released, shared with others of its kind or alone."""

    def __init__(self, descriptor: int) -> None:
        """Hold what the open file holds: the way to take over a lock that another process passes on."""
        os.set_inheritable(descriptor, False)
        self._descriptor: int | None = descriptor
        _held.add(self)

    @classmethod
    def take(cls, path: Path, *, shared: bool = False) -> "Lock | None":
        """Take the lock now; None where another holds it.

        :raises OSError: the file cannot be opened, or its file system has no locks.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor)

    @property
    def descriptor(self) -> int:
        """Give the open file, to pass the lock on to a child; it is then held until both have released it."""
        if self._descriptor is None:
            raise ValueError("the lock has been released")
        return self._descriptor

    def release(self) -> None:
        """Let others have it; once is enough, more does no harm."""
        _held.discard(self)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Say whether anybody holds the lock alone."""
    lock = Lock.take(path, shared=True)
    if lock is not None:
        lock.release()
    return lock is None


def wait_for_lock(path: Path, *, shared: bool = False, seconds: float, on_wait: Callable[[float], None]) -> Lock | None:
    """Wait for the lock; None where it was not to be had in that time.

    :param on_wait: called again and again with the seconds waited.
    """
    started = time.monotonic()
    while True:
        lock = Lock.take(path, shared=shared)
        waited = time.monotonic() - started
        if lock is not None or waited > seconds:
            return lock
        on_wait(waited)
        time.sleep(POLL_SECONDS)


def _drop_inherited() -> None:
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_drop_inherited)
