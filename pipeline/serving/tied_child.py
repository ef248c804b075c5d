"""Run a command, and kill it with all its children once the parent process goes.

Run as `python -m pipeline.serving.tied_child COMMAND ...`; `servers.VllmServer` does, because vLLM starts workers of its
own that outlive it when it is killed. All of them are in one process group, which this process leads: a keeper that finds
this process killed can still end the others, and the command itself goes with it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

from pipeline.serving.parent_watch import die_with_parent, when_parent_dies

__all__ = ["main"]

GRACE_SECONDS = 10.0
POLL_SECONDS = 0.2


def main() -> None:
    """Run the command in this process's own group and exit with its status, as a shell gives it."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    when_parent_dies(stopping.set)
    while child.poll() is None and not stopping.wait(POLL_SECONDS):
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what follows is meant for the others of the group
    os.killpg(0, signal.SIGTERM)
    if child.returncode is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
        os.killpg(0, signal.SIGKILL)
    sys.exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


if __name__ == "__main__":
    main()
