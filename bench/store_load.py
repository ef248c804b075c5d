"""Eight steps write into one store at once while four readers poll the published tables; prints what the readers saw, second by second.

`store_load.py [--writers 8] [--rows 10000] [--batch 1000] [--readers 4] [--model-seconds 0.1]`. A reader is a plain DuckDB connection that
is opened for each look. Every batch is one transaction, so that a number of rows that is no multiple of it would be a torn state.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb

from pipeline.records import Label
from pipeline.store import Store

__all__ = ["Look", "Shown", "load"]

POLL_SECONDS = 0.05
PROCESSES = multiprocessing.get_context("spawn")
ROWS = """
select count(*), count(distinct text_hash), count(*) filter (where n % ? <> 0)
from labels join (select annotator_id, count(*) as n from labels group by annotator_id) using (annotator_id)
"""


@dataclass(frozen=True)
class Look:
    """One look of a reader: when, how many rows, how many of them twice or of half a batch; or the error that it met."""

    at: float
    rows: int
    wrong: int
    error: str | None = None


@dataclass(frozen=True)
class Shown:
    """What a load test showed."""

    expected: int
    rows: int
    seconds: float
    writes: Sequence[float]  # seconds of each, waiting for the lock included
    looks: Sequence[Sequence[Look]]  # by reader

    @property
    def errors(self) -> list[str]:
        """List what readers could not read."""
        return [look.error for one in self.looks for look in one if look.error is not None]

    @property
    def wrong(self) -> int:
        """Count the looks that saw half a batch, a row twice, or fewer rows than the look before."""
        fewer = sum(later.rows < earlier.rows for one in self.looks for earlier, later in pairwise(one))
        return fewer + sum(look.wrong > 0 for one in self.looks for look in one)

    @property
    def longest_gap(self) -> float:
        """Give the longest time between two looks of one reader that succeeded."""
        good = [[look.at for look in one if look.error is None] for one in self.looks]
        return max(later - earlier for one in good for earlier, later in pairwise(one))


def load(folder: Path, *, writers: int, rows: int, batch: int, readers: int, model_seconds: float) -> Shown:
    """Let processes write and read a store at once; it ends when the last row is written and every reader has looked once more."""
    store = Store.open(folder)
    stop, found, began = PROCESSES.Event(), PROCESSES.Queue(), time.time()
    reading = [PROCESSES.Process(target=_read, args=(store.published, batch, stop, found)) for _ in range(readers)]
    writing = [PROCESSES.Process(target=_write, args=(folder, number, rows, batch, model_seconds, found)) for number in range(writers)]
    for process in [*reading, *writing]:
        process.start()
    writes = [seconds for _ in writing for seconds in found.get()]
    for process in writing:
        process.join()
    seconds = time.time() - began
    stop.set()
    looks = [found.get() for _ in reading]
    for process in reading:
        process.join()
    failed = [process.exitcode for process in [*reading, *writing] if process.exitcode]
    assert not failed, f"processes ended with {failed}"
    return Shown(writers * rows, store.count("labels"), seconds, writes, looks)


def _write(folder: Path, number: int, rows: int, batch: int, model_seconds: float, found: Any) -> None:
    """Do as a stage does: ask a model with no lock held, save what it said, publish."""
    store, took = Store.open(folder), []
    for start in range(0, rows, batch):
        time.sleep(model_seconds)
        labels = [Label(f"text:{number}-{place}", "taxonomy:1", f"annotator:{number}", "cat:a", 0.5) for place in range(start, start + batch)]
        began = time.monotonic()
        store.save(labels)
        store.publish(at_once=False)
        took.append(time.monotonic() - began)
    store.publish()
    found.put(took)


def _read(published: Path, batch: int, stop: Event, found: Any) -> None:
    looks, last = list[Look](), False
    while not last:
        last = stop.is_set()
        looks.append(_look(published, batch))
        stop.wait(POLL_SECONDS)
    found.put(looks)


def _look(published: Path, batch: int) -> Look:
    try:
        with duckdb.connect(str(published), read_only=True) as connection:
            rows, distinct, torn = connection.execute(ROWS, [batch]).fetchall()[0]
    except duckdb.Error as error:
        return Look(time.time(), 0, 0, str(error))
    return Look(time.time(), rows, rows - distinct + torn)


def main() -> None:
    """Run the load test and print its log."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("writers", 8), ("rows", 10_000), ("batch", 1_000), ("readers", 4)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--model-seconds", type=float, default=0.1)
    wanted = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        shown = load(Path(folder), **wanted)
    began = min(one[0].at for one in shown.looks)
    for second in range(int(max(one[-1].at for one in shown.looks) - began) + 1):
        seen = [[look for look in one if second <= look.at - began < second + 1] for one in shown.looks]
        print(f"{second:3} s  looks {sum(map(len, seen)):4}  rows seen {' '.join(f'{one[-1].rows:7,}' if one else '      -' for one in seen)}")
    looks, writes = sum(map(len, shown.looks)), sorted(shown.writes)
    print(f"{shown.rows:,} of {shown.expected:,} rows in {shown.seconds:.1f} s by {wanted['writers']} processes")
    print(f"a write with its copy: median {writes[len(writes) // 2]:.2f} s, longest {writes[-1]:.2f} s, n {len(writes)}")
    print(f"{looks} looks by {wanted['readers']} readers: {len(shown.errors)} errors, {shown.wrong} wrong, longest gap {shown.longest_gap:.2f} s")


if __name__ == "__main__":
    main()
