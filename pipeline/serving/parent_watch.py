"""Tie a child process to its parent's life, even where the parent is killed with -9.

The parent holds the other end of the child's standard input; it closes when the parent dies. Where a sibling inherited
that end, the change of the parent's id still tells. Linux can also kill the child itself, even one that hangs.
"""

import ctypes
import os
import select
import signal
import sys
import threading
from collections.abc import Callable

__all__ = ["die_with_parent", "when_parent_dies"]

PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None  # looked up here: a child that was just forked must not load anything


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent goes; does nothing where the kernel cannot."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def when_parent_dies(act: Callable[[], None]) -> None:
    """Call `act` from a thread once the parent has gone or has closed our standard input."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            readable, _, _ = select.select([sys.stdin.fileno()], [], [], 1.0)
            if readable and not os.read(sys.stdin.fileno(), 4096):
                break
        act()

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
