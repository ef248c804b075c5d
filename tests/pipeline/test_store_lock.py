"""Who finds a store held waits, says for whom, and goes on."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import StoreLockedError
from pipeline.store import Store, lockfile

HOLD = """
import pathlib, sys
from pipeline.store import Store
with getattr(Store(pathlib.Path(sys.argv[1])), sys.argv[2])():
    print("held", flush=True)
    sys.stdin.readline()
"""
STRANGER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def holding(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the store until it is told to go on."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def let_go(process: subprocess.Popen[str], after: float) -> threading.Timer:
    timer = threading.Timer(after, lambda: process.communicate("\n"))
    timer.start()
    return timer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockfile, "FIRST_WORD", 0.1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("script", "mode"), [(HOLD, "writer"), (HOLD, "reader"), (STRANGER, "")], ids=["writer", "reader", "stranger"])
def test_a_store_that_is_held_is_waited_for_by_name(script: str, mode: str, tmp_path: Path) -> None:
    said: list[str] = []
    store = Store.open(tmp_path, tell=said.append)
    arguments = [tmp_path, mode] if mode else [store.path]
    with holding(script, *arguments) as process:
        timer = let_go(process, after=0.5)
        store.mark_current(key="written")
        timer.join()
    assert store.current("key") == "written"
    waiting, going_on = said
    assert re.search(rf"Waiting for \S+ since 0 s: process {process.pid} \(.*python.*\)", waiting)
    assert re.search(r"is free after 0 s, going on|is free after 1 s, going on", going_on)


@pytest.mark.parametrize("mode", ["writer", "reader"])
def test_the_error_after_too_long_names_the_holder(mode: str, tmp_path: Path) -> None:
    Store.open(tmp_path)
    with holding(HOLD, tmp_path, mode) as process, pytest.raises(StoreLockedError) as raised:
        Store(tmp_path, lock_seconds=0.1).mark_current(key="x")
    assert re.match(rf"Process {process.pid} \(\S*python\S* -c .*\) held \S*warehouse\.lock for more than 0\.1 s; end it, or wait", str(raised.value))


def test_a_writer_signs_the_lock_file_and_a_killed_one_blames_nobody_else(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    signed = tmp_path / "warehouse.lock"
    assert signed.read_text() == ""
    with holding(HOLD, tmp_path, "writer") as process:
        assert re.fullmatch(rf"process {process.pid} on \S+ since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d: .*python.*\n", signed.read_text())
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert str(process.pid) in signed.read_text(), "a kill leaves its line"
    with holding(HOLD, tmp_path, "reader") as reader, pytest.raises(StoreLockedError, match=rf"^Process {reader.pid} "):
        Store(tmp_path, lock_seconds=0.1).mark_current(key="x")
    store.mark_current(key="x")
    assert signed.read_text() == ""


def test_where_the_kernel_does_not_say_who_holds_it_the_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path)
    monkeypatch.setattr(lockfile, "_pids", lambda handle: [])
    with holding(HOLD, tmp_path, "writer") as process, pytest.raises(StoreLockedError, match=rf"^Process {process.pid} on \S+ since .*: .*python"):
        Store(tmp_path, lock_seconds=0.1).mark_current(key="x")


def test_a_reader_does_not_wait_for_readers(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with holding(HOLD, tmp_path, "reader"):
        began = time.monotonic()
        assert store.current("key") is None
        assert time.monotonic() - began < 1
