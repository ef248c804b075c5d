"""Progress on a terminal: bars with rate and remaining time; elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

__all__ = ["ConsoleProgress"]

T = TypeVar("T")
LINE_SECONDS = 15.0


class _Rate(ProgressColumn):
    """Shows how many a second."""

    def render(self, task: Task) -> Text:
        """Show the rate since the start of the task."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="cyan")


class ConsoleProgress:
    """Shows progress on standard error, so that standard output stays a result."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def track(self, items: Iterable[T], *, total: int, what: str, size: Callable[[T], int]) -> Iterator[T]:
        """Pass items on and show how many of `total` are done (0: not known)."""
        return self._bars(items, total, what, size) if self.console.is_terminal else self._lines(items, total, what, size)

    def status(self, message: str) -> None:
        """Show what is going on."""
        self.console.print(f"  {message}", style="dim", highlight=False)

    def _bars(self, items: Iterable[T], total: int, what: str, size: Callable[[T], int]) -> Iterator[T]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:>14}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self.console, transient=True) as bars:
            task = bars.add_task(what, total=total or None)
            for item in items:
                yield item
                bars.advance(task, size(item))

    def _lines(self, items: Iterable[T], total: int, what: str, size: Callable[[T], int]) -> Iterator[T]:
        began = said = time.monotonic()
        done = 0
        for item in items:
            yield item
            done += size(item)
            now = time.monotonic()
            if now - said >= LINE_SECONDS:
                said = now
                rate = done / (now - began)
                left = f", about {max(0, total - done) / rate:.0f} s left" if total and rate else ""
                self.console.print(f"  {what}: {done}{f' of {total}' if total else ''}, {rate:.1f}/s{left}", highlight=False)
