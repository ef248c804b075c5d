"""Start a server as a child process, wait until it answers, and stop it."""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipeline.errors import EngineError

__all__ = ["ChildProcess", "ChildSpec", "free_port", "log_path", "python_module", "start_child"]

LOG_LINES = 15
POLL_SECONDS = 0.2
STATUS_SECONDS = 10.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class ChildSpec:
    """What to run, how to see that it is ready, and what to tell a person if it is not."""

    title: str
    command: Sequence[str]
    ready_url: str
    log: Path
    start_seconds: float
    remedy: str


class ChildProcess:
    """A running child that ends with this process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Stop the process at the end of this one, whatever happens."""
        self._process = process
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        """Give the process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Say whether the child still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop the child and wait for its end; once is enough, more does no harm."""
        atexit.unregister(self.stop)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # what it waits for
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port(wanted: int | None) -> int:
    """Give the wanted port, or any free one; EngineError where the wanted one is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            message = f"Port {wanted} on 127.0.0.1 is in use. Free it, set engine.port to another, or leave it out to get a free one."
            raise EngineError(message) from error
        return int(probe.getsockname()[1])


def log_path(folder: Path | None, name: str) -> Path:
    """Give the log file of a server: in the folder, or in a new temporary one."""
    chosen = folder or Path(tempfile.mkdtemp(prefix="linnaeus-"))
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen / f"{name}.log"


def start_child(spec: ChildSpec, on_status: Callable[[str], None]) -> ChildProcess:
    """Start a server and wait until it answers.

    :raises EngineError: it ended, or did not answer in time; with the last lines of its log.
    """
    with spec.log.open("wb") as log:
        process = subprocess.Popen(list(spec.command), stdin=subprocess.PIPE, stdout=log, stderr=log, env=_environment())
    child = ChildProcess(process)
    try:
        _wait_until_ready(spec, child, on_status)
    except BaseException:  # an interrupt too must not leave a server behind
        child.stop()
        raise
    return child


def _wait_until_ready(spec: ChildSpec, child: ChildProcess, on_status: Callable[[str], None]) -> None:
    started = told = time.monotonic()
    on_status(f"starting {spec.title}; log in {spec.log}")
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while True:
            if not child.alive():
                raise EngineError(f"{spec.title} ended while starting. {_last_lines(spec.log)}\n{spec.remedy}")
            with contextlib.suppress(httpx.HTTPError):
                if client.get(spec.ready_url).status_code == httpx.codes.OK:
                    on_status(f"{spec.title} is up after {time.monotonic() - started:.0f} s")
                    return
            now = time.monotonic()
            if now - started > spec.start_seconds:
                waited = f"did not answer within {spec.start_seconds:.0f} s (engine.start_seconds)"
                raise EngineError(f"{spec.title} {waited}. {_last_lines(spec.log)}\n{spec.remedy}")
            if now - told > STATUS_SECONDS:
                on_status(f"{spec.title} has been loading for {now - started:.0f} s")
                told = now
            time.sleep(POLL_SECONDS)


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    return f"The last lines of {log}:\n" + "\n".join(f"  {line}" for line in lines)


def _environment() -> dict[str, str]:
    """Let the child import this package from wherever the parent runs."""
    source = str(Path(__file__).resolve().parents[2])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


def python_module(name: str) -> list[str]:
    """Give the command that runs a module with this interpreter."""
    return [sys.executable, "-m", name]
