"""What all tests share: no socket leaves this machine, and a tiny project with a scripted model."""

import contextlib
import ipaddress
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from pipeline.settings import Project, load_project
from pipeline.stages import Session, opening_sessions
from pipeline.store import Store, schema
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, knowing_reply, run_all, tiny_session, write_project
from tests.turns import turn
from tests.workspaces import as_workspace

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


@cache
def turns_folder() -> "tempfile.TemporaryDirectory[str]":
    """Give the folder by which the processes of this run take turns; it goes with the process that made it."""
    return tempfile.TemporaryDirectory(prefix="linnaeus-turns-")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist where turns are taken."""
    node.workerinput["turns"] = turns_folder().name


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let tests marked `alone` have the machine to themselves; outside the time limit of a test, which waiting is no part of."""
    given = getattr(item.config, "workerinput", None)
    alone = item.get_closest_marker("alone") is not None
    with turn(Path(given["turns"]), alone=alone) if given else contextlib.nullcontext():
        return (yield)


@pytest.fixture(autouse=True)
def refuse_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, real: Callable[..., Any] = real) -> Any:
            if not is_local(address):
                raise AssertionError(f"A test tried to reach {address}; tests use loopback only.")
            return real(self, address)

        monkeypatch.setattr(socket.socket, name, guarded)


@pytest.fixture(scope="session", autouse=True)
def new_stores_begin_as_copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let a new store begin as a copy of one without rows, because applying all migrations takes a third of a second each time."""
    empty, create, latest = Store.open(tmp_path_factory.mktemp("empty")).path, Store.create, schema.MIGRATIONS

    def copied(store: Store) -> None:
        with contextlib.suppress(OSError):
            store.folder.mkdir(parents=True, exist_ok=True)
        if store.folder.is_dir() and not store.path.exists() and latest == schema.MIGRATIONS:
            temporary = store.path.with_name(f".{store.path.name}.{secrets.token_hex(4)}")
            shutil.copyfile(empty, temporary)
            with contextlib.suppress(FileExistsError):
                os.link(temporary, store.path)
            temporary.unlink()
        create(store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "create", copied)
        yield


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
    return as_workspace(tmp_path, monkeypatch)


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


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `main` as the installed command does, and give its exit status, standard output and standard error."""
    from pipeline.cli import main  # takes a second, which few tests need

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["linnaeus", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return call
