"""What all tests share: no socket leaves this machine, and a tiny project with a scripted model."""

import ipaddress
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from pipeline.settings import Project, load_project
from pipeline.stages import Session, opening_sessions
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, knowing_reply, run_all, tiny_session, write_project

# `CI=1` makes the examples the same each time (hypothesis sees to that); `--hypothesis-profile deep` looks harder.
hypothesis.settings.register_profile("deep", max_examples=3000, deadline=None)
Finished = tuple[Project, Path]


def is_local(address: Any) -> bool:
    """Say whether an address is a path, a name of this machine or a loopback address."""
    if not isinstance(address, tuple) or address[0] == "localhost":
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def refuse_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, real: Callable[..., Any] = real) -> Any:
            if not is_local(address):
                raise AssertionError(f"A test tried to reach {address}; tests use loopback only.")
            return real(self, address)

        monkeypatch.setattr(socket.socket, name, guarded)


@pytest.fixture
def chat() -> ScriptedChat:
    return ScriptedChat(knowing_reply)


@pytest.fixture
def embedder() -> TinyEmbedder:
    return TinyEmbedder()


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Write a project into tmp_path/projects and load it."""
    return lambda *args, **changes: load_project(write_project(tmp_path, *args, **changes))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make tmp_path the workspace of everything that looks for one."""
    monkeypatch.setenv("LINNAEUS_HOME", str(tmp_path))
    monkeypatch.setenv("LINNAEUS_STATE", str(tmp_path / ".linnaeus"))
    monkeypatch.setenv("LINNAEUS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "projects").mkdir(exist_ok=True)
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A project after one whole run, to read from and to copy, not to change."""
    root = tmp_path_factory.mktemp("finished")
    project = load_project(write_project(root))
    with tiny_session(project, root / ".linnaeus" / "projects" / "tiny") as session:
        session.store.start_run(session.run_id, project.name)
        run_all(session)
        session.store.end_run(session.run_id, status="done", seconds=1.0)
        session.store.publish()
    return project, root


@pytest.fixture
def finished_session(finished: Finished) -> Iterator[Session]:
    project, root = finished
    with tiny_session(project, root / ".linnaeus" / "projects" / "tiny", run_id="reader") as session:
        yield session


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Path:
    """Give a copy of the finished run's store, to change."""
    shutil.copytree(finished[1] / ".linnaeus" / "projects" / "tiny", tmp_path / ".linnaeus" / "projects" / "tiny")
    return tmp_path / ".linnaeus" / "projects" / "tiny"


@pytest.fixture
def at_home(copied: Path, workspace: Path) -> Iterator[Path]:
    """A workspace with the finished tiny project, whose sessions may embed but ask no model."""
    write_project(workspace)

    def opener(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
        return Session(project, run_id=run_id, progress=progress, chat=ScriptedChat([]), embedder=TinyEmbedder())

    with opening_sessions(opener):
        yield workspace


@pytest.fixture(scope="session")
def a_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A loaded project for steps that need one."""
    return load_project(write_project(tmp_path_factory.mktemp("a_project")))
