"""One start of a part: a process group that goes with us however we go, and a thread that reads what it says."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.serving.processes import python_module
from pipeline.supervision.logs import PartLog
from pipeline.supervision.parts import Part

__all__ = ["REST_SECONDS", "Running", "stop_all"]

LOOK_SECONDS = 0.05
REST_SECONDS = 5.0  # for what a part that died has started itself
READ_SECONDS = 2.0  # to read what a part said last


class Running:
    """A part that was started.

    The command runs below `serving.tied_child`, which ends the whole group when we are killed.
    """

    def __init__(self, part: Part, log: PartLog, *, folder: Path, environment: Mapping[str, str]) -> None:
        """Start it in the folder, with this environment."""
        self._process = subprocess.Popen(
            python_module("pipeline.serving.tied_child", *part.command), cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        self.pid = self._process.pid
        self.started = time.monotonic()
        log.write(f"--- {time.strftime('%Y-%m-%dT%H:%M:%S')} started as process group {self.pid} ---")
        self._reader = threading.Thread(target=self._read, args=(log,), daemon=True, name=f"{part.name}-log")
        self._reader.start()

    @property
    def lives(self) -> bool:
        """Say whether it runs."""
        return self._process.poll() is None

    @property
    def how_it_ended(self) -> str:
        """Say with which status or signal it ended."""
        status = self._process.returncode
        number = -status if status < 0 else status - 128
        if status < 0 or number in set(signal.Signals):
            return f"was ended by signal {number}"
        return f"ended with status {status}"

    @property
    def seconds(self) -> float:
        """Give how long ago it was started."""
        return time.monotonic() - self.started

    def terminate(self) -> None:
        """Tell it to end; `tied_child` tells its group."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def clear(self, seconds: float = 0.0, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Wait so long for the rest of its group to end, then kill what is left and read its last lines."""
        end = time.monotonic() + seconds
        with contextlib.suppress(ProcessLookupError, PermissionError):  # there is none left, or only dead ones (macOS)
            while time.monotonic() < end and not hurry():
                self._process.poll()
                os.killpg(self.pid, 0)
                time.sleep(LOOK_SECONDS)
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._reader.join(READ_SECONDS)

    def _read(self, log: PartLog) -> None:
        with self._process.stdout or contextlib.nullcontext(()) as lines:
            for line in lines:
                log.write(line)


def stop_all(running: Sequence[Running], *, seconds: float, hurry: Callable[[], bool]) -> int:
    """Tell all to end, wait so long, and kill the rest.

    :param hurry: whether to wait no longer.
    :return: how many had to be killed.
    """
    for one in running:
        one.terminate()
    end = time.monotonic() + seconds
    while any(one.lives for one in running) and time.monotonic() < end and not hurry():
        time.sleep(LOOK_SECONDS)
    killed = sum(one.lives for one in running)
    for one in running:
        one.clear()
    return killed
