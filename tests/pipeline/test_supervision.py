"""Parts are restarted, given up and stopped, and none outlives its supervisor."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SupervisionError
from pipeline.serving.processes import child_environment
from pipeline.supervision import Deaths, Part, Patience, Place, PlaceRecord, Supervisor, Told, told_to_stop, write_workspace_file
from pipeline.supervision.addresses import is_loopback, port_for, url_of
from pipeline.supervision.logs import PartLog, is_important

SOON = 20.0  # seconds, on a machine that is busy
QUICK = Patience(first_pause=0.05, longest_pause=0.2, most_at_once=3)


class Supervised:
    """A supervisor in a thread, and what it told."""

    def __init__(self, parts: Sequence[Part], folder: Path, *, patience: Patience = QUICK, stop_seconds: float = 5.0) -> None:
        self.told, self.lines, self.started = Told(), list[str](), list[dict[str, int]]()
        self.up = threading.Event()
        self.error: SupervisionError | None = None
        self._supervisor = Supervisor(
            parts, logs=folder / "logs", folder=folder, environment=child_environment(), tell=self.lines.append,
            on_start=lambda groups: self.started.append(dict(groups)), patience=patience, stop_seconds=stop_seconds,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._supervisor.run(self.told, all_up=self.up.set)
        except SupervisionError as error:
            self.error = error

    def end(self) -> float:
        """Wait for its end, having told it to stop; give the seconds that took."""
        begun = time.monotonic()
        self.told.tell()
        self._thread.join(SOON)
        return time.monotonic() - begun

    def wait(self) -> None:
        """Wait until it ends by itself."""
        self._thread.join(SOON)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def supervised(*parts: Part, folder: Path, **options: float) -> Iterator[Supervised]:
    one = Supervised(parts, folder, **options)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        one.end()


def shell(name: str, script: str, ready: Callable[[], bool] = lambda: True, ready_seconds: float = SOON) -> Part:
    return Part(name, ["/bin/sh", "-c", script], ready=ready, ready_seconds=ready_seconds)


def wait_until(holds: Callable[[], bool], seconds: float = SOON) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_part_that_is_killed_starts_again_and_the_others_go_on(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with supervised(shell("one", f"echo $$ >> {one}; exec sleep 99"), shell("other", f"echo $$ >> {other}; exec sleep 99"), folder=tmp_path) as run:
        wait_until(lambda: len(lines_of(one)) == len(lines_of(other)) == 1)
        os.kill(int(lines_of(one)[0]), signal.SIGKILL)
        wait_until(lambda: len(lines_of(one)) == 2)
        assert len(lines_of(other)) == 1
        assert [line.partition(" after ")[0] for line in run.lines] == ["one was ended by signal 9"]
        assert "started again in 0.05 s" in run.lines[0]
        assert set(run.started[-1]) == {"one", "other"}
        assert run.started[-1]["one"] != run.started[0]["one"]


def test_a_part_that_dies_at_once_again_and_again_is_given_up_with_its_last_lines(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    good = shell("good", f"echo $$ > {pid}; exec sleep 99", ready=pid.exists)
    with supervised(good, shell("bad", "echo no such module >&2; exit 3"), folder=tmp_path) as run:
        run.wait()
    assert str(run.error).startswith("bad ended with status 3 after ")
    assert "3 times in a row right after its start: it is given up." in str(run.error)
    assert str(run.error).splitlines()[-1] == "  no such module"
    assert len([line for line in run.lines if line.startswith("bad ended with status 3")]) == 2
    assert is_gone(int(lines_of(pid)[0])), "the part that was well is stopped too"


def test_a_part_is_started_when_those_before_it_answer(tmp_path: Path) -> None:
    answer, second = tmp_path / "answer", tmp_path / "second"
    with supervised(shell("first", "exec sleep 99", ready=answer.exists), shell("second", f"echo > {second}; exec sleep 99"), folder=tmp_path) as run:
        wait_until(lambda: len(run.started) == 1)
        time.sleep(0.5)
        assert not second.exists()
        assert not run.up.is_set()
        answer.touch()
        assert run.up.wait(SOON)
        wait_until(second.exists)


def test_a_part_that_never_answers_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    with supervised(shell("mute", "echo waiting for nobody; exec sleep 99", ready=lambda: False, ready_seconds=2.0), folder=tmp_path) as run:
        run.wait()
    assert str(run.error).startswith("mute did not answer within 2 s. The last lines of ")
    assert "  waiting for nobody" in str(run.error)


def test_a_stop_lets_parts_finish_and_kills_those_that_do_not(tmp_path: Path) -> None:
    bye, ready, deaf = tmp_path / "bye", tmp_path / "ready", tmp_path / "deaf"
    polite = f"trap 'sleep 0.3; echo bye > {bye}; exit 0' TERM; echo > {ready}; while :; do sleep 0.05; done"
    stubborn = f"trap '' TERM; echo $$ > {deaf}; while :; do sleep 0.05; done"
    with supervised(shell("polite", polite), shell("stubborn", stubborn), folder=tmp_path, stop_seconds=3.0) as run:
        wait_until(lambda: ready.exists() and lines_of(deaf) != [])
        assert run.end() < 8.0
    assert bye.exists()
    assert is_gone(int(lines_of(deaf)[0]))
    assert run.lines == ["1 of 2 did not end in time and was killed"]


def test_being_told_twice_waits_for_nobody(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    with supervised(shell("stubborn", f"trap '' TERM; echo $$ > {deaf}; sleep 99; sleep 99"), folder=tmp_path, stop_seconds=60.0) as run:
        wait_until(lambda: lines_of(deaf) != [])
        run.told.tell()
        assert run.end() < 5.0
    wait_until(lambda: is_gone(int(lines_of(deaf)[0])))


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = f"""
from pathlib import Path
from pipeline.serving.processes import child_environment
from pipeline.supervision import Part, Supervisor, Told
script = "echo $$ >> {pids}; sleep 98 & echo $! >> {pids}; wait"
parts = [Part(name, ["/bin/sh", "-c", script]) for name in ("one", "two")]
here = Path({str(tmp_path)!r})
Supervisor(parts, logs=here / "logs", folder=here, environment=child_environment(), tell=print).run(Told())
"""
    process = subprocess.Popen([sys.executable, "-c", program], env=child_environment())
    wait_until(lambda: len(lines_of(pids)) == 4)
    process.kill()
    process.wait()
    wait_until(lambda: all(is_gone(int(pid)) for pid in lines_of(pids)))


def test_only_one_holds_the_place_of_a_state_folder(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert not place.is_taken()
    lock = place.take()
    place.write(PlaceRecord(4711, "http://127.0.0.1:3000", 4266, "2026-11-26 09:00:00", {"daemon": 4712}))
    assert place.is_taken()
    with pytest.raises(SupervisionError, match=r"runs already on .*Process 4711 runs it since 2026-11-26 09:00:00 on http://127.0.0.1:3000"):
        Place(tmp_path).take()
    assert Place(tmp_path / "other").take() is not None
    lock.release()
    place.take().release()


def test_a_start_waits_for_the_parts_of_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.take().release()
    left = subprocess.Popen(["sleep", "1"], start_new_session=True)
    place.write(PlaceRecord(1, "http://127.0.0.1:1", 1, "", {"daemon": left.pid}))
    reaper = threading.Thread(target=left.wait)
    reaper.start()
    begun = time.monotonic()
    place.wait_for_leftovers()
    assert time.monotonic() - begun > 0.5
    reaper.join()
    assert left.returncode == 0
    assert place.read() is None


def test_a_damaged_note_counts_as_none(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.take().release()
    (place.folder / "up.json").write_text('{"pid": 1', encoding="utf-8")
    assert place.read() is None
    place.wait_for_leftovers()


def test_signals_are_counted_and_handlers_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with told_to_stop() as told:
        assert not told.stop
        os.kill(os.getpid(), signal.SIGTERM)
        assert (told.stop, told.hurry) == (True, False)
        os.kill(os.getpid(), signal.SIGINT)
        assert told.hurry
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_hangup_that_nohup_has_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with told_to_stop() as told:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not told.stop
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@settings(max_examples=40)
@given(st.lists(st.floats(0.0, 1000.0), max_size=30))
def test_pauses_grow_while_deaths_go_on_and_stay_within_bounds(ran: list[float]) -> None:
    patience, deaths, before = Patience(), Deaths(), 0.0
    for seconds in ran:
        deaths = patience.after(deaths, seconds)
        pause = patience.pause(deaths)
        assert patience.first_pause <= pause <= patience.longest_pause
        assert pause >= before or seconds >= patience.sound_seconds
        assert not (patience.is_spent(deaths) and seconds >= patience.at_once_seconds)
        before = pause


@settings(max_examples=40)
@given(st.lists(st.floats(0.0, 1000.0), max_size=30))
def test_a_part_is_given_up_after_so_many_deaths_at_once_in_a_row_and_never_before(ran: list[float]) -> None:
    patience, deaths, in_row = Patience(), Deaths(), 0
    for seconds in ran:
        deaths = patience.after(deaths, seconds)
        in_row = in_row + 1 if seconds < patience.at_once_seconds else 0
        assert patience.is_spent(deaths) == (in_row >= patience.most_at_once)


def test_logs_rotate_lose_their_colours_and_show_what_matters(tmp_path: Path) -> None:
    shown: list[str] = []
    log = PartLog(tmp_path / "logs" / "daemon.log", name="daemon", tell=shown.append, file_bytes=1000, kept=2)
    for number in range(100):
        log.write(f"\x1b[32m2026-11-26 09:52:51 +0000 - dagster.daemon - INFO - look {number}\x1b[0m\n")
    log.write("2026-11-26 09:52:51 +0000 - dagster.daemon - ERROR - it broke\n")
    log.close()
    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert files == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(path.stat().st_size <= 1000 for path in (tmp_path / "logs").iterdir())
    assert "\x1b" not in (tmp_path / "logs" / "daemon.log").read_text(encoding="utf-8")
    assert shown == ["daemon | 2026-11-26 09:52:51 +0000 - dagster.daemon - ERROR - it broke"]
    assert log.tail().splitlines()[-1].endswith("it broke")


@pytest.mark.parametrize(
    ("line", "matters"),
    [
        ("2026-11-26 - dagster - WARNING - slow", True), ("Traceback (most recent call last):", True), ("ValueError: bad", True),
        ("dagster._core.errors.DagsterInvariantViolationError: no", True), ("Left out: projects/a.yaml has 1 mistake:", True),
        ("2026-11-26 - dagster - INFO - no Errors here", False), ("  File \"x.py\", line 3", False), ("", False),
    ],
)  # fmt: skip
def test_warnings_and_errors_matter(line: str, matters: bool) -> None:
    assert is_important(line) == matters


def test_addresses(tmp_path: Path) -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "10.0.0.1", "box")] == [True] * 3 + [False] * 3
    assert (url_of("0.0.0.0", 1), url_of("::", 2), url_of("box", 3)) == ("http://127.0.0.1:1", "http://[::1]:2", "http://box:3")
    port = port_for("127.0.0.1", 0)
    assert port_for("127.0.0.1", port) == port
    write_workspace_file(tmp_path / "workspace.yaml", port)
    assert f"port: {port}" in (tmp_path / "workspace.yaml").read_text(encoding="utf-8")


def test_a_port_that_is_taken_is_told() -> None:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with pytest.raises(SupervisionError, match=rf"Cannot listen on port {port} of 127.0.0.1: .* Name another with --port or --host\."):
            port_for("127.0.0.1", port)
