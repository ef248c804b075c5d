"""Keep a whole Dagster installation running on this machine: what `linnaeus up` does."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.serving.processes import child_environment
from pipeline.supervision.addresses import is_loopback, port_for, url_of
from pipeline.supervision.commands import CODE_HOST, dagster_parts, write_workspace_file
from pipeline.supervision.logs import PartLog
from pipeline.supervision.place import Place, PlaceRecord
from pipeline.supervision.signals import Told
from pipeline.supervision.supervisor import Supervisor

__all__ = ["keep_up"]


def keep_up(*, workspace: Path, state: Path, host: str, port: int, told: Told, tell: Callable[[str], None]) -> None:
    """Run code server, web server and daemon of a workspace until told to stop.

    :raises SupervisionError: it runs already on this state, the port is taken, or a part cannot be kept running.
    """
    place = Place(state)
    lock = place.take()
    log = PartLog(place.logs / "up.log", name="up", tell=lambda _: None)

    def say(line: str) -> None:
        log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}")
        tell(line)

    try:
        place.wait_for_leftovers()
        _keep(place, workspace, host=host, port=port_for(host, port), told=told, say=say)
        say("Stopped")
    finally:
        place.forget()
        log.close()
        lock.release()


def _keep(place: Place, workspace: Path, *, host: str, port: int, told: Told, say: Callable[[str], None]) -> None:
    address, code_port = url_of(host, port), port_for(CODE_HOST, 0)
    since = time.strftime("%Y-%m-%d %H:%M:%S")

    def note(parts: Mapping[str, int]) -> None:
        with contextlib.suppress(OSError):  # a full disk must not end what runs
            place.write(PlaceRecord(os.getpid(), address, code_port, since, dict(parts)))

    note({})
    write_workspace_file(place.workspace_file, code_port)
    say(f"Starting code server, web server and daemon; logs in {place.logs}")
    if not is_loopback(host):
        say(f"WARNING: whoever reaches {host}:{port} may run and delete everything: there is no password. Put a proxy before it that asks for one.")
    supervisor = Supervisor(
        dagster_parts(workspace=workspace, workspace_file=place.workspace_file, host=host, port=port, code_port=code_port),
        logs=place.logs, folder=workspace, environment=child_environment(), tell=say, on_start=note,
    )  # fmt: skip
    supervisor.run(told, all_up=lambda: say(f"Dagster is up on {address}; Ctrl-C ends it"))
