"""A server that several processes share: it outlives any of them that is killed, is restarted, and leaves no orphan."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
import pytest

from pipeline.errors import EngineError
from pipeline.serving import joining, processes
from pipeline.serving.engines import EmbeddedServer, make_servers
from pipeline.serving.locks import Lock, is_locked
from pipeline.serving.prompt_cache import share_prompt_cache
from pipeline.settings import EngineSettings
from pipeline.weights import ModelFile, fetch_weights, resolve_model
from tests.sharing import LINGER, TINY, engine_settings, given_settings, wait_for

ROOT = Path(__file__).resolve().parents[2]
USER = """
import json, signal, sys
from pathlib import Path
from pipeline.errors import EngineError
from pipeline.serving.servers import EmbeddedServer
from pipeline.settings import EngineSettings
from pipeline.weights import ModelFile
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has taken from what it runs in the background
path, identity, settings = json.loads(sys.argv[1])
server = EmbeddedServer(EngineSettings.model_validate(settings), ModelFile(Path(path), identity))
for line in sys.stdin:
    done = getattr(server, line.strip())()
    sys.stdout.write(json.dumps([done, server.pid]) + "\\n")
    sys.stdout.flush()
"""


class User:
    """Another process that uses a server, told what to do by one word a line."""

    def __init__(self, model: ModelFile, **settings: object) -> None:
        given = json.dumps([str(model.path), model.identity, given_settings(**settings)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def hear(self) -> tuple[Any, int]:
        assert self.process.stdout is not None
        done, pid = json.loads(self.process.stdout.readline())
        return done, pid

    def do(self, word: str) -> tuple[Any, int]:
        self.tell(word)
        return self.hear()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test servers of its own, and see that none is left at its end."""
    monkeypatch.setenv("LINNAEUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LINNAEUS_SERVER_LINGER", str(LINGER))
    monkeypatch.setenv("LINNAEUS_THREADS", "1")
    yield tmp_path / "cache"
    wait_for(lambda: not any(is_locked(lock) for lock in (tmp_path / "cache").glob("servers/*/*.lock")))


@pytest.fixture
def serve(model: ModelFile) -> Iterator[Callable[..., EmbeddedServer]]:
    """Make servers of the tiny model, or of another; the test's leases on them end with it."""
    made: list[EmbeddedServer] = []

    def make(
        other: ModelFile | None = None, *, log_folder: Path | None = None, on_status: Callable[[str], None] | None = None, **given: object
    ) -> EmbeddedServer:
        made.append(EmbeddedServer(engine_settings(**given), other or model, log_folder=log_folder, on_status=on_status))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="module")
def model() -> ModelFile:
    fetch_weights(TINY)
    return resolve_model(TINY)


def test_two_processes_that_start_at_once_share_one_server(model: ModelFile) -> None:
    with User(model) as one, User(model) as other:
        one.tell("start")
        other.tell("start")
        (address, pid), (same_address, same_pid) = one.hear(), other.hear()
        assert (address, pid) == (same_address, same_pid)
        one.process.kill()
        one.process.wait()
        time.sleep(LINGER + 1.0)  # a keeper looks twice a second
        assert other.do("alive") == (True, pid)
        other.process.kill()
        other.process.wait()
        wait_for(lambda: not psutil.pid_exists(pid))


def test_ctrl_c_of_one_user_is_not_felt_by_the_other(model: ModelFile) -> None:
    with User(model) as one, User(model) as other:
        _, pid = one.do("start")
        assert other.do("start")[1] == pid
        os.killpg(one.process.pid, signal.SIGINT)
        one.process.wait()
        time.sleep(LINGER + 1.0)  # a keeper looks twice a second
        assert other.do("alive") == (True, pid)


def test_a_killed_server_is_restarted_by_one_and_rejoined_by_the_other(serve: Callable[..., EmbeddedServer]) -> None:
    one, other = serve(), serve()
    one.start(), other.start()
    first = one.pid
    assert first is not None
    assert first == other.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not one.alive())
    address = one.start()
    assert one.pid != first
    assert not other.alive()  # it is another server's user until it joins
    assert (other.start(), other.pid) == (address, one.pid)


def test_a_killed_keeper_takes_its_server_with_it_and_the_next_start_works(serve: Callable[..., EmbeddedServer]) -> None:
    server = serve()
    server.start()
    record, pid = server.folder.read(), server.pid
    assert record is not None
    assert pid is not None
    os.kill(record.keeper_pid, signal.SIGKILL)
    assert not server.alive()
    wait_for(lambda: not psutil.pid_exists(pid))
    server.start()
    assert server.alive()
    server.stop()


