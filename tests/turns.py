"""Tests of several processes side by side, but for those that have to be alone on the machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["turn"]


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Wait until a test may begin, and keep others from beginning as long as one is or waits to be alone.

    :param folder: one for all processes of a run.
    """
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    folder.mkdir(exist_ok=True)  # whoever tidies up the folder of temporary files ends no run of tests
    with (folder / "gate").open("a") as gate, (folder / "turn").open("a") as held:
        fcntl.flock(gate, kind)
        fcntl.flock(held, kind)
        if not alone:
            fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield
        finally:  # by name, because a forked child may still have the files open
            fcntl.flock(held, fcntl.LOCK_UN)
            fcntl.flock(gate, fcntl.LOCK_UN)
