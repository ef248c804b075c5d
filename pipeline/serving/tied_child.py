"""Run a command, and kill it with all its children once the parent process goes.

Run as `python -m pipeline.serving.tied_child COMMAND ...`; `engines.VllmServer` does, because vLLM starts workers of its
own that outlive it when it is killed.
"""

import contextlib
import os
import signal
import subprocess
import sys

from pipeline.serving.parent_watch import when_parent_dies

__all__ = ["main"]

GRACE_SECONDS = 10.0


def main() -> None:
    """Run the command in a process group of its own and exit with its status."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_SECONDS)
        os._exit(1)

    when_parent_dies(stop)
    signal.signal(signal.SIGTERM, lambda *_: stop())
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
