"""A scripted server for each test, and no long pauses between tries."""

from collections.abc import Iterator

import pytest

from pipeline.serving import asking, replicas, sending
from pipeline.testing import MemoryLedger
from pipeline.testing_server import ScriptedServer, serve_script
from tests.wire import Setup


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve_script() as scripted:
        yield scripted


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def setup(server: ScriptedServer, ledger: MemoryLedger) -> Setup:
    return Setup(server, ledger)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(sending, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(replicas, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(asking, "GOODBYE_SECONDS", 2.0)
