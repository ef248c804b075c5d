"""Join the server that others of this machine use already, or start it, without a race between the two.

Whoever starts or joins holds `start.lock` meanwhile. The lease, which is `users.lock` shared, is taken before the server
is looked at, so that no keeper ends a server that has just been joined.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import EngineError
from pipeline.serving.locks import Lock, wait_for_lock
from pipeline.serving.processes import answers, child_environment, free_port, is_free, last_lines, python_module
from pipeline.serving.server_folder import ServerFolder, ServerRecord, server_folders

__all__ = ["Joined", "ServerPlan", "join_server"]

POLL_SECONDS = 0.1
STATUS_SECONDS = 10.0
END_SECONDS = 40.0  # a keeper gives its server 20 s to end
ORPHAN_SECONDS = 15.0  # a vLLM that lost its keeper takes 10 s
PROBE_SECONDS = 5.0  # others look at a lock for a moment
HUNG_SECONDS = 60.0  # without a sign of health from a server that had been up: far more than a full queue takes
KILLED = 128 + signal.SIGKILL


@dataclass(frozen=True)
class ServerPlan:
    """What to run on which port, and what to tell a person if it does not come up."""

    folder: ServerFolder
    title: str
    model: str
    command: Callable[[int], Sequence[str]]
    port: int | None
    start_seconds: float
    linger_seconds: float
    remedy: str


@dataclass(frozen=True)
class Joined:
    """A server that answers, and the lease that keeps it."""

    folder: ServerFolder
    record: ServerRecord
    lease: Lock

    def alive(self) -> bool:
        """Say whether this very server still answers; one started since in its place is another."""
        now = self.folder.read()
        return now is not None and now.generation == self.record.generation and self.folder.kept() and answers(self.record.address)

    def leave(self) -> None:
        """Give the lease up."""
        self.folder.touch()
        self.lease.release()


def join_server(plan: ServerPlan, on_status: Callable[[str], None]) -> Joined:
    """Take a lease on the server and give it once it answers, started here where nobody has.

    :raises EngineError: the port is taken, the server ended while starting, or it did not answer in time.
    """
    plan.folder.make()
    starting = _lock(plan.folder.start_lock, plan, "another process that starts the server", plan.start_seconds + END_SECONDS, on_status)
    try:
        lease = _lock(plan.folder.users_lock, plan, "the end of the server before", END_SECONDS, on_status, shared=True)
        try:
            plan.folder.touch()
            return Joined(plan.folder, _running_server(plan, on_status), lease)
        except BaseException:
            lease.release()
            raise
    finally:
        starting.release()


def _lock(path: Path, plan: ServerPlan, what: str, seconds: float, on_status: Callable[[str], None], *, shared: bool = False) -> Lock:
    tell = _Teller(f"{plan.title}: waiting for {what}", on_status)
    try:
        lock = wait_for_lock(path, shared=shared, seconds=seconds, on_wait=tell.at)
    except OSError as error:
        raise EngineError(f"{path} cannot be locked: {error}. Set LINNAEUS_CACHE to a folder on a local disk.") from error
    if lock is None:
        raise EngineError(f"{plan.title} cannot be had: {what} took more than {seconds:.0f} s. End the process that holds {path}.")
    return lock


def _running_server(plan: ServerPlan, on_status: Callable[[str], None]) -> ServerRecord:
    if plan.folder.kept():
        joined = _wait_until_ready(plan, f"joining {plan.title}", on_status)
        if joined is not None:
            return joined
    _wait_for_end(plan.folder)
    _wait_for_port(plan, on_status)
    port = free_port(plan.port)
    keeper = _start_keeper(plan, port)
    try:
        started = _wait_until_ready(plan, f"starting {plan.title}", on_status)
        if started is None:
            raise EngineError(_how_it_ended(plan, keeper))
    except BaseException:  # an interrupt too must not leave a server behind
        _end(plan.folder, keeper)
        raise
    return started


def _wait_until_ready(plan: ServerPlan, doing: str, on_status: Callable[[str], None]) -> ServerRecord | None:
    """Wait for the server that is kept; None where its keeper ends."""
    begun = time.monotonic()
    tell = _Teller(f"{doing}; log in {plan.folder.log}", on_status)
    while plan.folder.kept():
        record = plan.folder.read()
        if record is not None and record.ready:
            if answers(record.address):
                on_status(f"{plan.title} is up after {time.monotonic() - begun:.0f} s")
                return record
            if time.monotonic() - begun > HUNG_SECONDS:
                with contextlib.suppress(OSError):
                    os.killpg(record.server_pid, signal.SIGKILL)  # its keeper notices
        waited = time.monotonic() - begun
        if waited > plan.start_seconds:
            told = f"did not answer within {plan.start_seconds:g} s (engine.start_seconds)"
            raise EngineError(f"{plan.title} {told}. {last_lines(plan.folder.log)}\n{plan.remedy}")
        tell.at(waited)
        time.sleep(POLL_SECONDS)
    return None


def _wait_for_end(folder: ServerFolder) -> None:
    """Wait for a server whose keeper was killed: it is about to go, and until then holds its memory and its port."""
    record, end = folder.read(), time.monotonic() + ORPHAN_SECONDS
    with contextlib.suppress(OSError):  # no such group, or one of somebody else
        while record is not None and time.monotonic() < end:
            os.killpg(record.server_pid, 0)
            time.sleep(POLL_SECONDS)
    folder.forget()


def _wait_for_port(plan: ServerPlan, on_status: Callable[[str], None]) -> None:
    """Wait while another server of ours that nobody uses any more holds the port."""
    tell, end = _Teller(f"{plan.title}: waiting for another server to leave port {plan.port}", on_status), time.monotonic() + END_SECONDS
    while plan.port is not None and time.monotonic() < end and not is_free(plan.port):
        if not any(_may_leave(folder, plan.port) for folder in server_folders()):
            return
        tell.at(0.0)
        time.sleep(POLL_SECONDS)


def _may_leave(folder: ServerFolder, port: int) -> bool:
    """Say whether a server of ours that nobody uses any more lingers on a port, or is about to end."""
    if not folder.kept():
        return False
    record = folder.read()
    if record is None:  # ending, which takes it a moment
        return True
    if record.port != port:
        return False
    shared = Lock.take(folder.users_lock, shared=True)
    if shared is None:  # its keeper has it alone, to end the server
        return True
    shared.release()
    alone = Lock.take(folder.users_lock)
    if alone is not None:
        alone.release()
    return alone is not None


def _start_keeper(plan: ServerPlan, port: int) -> "subprocess.Popen[bytes]":
    lock = wait_for_lock(plan.folder.keeper_lock, seconds=PROBE_SECONDS, on_wait=lambda _: None)
    if lock is None:
        raise EngineError(f"{plan.folder.keeper_lock} is held by a process that keeps no server. End that process.")
    address = f"http://127.0.0.1:{port}"
    options = {
        "--folder": plan.folder.path, "--lock": lock.descriptor, "--generation": secrets.token_hex(8), "--port": port,
        "--address": address, "--model": plan.model, "--linger": plan.linger_seconds,
    }  # fmt: skip
    command = python_module("pipeline.serving.keeper", *(str(part) for pair in options.items() for part in pair), "--", *plan.command(port))
    plan.folder.set_log_aside()
    try:
        with plan.folder.log.open("ab") as log:
            keeper = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=child_environment(),
                start_new_session=True, pass_fds=[lock.descriptor],
            )  # fmt: skip
    finally:
        lock.release()  # the keeper's copy stays
    threading.Thread(target=keeper.wait, daemon=True, name="keeper-wait").start()  # else it would stay a zombie for as long as we live
    return keeper


def _how_it_ended(plan: ServerPlan, keeper: "subprocess.Popen[bytes]") -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        keeper.wait(END_SECONDS)
    if keeper.returncode == KILLED:
        reason = "was killed while starting (signal 9): very likely memory ran out"
        remedy = "Take a smaller engine.model, less engine.context_tokens or less engine.concurrency."
        return f"{plan.title} {reason}. {remedy}\n{last_lines(plan.folder.log)}"
    return f"{plan.title} ended while starting. {last_lines(plan.folder.log)}\n{plan.remedy}"


def _end(folder: ServerFolder, keeper: "subprocess.Popen[bytes]") -> None:
    """End a keeper whose server did not come up."""
    keeper.terminate()
    try:
        keeper.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    folder.forget()


class _Teller:
    """Tells a status at once, and how long it has lasted now and then."""

    def __init__(self, text: str, on_status: Callable[[str], None]) -> None:
        self._text = text
        self._on_status = on_status
        self._next = 0.0

    def at(self, waited: float) -> None:
        if waited >= self._next:
            self._on_status(self._text if self._next == 0.0 else f"{self._text} ({waited:.0f} s)")
            self._next = waited + STATUS_SECONDS
