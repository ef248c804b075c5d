"""The ledger is written beside the asking: soon, in groups, and never silently not."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.call_records import Call
from pipeline.serving.recorder import MOST_WAITING, Recorder
from pipeline.testing import MemoryLedger

CALL = Call("k", "r", "p", "m", "q", 1, 1, 0, 1, 1.0, "stop", "ok", None, "{}", None)


class SlowLedger(MemoryLedger):
    """Takes some time for a write."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.sizes: list[int] = []

    def record(self, calls: Sequence[Call]) -> None:
        time.sleep(self.seconds)
        self.sizes.append(len(calls))
        super().record(calls)


def test_a_lone_call_is_written_at_once() -> None:
    ledger = MemoryLedger()
    recorder = Recorder(ledger)
    recorder.put(CALL)
    end = time.monotonic() + 5
    while not ledger.calls and time.monotonic() < end:
        time.sleep(0.005)
    assert ledger.calls == [CALL]
    recorder.close()


def test_many_calls_are_written_together_and_in_order() -> None:
    ledger = SlowLedger(0.02)
    recorder = Recorder(ledger)
    given = [replace(CALL, call_key=str(number)) for number in range(300)]
    for call in given:
        recorder.put(call)
        recorder.check()
    recorder.flush()
    assert ledger.calls == given
    assert len(ledger.sizes) < 20
    recorder.close()


def test_the_asking_waits_where_the_writing_falls_far_behind() -> None:
    ledger = SlowLedger(0.05)
    recorder = Recorder(ledger)
    for number in range(3 * MOST_WAITING):
        recorder.put(replace(CALL, call_key=str(number)))
        recorder.check()
        assert number + 1 - len(ledger.calls) <= MOST_WAITING + 1
    recorder.close()
    assert len(ledger.calls) == 3 * MOST_WAITING


def test_what_cannot_be_written_is_raised_where_calls_are_made() -> None:
    class Full(MemoryLedger):
        def record(self, calls: Sequence[Call]) -> None:
            raise OSError("no space left")

    recorder = Recorder(Full())
    recorder.put(CALL)
    with pytest.raises(OSError, match="no space left"):
        recorder.flush()
    with pytest.raises(OSError, match="no space left"):
        recorder.close()
    assert not any(thread.name == "linnaeus-ledger" and thread.is_alive() for thread in threading.enumerate())


def test_nothing_to_write_starts_no_thread() -> None:
    recorder = Recorder(MemoryLedger())
    recorder.flush()
    recorder.close()
    assert not any(thread.name == "linnaeus-ledger" for thread in threading.enumerate())
