"""The place in the state folder that one `linnaeus up` holds: a lock, and a note of where it serves and what it started.

The lock says whether one runs, and the kernel frees it however its holder dies. The note counts while the lock is held; after
a kill it names the groups that are still ending.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.errors import SupervisionError
from pipeline.serving.locks import Lock, is_locked, wait_for_lock

__all__ = ["Place", "PlaceRecord"]

LOOK_SECONDS = 0.1
PROBE_SECONDS = 0.5  # others look at the lock for a moment
LEFTOVER_SECONDS = 15.0  # parts that lost their supervisor have 10 s to end


@dataclass(frozen=True)
class PlaceRecord:
    """What runs: our process, where the web server and the code server listen, and the process group of each part."""

    pid: int
    address: str
    code_port: int
    since: str
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """The files of `linnaeus up` in a state folder."""

    state: Path

    @property
    def folder(self) -> Path:
        """Give the folder of its lock and notes."""
        return self.state / "up"

    @property
    def logs(self) -> Path:
        """Give the folder of the logs."""
        return self.state / "logs"

    @property
    def workspace_file(self) -> Path:
        """Give the file that tells the web server and the daemon where the code server is."""
        return self.folder / "workspace.yaml"

    def take(self) -> Lock:
        """Take the place for this process.

        :raises SupervisionError: another process has it, or the folder cannot be used.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = wait_for_lock(self._lock, seconds=PROBE_SECONDS, on_wait=lambda _: None)
        except OSError as error:
            raise SupervisionError(f"{self._lock} cannot be locked: {error}. Set LINNAEUS_STATE to a folder on a local disk.") from error
        if lock is None:
            record = self.read()
            who = f"Process {record.pid} runs it since {record.since} on {record.address}" if record else "Another process is starting or stopping it"
            raise SupervisionError(
                f"`linnaeus up` runs already on {self.state}. {who}. Stop that one first, or set LINNAEUS_STATE to another folder."
            )
        return lock

    def is_taken(self) -> bool:
        """Say whether a process has it."""
        return self._lock.exists() and is_locked(self._lock)

    def read(self) -> PlaceRecord | None:
        """Read the note; None where there is none."""
        try:
            return PlaceRecord(**json.loads((self.folder / "up.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, record: PlaceRecord) -> None:
        """Note what runs."""
        new = self.folder / "up.json.new"
        new.write_text(json.dumps(asdict(record)), encoding="utf-8")
        os.replace(new, self.folder / "up.json")

    def forget(self) -> None:
        """Remove the note."""
        (self.folder / "up.json").unlink(missing_ok=True)

    def wait_for_leftovers(self, seconds: float = LEFTOVER_SECONDS) -> None:
        """Wait for the parts of a supervisor that was killed: they end by themselves, and until then hold their ports."""
        record, end = self.read(), time.monotonic() + seconds
        for group in record.parts.values() if record else ():
            with contextlib.suppress(OSError):  # it is gone, or belongs to somebody else
                while time.monotonic() < end:
                    os.killpg(group, 0)
                    time.sleep(LOOK_SECONDS)
        self.forget()

    @property
    def _lock(self) -> Path:
        return self.folder / "up.lock"
