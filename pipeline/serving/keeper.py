"""Keep one server for all who use it, and end it when nobody does.

Run as `python -m pipeline.serving.keeper`; `joining.join_server` does, in a session of its own, so that Ctrl-C in one
terminal does not end what another run uses. Users hold `users.lock` shared, and the kernel frees it however they die: a
keeper that gets the lock alone has no users. It gets `keeper.lock` from who started it, and holds it for life.

Whoever is killed, no orphan is left: the server watches the keeper, and the keeper ends the server's whole process group.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.serving.locks import Lock
from pipeline.serving.processes import answers
from pipeline.serving.server_folder import ServerFolder, ServerRecord

__all__ = ["main"]

LOADING_POLL_SECONDS = 0.1
POLL_SECONDS = 0.5
STOP_SECONDS = 20.0  # longer than tied_child's grace


class _Keeper:
    """A server, and what tells whether it is wanted."""

    def __init__(self, folder: ServerFolder, record: ServerRecord, process: "subprocess.Popen[bytes]", linger_seconds: float) -> None:
        self._folder = folder
        self._record = record
        self._process = process
        self._linger_seconds = linger_seconds
        self._touched = 0
        self._used = time.monotonic()

    def keep(self) -> int:
        """Stay until the server ends or nobody wants it, and give the status to exit with."""
        alone: Lock | None = None
        try:
            self._folder.write(self._record)
            while alone is None and self._process.poll() is None:
                if not self._record.ready and answers(self._record.address):
                    self._record = replace(self._record, ready=True)
                    self._folder.write(self._record)
                time.sleep(POLL_SECONDS if self._record.ready else LOADING_POLL_SECONDS)
                alone = self._unwanted()
            status = self._process.returncode
        finally:  # while `alone` is held nobody joins
            self._folder.forget()
            self._stop()
        if status is None:
            return 0
        return status if status >= 0 else 128 - status

    def _unwanted(self) -> Lock | None:
        """Give the users' lock where nobody has used the server for long enough."""
        lock = Lock.take(self._folder.users_lock)
        touched = self._folder.users_lock.stat().st_mtime_ns
        if lock is None or touched != self._touched:
            self._used, self._touched = time.monotonic(), touched
        if lock is not None and time.monotonic() - self._used < self._linger_seconds:
            lock.release()
            return None
        return lock

    def _stop(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # what the server waits for
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS forbids it where all that is left is dead
            os.killpg(self._process.pid, signal.SIGKILL)  # workers that outlive the server
        self._process.wait()


def main() -> None:
    """Run the command that follows `--` until nobody uses its server; the status says how the server ended."""
    at = sys.argv.index("--")
    options, command = _options(sys.argv[1:at]), sys.argv[at + 1 :]
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # SIG_IGN would be inherited by the server
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    lock = Lock(options.lock)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    record = ServerRecord(options.generation, os.getpid(), process.pid, options.port, options.address, options.model, time.time())
    status = _Keeper(ServerFolder(options.folder), record, process, options.linger).keep()
    lock.release()
    sys.exit(status)


def _options(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    for number in ("--lock", "--port"):
        parser.add_argument(number, type=int, required=True)
    for text in ("--generation", "--address", "--model"):
        parser.add_argument(text, required=True)
    parser.add_argument("--linger", type=float, required=True)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
