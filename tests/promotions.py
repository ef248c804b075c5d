"""What a promotion says and decides, read back."""

from collections.abc import Callable, Iterator
from typing import Any

from pipeline.settings import Project
from pipeline.stages import Session
from pipeline.student_records import Promotion

__all__ = [
    "Heard",
    "MakeProject",
    "decisions",
    "said",
]

MakeProject = Callable[..., Project]


class Heard:
    """Keeps what it is told; implements `Progress`."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def track(self, items: Any, *, total: int, what: str, size: Any) -> Iterator[Any]:
        yield from items

    def status(self, message: str) -> None:
        self.said.append(message)


def said(session: Session) -> list[str]:
    assert isinstance(session.progress, Heard)
    return session.progress.said


def decisions(session: Session) -> list[Promotion]:
    return [one for one, _ in session.store.promotions()]
