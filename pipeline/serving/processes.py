"""What it takes to start a server as a child process: a port, a command, an environment, and what its log says."""

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from pipeline.errors import EngineError

__all__ = ["answers", "child_environment", "free_port", "is_free", "last_lines", "python_module"]

LOG_LINES = 15
ANSWER_SECONDS = 5.0


def answers(address: str) -> bool:
    """Say whether a server on this machine is healthy."""
    with httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client:
        try:
            return client.get(f"{address}/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def child_environment() -> dict[str, str]:
    """Let a child import this package from wherever the parent runs."""
    source = str(Path(__file__).resolve().parents[2])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


def free_port(wanted: int | None) -> int:
    """Give the wanted port, or any free one; EngineError where the wanted one is taken."""
    if wanted is not None and not is_free(wanted):
        raise EngineError(f"Port {wanted} on 127.0.0.1 is in use. Free it, set engine.port to another, or leave it out to get a free one.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted or 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Say whether a port of 127.0.0.1 can be served on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def last_lines(log: Path) -> str:
    """Quote the end of a log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        return f"There is no log {log}."
    return f"The last lines of {log}:\n" + "\n".join(f"  {line}" for line in lines)


def python_module(name: str, *arguments: str) -> Sequence[str]:
    """Give the command that runs a module with this interpreter."""
    return [sys.executable, "-m", name, *arguments]
