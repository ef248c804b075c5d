"""Tie a child process to its parent's life, even where the parent is killed with -9.

The parent holds the other end of the child's standard input; it closes when the parent dies. Where a sibling inherited
that end, the change of the parent's id still tells.
"""

import os
import select
import sys
import threading
from collections.abc import Callable

__all__ = ["when_parent_dies"]


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
