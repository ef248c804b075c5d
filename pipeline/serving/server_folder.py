"""The folder that the users of one server share: who uses it, who keeps it, where it answers, what it logs.

It lies in the cache under `servers`, by the name of the host (the cache may be on a network disk) and a hash of all that
determines the server. The locks in it say what is so; `server.json` only says where, and counts while `keeper.lock` is held.
"""

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.errors import EngineError
from pipeline.ids import content_id
from pipeline.serving.locks import Lock, is_locked
from pipeline.weights import cache_folder

__all__ = ["ServerFolder", "ServerRecord", "folder_for", "prune_server_folders", "server_folders"]

LAYOUT = 1  # raise it where older processes could not share a folder with newer ones


@dataclass(frozen=True)
class ServerRecord:
    """A server that runs: `generation` is another with each start, `server_pid` leads a process group of its own."""

    generation: str
    keeper_pid: int
    server_pid: int
    port: int
    address: str
    model: str
    started_at: float
    ready: bool = False


@dataclass(frozen=True)
class ServerFolder:
    """Where one server's files lie."""

    path: Path

    @property
    def start_lock(self) -> Path:
        """Locked by the one process that starts or joins."""
        return self.path / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by all users; held alone by a keeper that ends its server. Its time is that of the last coming or going."""
        return self.path / "users.lock"

    @property
    def keeper_lock(self) -> Path:
        """Locked by the keeper for its life."""
        return self.path / "keeper.lock"

    @property
    def log(self) -> Path:
        """What the server said since its last start."""
        return self.path / "server.log"

    @property
    def slots(self) -> Path:
        """Where the embedded server writes the prompt caches that it is told to save."""
        return self.path / "slots"

    def make(self) -> None:
        """Make the folder, for this user alone: prompts pass through it.

        :raises EngineError: the cache cannot be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.slots.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EngineError(f"The folder {self.path} cannot be made: {error}. Set LINNAEUS_CACHE to a folder that can be written.") from error

    def kept(self) -> bool:
        """Say whether a keeper lives."""
        return self.keeper_lock.exists() and is_locked(self.keeper_lock)

    def read(self) -> ServerRecord | None:
        """Read what is noted, whether its keeper lives or not; None where nothing is."""
        try:
            return ServerRecord(**json.loads((self.path / "server.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, record: ServerRecord) -> None:
        """Note the server that runs."""
        new = self.path / "server.json.new"
        new.write_text(json.dumps(asdict(record)), encoding="utf-8")
        os.replace(new, self.path / "server.json")

    def forget(self) -> None:
        """Remove the note and the saved prompt caches."""
        (self.path / "server.json").unlink(missing_ok=True)
        for saved in self.slots.glob("*"):
            saved.unlink(missing_ok=True)

    def touch(self) -> None:
        """Note that a user comes or goes, from which a keeper counts its patience."""
        with contextlib.suppress(OSError):
            os.utime(self.users_lock)

    def set_log_aside(self) -> None:
        """Keep the log of the start before as `server-before.log`."""
        if self.log.exists():
            shutil.move(self.log, self.path / "server-before.log")


def folder_for(parts: Mapping[str, object]) -> ServerFolder:
    """Give the folder of the server that these parts determine, on this machine.

    Containers may share a cache and a host's name but no network: the kernel's names for both count too.
    """
    spaces = []
    for kind in ("net", "pid"):
        with contextlib.suppress(OSError):
            spaces.append(os.readlink(f"/proc/self/ns/{kind}"))
    number = content_id("server", {**parts, "layout": LAYOUT, "spaces": spaces}).rpartition(":")[2]
    return ServerFolder(cache_folder() / "servers" / f"{socket.gethostname()}-{number}")


def server_folders() -> Iterator[ServerFolder]:
    """Give the folders of all servers of this host, running or not."""
    for path in sorted((cache_folder() / "servers").glob(f"{socket.gethostname()}-*")):
        yield ServerFolder(path)


def prune_server_folders(before: float) -> int:
    """Remove the folders of this host's servers that nobody used since a time, in seconds since 1970; say how many.

    A folder is removed while its start lock is held, so that no server starts in it meanwhile.
    """
    removed = 0
    for folder in server_folders():
        with contextlib.suppress(OSError):  # somebody else removed it, or it has no locks: it was never used
            if folder.users_lock.stat().st_mtime >= before or folder.kept():
                continue
            starting = Lock.take(folder.start_lock)
            if starting is None:
                continue
            if not is_locked(folder.users_lock) and not folder.kept():
                shutil.rmtree(folder.path)
                removed += 1
            starting.release()
    return removed