def test_a_server_that_hangs_is_replaced(serve: Callable[..., EmbeddedServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "HUNG_SECONDS", 0.5)
    monkeypatch.setattr(processes, "ANSWER_SECONDS", 0.5)
    server = serve()
    server.start()
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    assert not server.alive()
    server.start()
    assert server.alive()
    assert server.pid != first


def test_a_start_by_another_process_is_waited_for(serve: Callable[..., EmbeddedServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "END_SECONDS", 0.2)
    told: list[str] = []
    server = serve(start_seconds=0.1, on_status=told.append)
    server.folder.make()
    lock = Lock.take(server.folder.start_lock)
    assert lock is not None
    with pytest.raises(EngineError, match=r"another process that starts the server took more than 0 s.*start\.lock"):
        server.start()
    lock.release()
    assert any("waiting for another process that starts the server" in line for line in told)


def test_a_user_killed_while_the_server_starts_leaves_nothing(serve: Callable[..., EmbeddedServer], model: ModelFile, own_cache: Path) -> None:
    with User(model) as one:
        one.tell("start")
        wait_for(lambda: bool(list(own_cache.glob("servers/*/server.json"))))
        one.process.kill()
        one.process.wait()
    server = serve()
    server.start()  # joins what the other had begun
    server.stop()


def test_a_lease_does_not_pass_to_a_forked_child(tmp_path: Path) -> None:
    path = tmp_path / "users.lock"
    lock, second = Lock.take(path, shared=True), Lock.take(path, shared=True)
    assert lock is not None
    assert second is not None
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    forked = os.fork()
    if forked == 0:
        time.sleep(60)
        os._exit(0)
    try:
        lock.release()
        assert Lock.take(path) is None  # the second one holds it still
        second.release()
        wait_for(lambda: (alone := Lock.take(path)) is not None and alone.release() is None)
    finally:
        os.kill(forked, signal.SIGKILL)
        os.waitpid(forked, 0)
        child.kill()
        child.wait()


def test_a_failed_start_leaves_nothing_and_the_next_one_works(serve: Callable[..., EmbeddedServer], model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(model.path.read_bytes()[:5_000_000])
    server = serve(ModelFile(path, "one@1"), log_folder=tmp_path)
    with pytest.raises(EngineError, match=r"(?s)ended while starting.*corrupted or incomplete.*whole GGUF file"):
        server.start()
    assert not server.folder.kept()
    assert server.folder.read() is None
    assert not is_locked(server.folder.start_lock)
    assert "corrupted or incomplete" in (tmp_path / "embedded-server.log").read_text()
    path.write_bytes(model.path.read_bytes())
    server.start()
    assert server.alive()
    server.stop()


def test_what_determines_a_server_gives_it_a_folder_of_its_own(serve: Callable[..., EmbeddedServer], model: ModelFile) -> None:
    different: tuple[dict[str, object], ...] = ({}, {"context_tokens": 1024}, {"concurrency": 2}, {"port": 4321})
    servers = [serve(**given) for given in different]
    servers.append(serve(ModelFile(model.path, "another@1")))
    folders = [server.folder.path.name for server in servers]
    assert len(set(folders)) == len(folders)
    assert all(name.startswith(f"{socket.gethostname()}-") for name in folders)
    assert serve(attempts=7, concurrency=4).folder == serve().folder


def test_a_port_in_use_is_said_and_one_of_a_server_that_lingers_is_waited_for(serve: Callable[..., EmbeddedServer]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=rf"Port {port} .* in use"):
            serve(port=port).start()
    first, second = serve(port=port), serve(port=port, context_tokens=1024)
    first.start()
    first.stop()
    assert second.start() == f"http://127.0.0.1:{port}/v1"
    second.stop()


def test_a_shared_prompt_is_not_computed_again(serve: Callable[..., EmbeddedServer]) -> None:
    server = serve(context_tokens=2048)
    address = server.start()
    topics = " ".join(f"Category {number}: texts about subject {number} and nothing else." for number in range(12))
    assert _cached(address, topics, "a text about subject 3", id_slot=0) == 0
    assert share_prompt_cache(address, 0, 4)
    assert list(server.folder.slots.iterdir()) == []
    for slot in (1, 2, 3):
        assert _cached(address, topics, f"the number is {slot}", id_slot=slot) > 100
    assert _cached(address, topics, "wherever there is room") > 100
    assert not share_prompt_cache(address, 9, 4)
    assert not share_prompt_cache("http://127.0.0.1:9/v1", 0, 4)


def test_each_address_is_a_server() -> None:
    settings = EngineSettings.model_validate({"kind": "url", "model": "m", "base_url": ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"]})
    assert len(make_servers(settings)) == 2


def _cached(address: str, system: str, user: str, **further: object) -> int:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    body = {"messages": messages, "max_tokens": 2, "temperature": 0, **further}
    with httpx.Client(trust_env=False, timeout=60.0) as client:
        reply = client.post(f"{address}/chat/completions", json=body).raise_for_status().json()
    return int(reply["usage"]["prompt_tokens_details"]["cached_tokens"])
