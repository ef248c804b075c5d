"""Writes calls to the ledger beside the asking: each is noted at once, and many are recorded together.

A note costs microseconds and survives `kill -9`. A record is a transaction, which takes the same time whatever it holds,
and beside an embedded model that time is the model's: so there is one for every few dozen calls, or every few seconds, and
never for more than a tenth of the time.
"""

import threading
import time

from pipeline.call_records import Call
from pipeline.serving.contract import Ledger

__all__ = ["Recorder"]

TOGETHER = 64  # calls that are worth a transaction
LATEST_SECONDS = 5.0  # after which fewer are
REST = 9.0  # time between two transactions, in multiples of what the last one took
MOST_WAITING = 512  # calls not yet recorded from which the asking waits
MOST_NOTES = 20_000  # from which noting waits for recording, so that the notes can be thrown away


class Recorder:
    """A thread that records what it is given; its errors are raised where calls are given or waited for."""

    def __init__(self, ledger: Ledger) -> None:
        """Start the thread with the first call."""
        self._ledger = ledger
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._waiting: list[Call] = []
        self._given = self._recorded = self._notes = 0
        self._hurry = self._ended = False
        self._error: BaseException | None = None

    def put(self, call: Call) -> None:
        """Note a call and have it recorded; from any thread."""
        with self._changed:
            self._ledger.note(call)
            self._waiting.append(call)
            self._given += 1
            self._notes += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="linnaeus-ledger")
                self._thread.start()
            if len(self._waiting) >= TOGETHER:
                self._changed.notify_all()

    def check(self) -> None:
        """Raise what went wrong with the recording, and wait where it has fallen far behind."""
        if self._error is not None or self._given - self._recorded > MOST_WAITING:
            self._wait_for(self._given - MOST_WAITING // 2)

    def flush(self) -> None:
        """Wait until all that was given is recorded."""
        self._wait_for(self._given)

    def close(self) -> None:
        """Record the rest and end the thread."""
        try:
            self.flush()
        finally:
            with self._changed:
                thread, self._thread, self._ended = self._thread, None, True
                self._changed.notify_all()
            if thread is not None:
                thread.join()
            self._ended = False
            self._ledger.close()

    def _wait_for(self, count: int) -> None:
        with self._changed:
            while self._recorded < count and self._error is None:
                self._hurry = True
                self._changed.notify_all()
                self._changed.wait(1.0)
            self._hurry = False
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        rest = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._hurry or self._ended, rest)
                self._changed.wait_for(lambda: self._hurry or self._ended or len(self._waiting) >= TOGETHER, LATEST_SECONDS)
                batch, self._waiting = self._waiting, []
                if not batch:
                    if self._ended:
                        return
                    self._changed.wait_for(lambda: self._waiting or self._ended, LATEST_SECONDS)
                    continue
                if self._notes > MOST_NOTES:
                    rest = self._record(batch)
                    continue
            rest = self._record(batch)

    def _record(self, batch: list[Call]) -> float:
        """Record a batch, and say how long to rest after it."""
        began = time.monotonic()
        try:
            if self._error is None:
                self._ledger.record(batch)
        except BaseException as error:  # the asking thread raises it
            self._error = error
        with self._changed:
            self._recorded += len(batch)
            if not self._waiting and self._error is None:
                self._ledger.clear_notes()
                self._notes = 0
            self._changed.notify_all()
        return REST * (time.monotonic() - began)
