"""`linnaeus up` on a tiny workspace with the real Dagster: it serves, mends itself, is the only one, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import typer.testing

from pipeline.cli import app
from pipeline.errors import SupervisionError
from pipeline.supervision import Place
from tests.tiny import write_project

ROOT = Path(__file__).parent.parent
BUSY = 90.0  # seconds for what takes a few on a machine with nothing else to do
HEALTH = "{ version instance { daemonHealth { allDaemonStatuses { daemonType healthy lastHeartbeatTime } } } }"
ASSETS = "{ assetNodes { assetKey { path } } }"


def wait_for(found: Callable[[], Any], what: str, seconds: float = BUSY) -> Any:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.1)
    return value


def ask(address: str, query: str) -> dict[str, Any]:
    with httpx.Client(trust_env=False, timeout=30.0) as client:
        return dict(client.post(f"{address}/graphql", json={"query": query}).json()["data"])


def beats(address: str) -> dict[str, float]:
    """Give the last heartbeat of each healthy daemon."""
    statuses = ask(address, HEALTH)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return {one["daemonType"]: one["lastHeartbeatTime"] for one in statuses if one["healthy"] and one["lastHeartbeatTime"]}


@contextmanager
def up(workspace: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    said = workspace / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "pipeline.cli", "up", "--port", "0"], cwd=ROOT, stdout=out, stderr=out)
    try:
        yield process, said
    finally:
        process.kill()
        process.wait()


@pytest.mark.alone
def test_it_serves_mends_itself_and_stops_without_leaving_anything(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(workspace)
    monkeypatch.delenv("LINNAEUS_DAGSTER_STATE", raising=False)
    (workspace / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    place = Place(workspace / ".linnaeus")
    with up(workspace) as (process, said):
        wait_for(lambda: "Dagster is up on " in said.read_text(encoding="utf-8") or process.poll() is not None, "the start")
        record = place.read()
        assert record is not None, said.read_text(encoding="utf-8")
        children = psutil.Process(process.pid).children(recursive=True)
        assert {node["assetKey"]["path"][0] for node in ask(record.address, ASSETS)["assetNodes"]} == {"tiny"}
        assert ask(record.address, HEALTH)["version"]
        first = wait_for(lambda: beats(record.address), "a heartbeat")

        with pytest.raises(SupervisionError, match="runs already"):
            place.take()

        (daemon,) = psutil.Process(record.parts["daemon"]).children()
        daemon.send_signal(signal.SIGKILL)
        wait_for(lambda: "daemon was ended by signal 9" in said.read_text(encoding="utf-8"), "the news of its death")
        wait_for(lambda: (now := place.read()) is not None and now.parts["daemon"] != record.parts["daemon"], "its next start")
        killed = time.time()
        wait_for(lambda: max(beats(record.address).values()) > max(killed, *first.values()), "a heartbeat of the new one")

        children += psutil.Process(process.pid).children(recursive=True)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(BUSY) == 0, said.read_text(encoding="utf-8")
        assert time.monotonic() - begun < 10.0
    wait_for(lambda: not [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE], "the end of all processes", 5.0)
    assert said.read_text(encoding="utf-8").splitlines()[-1] == "Stopped"
    assert not place.is_taken()
    assert {path.name for path in place.logs.iterdir()} == {"up.log", "code-server.log", "webserver.log", "daemon.log"}
    assert "Started Dagster code proxy server" in (place.logs / "code-server.log").read_text(encoding="utf-8")


@pytest.fixture
def home(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DAGSTER_HOME", "LINNAEUS_DAGSTER_STATE", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, os.environ.get(name, str(workspace / ".linnaeus" / "dagster")))  # the command sets them: put them back
    return workspace


def test_check_says_that_nothing_runs_and_what_to_do(home: Path) -> None:
    result = typer.testing.CliRunner().invoke(app, ["up", "--check", "--json"])
    assert json.loads(result.stdout) == [{"what": "up", "good": False, "detail": f"not running on {home / '.linnaeus'}: start it with `linnaeus up`"}]
    assert isinstance(result.exception, SupervisionError)


def test_check_names_the_parts_that_do_not_answer(home: Path) -> None:
    from pipeline.supervision import PlaceRecord, how_it_lives

    place = Place(home / ".linnaeus")
    lock = place.take()
    place.write(PlaceRecord(os.getpid(), "http://127.0.0.1:9", 9, "now"))
    found = {what: good for what, good, _ in how_it_lives(place)}
    lock.release()
    assert found == {"up": True, "code server": False, "web server": False, "daemon": False}


def test_a_taken_port_is_told_before_anything_starts(home: Path) -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        result = typer.testing.CliRunner().invoke(app, ["up", "--port", str(held.getsockname()[1])])
    assert isinstance(result.exception, SupervisionError)
    assert "Name another with --port or --host." in str(result.exception)
    assert not Place(home / ".linnaeus").is_taken()
