"""Progress in the event log of a Dagster run: how far a stage is, at most every ten seconds and at least that often while it works."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import dagster as dg

from pipeline.stages import Quiet, Session

__all__ = ["LogProgress", "telling"]

T = TypeVar("T")
EVERY, OBSERVED_EVERY = 10.0, 60.0  # seconds between two lines, and between two observations of the asset
MINUTE, HOUR = 60.0, 3600.0


@dataclass
class _Tracked:
    """Items that are being worked through; `total` is 0 where nobody knows it."""

    what: str
    total: int
    began: float
    done: int = 0

    def said(self, now: float) -> str:
        """Say how far it is, how fast, and how long the rest will take at that pace."""
        of = f" of {self.total:,} ({100 * self.done / self.total:.0f} %)" if self.total else ""
        rate = self.done / max(now - self.began, 1e-9)
        pace = f", {rate:.1f}/s" if self.done else f", none is done after {_duration(now - self.began)}"
        left = f", {_duration((self.total - self.done) / rate)} left" if self.done and self.total > self.done else ""
        return f"{self.what}: {self.done:,}{of}{pace}{left}"


class LogProgress:
    """Writes to the log of whatever step is under way; implements `Progress`.

    A thread speaks, so that a step is heard of while a single answer takes long. Between steps nothing is written.
    """

    def __init__(self, *, every: float = EVERY, observed_every: float = OBSERVED_EVERY) -> None:
        """Wait for the first step."""
        self._every, self._observed_every = every, observed_every
        self._lock = threading.Lock()
        self._tracked: list[_Tracked] = []
        self._status = ""

    def track(self, items: Iterable[T], *, total: int, what: str, size: Callable[[T], int]) -> Iterator[T]:
        """Pass items on, counting `size` of each towards `total`."""
        tracked = _Tracked(what, total, time.monotonic())
        with self._lock:
            self._tracked.append(tracked)
        try:
            for item in items:
                yield item
                tracked.done += size(item)
        finally:
            with self._lock, contextlib.suppress(ValueError):  # a generator may be closed long after its step
                self._tracked.remove(tracked)

    def status(self, message: str) -> None:
        """Say what is going on, with the next line."""
        with self._lock:
            self._status = message

    @contextlib.contextmanager
    def at(self, context: dg.AssetExecutionContext, tokens: Callable[[], int]) -> Iterator[None]:
        """Write to the log of a step, until the end of the block.

        :param tokens: gives those that the run has spent so far.
        """
        over = threading.Event()
        with self._lock:
            self._tracked, self._status = [], ""
        thread = threading.Thread(target=self._speak, args=(context, tokens, over), name=f"progress of {context.asset_key.path[-1]}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _speak(self, context: dg.AssetExecutionContext, tokens: Callable[[], int], over: threading.Event) -> None:
        began = observed = time.monotonic()
        while not over.wait(self._every):
            now, spent = time.monotonic(), tokens()
            said = self._said(now, began)
            context.log.info(f"{said}; {spent:,} tokens so far" if spent else said)
            if now - observed >= self._observed_every:
                observed = now
                context.log_event(dg.AssetObservation(context.asset_key, metadata=self._figures(now - began, spent)))

    def _said(self, now: float, began: float) -> str:
        with self._lock:
            said = [one.said(now) for one in self._tracked[-1:]]
            if self._status:
                said.append(self._status)
                self._status = "" if self._tracked else self._status  # said once, unless it is all there is to say
            if not self._tracked:
                said.append(f"at work for {_duration(now - began)}")
        return "; ".join(said)

    def _figures(self, seconds: float, spent: int) -> dict[str, Any]:
        with self._lock:
            last = self._tracked[-1] if self._tracked else None
        figures: dict[str, Any] = {"seconds": round(seconds, 1), "tokens": spent}
        return figures | ({"what": last.what, "done": last.done, "total": last.total} if last else {})


@contextlib.contextmanager
def telling(context: dg.AssetExecutionContext, session: Session) -> Iterator[None]:
    """Let a stage's progress be written to the log of its step, unless the session shows it elsewhere already."""
    if isinstance(session.progress, Quiet):
        session.progress = LogProgress()
    if not isinstance(session.progress, LogProgress):
        yield
        return
    _ = session.tokens  # read from the tables once, by this thread
    with session.progress.at(context, lambda: session.tokens):
        yield


def _duration(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.1f} min" if seconds < HOUR else f"{seconds / HOUR:.1f} h"
