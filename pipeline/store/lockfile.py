"""The lock of a store: waited for, never refused, and whoever waits says for whom.

It is a lock of the kernel on a file, which is freed when its holder dies. A holder that writes puts its process and command into the
file, for people and for other machines; who holds it now is asked of the kernel where that can be asked.
"""

import contextlib
import fcntl
import os
import random
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

from pipeline.errors import StoreLockedError

__all__ = ["Mode", "Patience", "Tell", "locked"]

Mode = Literal["read", "write"]
Tell = Callable[[str], None]
FIRST_WORD, NEXT_WORD = 3.0, 30.0  # seconds of waiting until it is said, and until it is said again
SHORTEST_PAUSE = 0.0005  # seconds
LONGEST_COMMAND = 120  # characters


class Patience:
    """How long one waits for a file, and when one says so."""

    def __init__(self, name: str, seconds: float, tell: Tell) -> None:
        """Start waiting now.

        :param name: of what is waited for.
        """
        self.name, self.seconds, self._tell = name, seconds, tell
        self._began = time.monotonic()
        self._next_word = FIRST_WORD

    @property
    def waited(self) -> float:
        """Give the seconds waited so far."""
        return time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        """Say whether it has been too long."""
        return self.waited > self.seconds

    def pause(self, longest: float, holder: str | Callable[[], str]) -> None:
        """Wait for up to some seconds, and now and then say for whom."""
        if self.waited >= self._next_word:
            self._tell(f"Waiting for {self.name} since {self.waited:.0f} s: {holder if isinstance(holder, str) else holder()} has it.")
            self._next_word = self.waited + NEXT_WORD
        # Who has waited for long looks more often, and so is the next one sooner.
        time.sleep(max(SHORTEST_PAUSE, random.uniform(longest / 10, longest) / (1 + self.waited)))

    def end(self) -> None:
        """Say that one goes on, where it was said that one waits."""
        if self._next_word > FIRST_WORD:
            self._tell(f"{self.name} is free after {self.waited:.0f} s, going on.")
            self._next_word = FIRST_WORD


@contextlib.contextmanager
def locked(path: Path, mode: Mode, *, seconds: float, tell: Tell) -> Iterator[Patience]:
    """Hold the lock of a file while the block runs: shared to read, alone to write.

    :return: the patience that is left for what the lock protects.
    :raises StoreLockedError: where others held it for so many seconds.
    """
    with path.open("a+") as handle:
        patience = Patience(str(path), seconds, tell)
        _wait(handle, fcntl.LOCK_EX if mode == "write" else fcntl.LOCK_SH, patience)
        if mode == "read":
            yield patience
            return
        _sign(handle, f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}: {_command('self')}\n")
        try:
            yield patience
        finally:
            _sign(handle, "")


def _wait(handle: IO[Any], kind: int, patience: Patience) -> None:
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if patience.is_over:
                held = f"{_holder(handle)} held {handle.name} for more than {patience.seconds:g} s"
                raise StoreLockedError(f"{held[0].upper()}{held[1:]}; end it, or wait, and run again.") from error
            patience.pause(0.02, lambda: _holder(handle))
        else:
            patience.end()
            return


def _sign(handle: IO[Any], line: str) -> None:
    with contextlib.suppress(OSError):  # a full disk must not keep anybody from freeing it
        os.ftruncate(handle.fileno(), 0)
        if line:
            os.write(handle.fileno(), line.encode("utf-8", "replace"))


def _holder(handle: IO[Any]) -> str:
    """Say who holds the lock of an open file: by the kernel, else by what the holder wrote."""
    found = [f"process {pid} ({_command(pid)})" for pid in _pids(handle)]
    if found:
        return " and ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    handle.seek(0)
    return handle.read().strip() or "another process"


def _pids(handle: IO[Any]) -> list[int]:
    """List the processes that the kernel names as holders; none where it does not say, as in another container."""
    inode = os.fstat(handle.fileno()).st_ino
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return []
    pattern = rf"^\d+: FLOCK\s+\S+\s+\S+\s+(\d+) [0-9a-f]+:[0-9a-f]+:{inode} "
    return sorted({int(pid) for pid in re.findall(pattern, lines, flags=re.MULTILINE)} - {0})


def _command(process: int | str) -> str:
    """Give the command of a process, cut to one line; empty where it cannot be read."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        words = sys.argv if process == "self" else []
    return " ".join(" ".join(words).split())[:LONGEST_COMMAND]
