"""Writes calls to the ledger beside the asking, soon enough that a killed process loses next to nothing.

A write takes a fixed time whatever it holds, and beside an embedded model that time is the model's. So the next one begins
when three calls wait, or half a percent of those of the run, and at the latest when writing has taken no more than a
fortieth of the time: at a few calls a second they are written by threes, at a thousand a second hundreds together.
"""

import queue
import threading
import time

from pipeline.records import Call
from pipeline.serving.contract import Ledger

__all__ = ["Recorder"]

REST = 39.0  # time between two writes, in multiples of what the last one took
FEW = 3
LOST = 200  # a killed process is to lose one in so many calls at most, beside those in flight
MOST_WAITING = 512  # calls not yet written from which the asking waits for the writing


class Recorder:
    """A thread that writes what it is given; its errors are raised where calls are given or waited for."""

    def __init__(self, ledger: Ledger) -> None:
        """Start the thread with the first call."""
        self._ledger = ledger
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Condition()
        self._given = self._written = 0
        self._due = threading.Event()
        self._error: BaseException | None = None

    def put(self, call: Call) -> None:
        """Give a call to be written; from any thread."""
        with self._lock:
            self._given += 1
            if self._given - self._written >= max(FEW, self._written // LOST):
                self._due.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, daemon=True, name="linnaeus-ledger")
                self._thread.start()
        self._calls.put(call)

    def check(self) -> None:
        """Raise what went wrong with the writing, and wait where it has fallen far behind."""
        if self._error is not None or self._given - self._written > MOST_WAITING:
            self._wait_for(self._given - MOST_WAITING // 2)

    def flush(self) -> None:
        """Wait until all that was given is written."""
        self._wait_for(self._given)

    def close(self) -> None:
        """Write the rest and end the thread."""
        try:
            self.flush()
        finally:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._calls.put(None)
                thread.join()

    def _wait_for(self, count: int) -> None:
        with self._lock:
            while self._written < count and self._error is None:
                self._due.set()
                self._lock.wait(0.05)
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        while True:
            batch = [call] if (call := self._calls.get()) is not None else []
            ended = not batch
            while not ended and not self._calls.empty():
                following = self._calls.get()
                ended = following is None
                if following is not None:
                    batch.append(following)
            self._due.clear()
            began = time.monotonic()
            try:
                if batch and self._error is None:
                    self._ledger.record(batch)
            except BaseException as error:  # the asking thread raises it
                self._error = error
            with self._lock:
                self._written += len(batch)
                self._lock.notify_all()
            if ended:
                return
            self._due.wait(REST * (time.monotonic() - began))
