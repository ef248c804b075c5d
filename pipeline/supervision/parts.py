"""What is kept running: a name and a command, and how to tell that it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Part", "at_once"]


def at_once() -> bool:
    """Say that a part needs no waiting for."""
    return True


@dataclass(frozen=True)
class Part:
    """A command that is to run all the time.

    :param ready: whether it answers; the parts after it are started once it does.
    :param ready_seconds: how long it may take to answer the first time.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], bool] = at_once
    ready_seconds: float = 180.0
