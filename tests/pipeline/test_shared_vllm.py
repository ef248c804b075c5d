"""A vLLM that several processes share, with a program in its place: no process of it is left, and what ends it is told."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.errors import EngineError
from pipeline.serving.engines import VllmServer
from pipeline.serving.locks import is_locked
from tests.sharing import LINGER, engine_settings, lives, stand_in_command, wait_for

STAND_IN = """
import http.server, os, subprocess, sys
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(os.environ["STAND_IN_NOTE"], "w").write(f"{os.getpid()} {child.pid}")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Healthy).serve_forever()
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test servers of its own, and see that none is left at its end."""
    monkeypatch.setenv("LINNAEUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LINNAEUS_SERVER_LINGER", str(LINGER))
    monkeypatch.setenv("LINNAEUS_THREADS", "1")
    yield tmp_path / "cache"
    wait_for(lambda: not any(is_locked(lock) for lock in (tmp_path / "cache").glob("servers/*/*.lock")))


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Put a program in the place of the Python that has vLLM; gives the pids of it and its child."""
    program, note = tmp_path / "stand_in.py", tmp_path / "note"
    program.write_text(STAND_IN)
    stand_in_command(tmp_path, monkeypatch, f'exec "{sys.executable}" "{program}" "$@"')
    monkeypatch.setenv("STAND_IN_NOTE", str(note))
    return lambda: [int(pid) for pid in note.read_text().split()]


@pytest.mark.parametrize("killed", ["keeper", "wrapper", "server", "user"])
def test_no_process_of_a_vllm_is_left_whoever_is_killed(stand_in: Callable[[], list[int]], killed: str) -> None:
    server = VllmServer(engine_settings(kind="vllm", model="m"))
    server.start()
    record, pids = server.folder.read(), stand_in()
    assert record is not None
    assert server.pid == record.server_pid
    assert all(psutil.pid_exists(pid) for pid in pids)
    if killed == "user":
        server.stop()
    else:
        os.kill({"keeper": record.keeper_pid, "wrapper": record.server_pid, "server": pids[0]}[killed], signal.SIGKILL)
    for pid in [*pids, record.server_pid, record.keeper_pid]:
        wait_for(lambda pid=pid: not lives(pid))
    server.stop()


def test_a_server_killed_while_starting_is_short_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_command(tmp_path, monkeypatch, "kill -9 $$")
    with pytest.raises(EngineError, match=r"signal 9.*memory.*engine\.model.*engine\.context_tokens.*engine\.concurrency"):
        VllmServer(engine_settings(kind="vllm", model="m")).start()


def test_vllm_is_told_of_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_command(tmp_path, monkeypatch, 'echo "$@"; exit 3')
    settings = engine_settings(kind="vllm", model="m", tensor_parallel=2, data_parallel=4, arguments=["--dtype", "half"])
    with pytest.raises(EngineError, match=r"--tensor-parallel-size 2 --data-parallel-size 4 --dtype half"):
        VllmServer(settings).start()
