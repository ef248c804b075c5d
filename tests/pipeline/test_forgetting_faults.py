"""Forgetting that is killed, or that has to wait, forgets all the same."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.ids import text_hash
from pipeline.records import Summary
from pipeline.stages.forgetting import find, forget, is_unfinished
from pipeline.store import Store
from pipeline.store.publishing import copy_file, put_in_place, temporary_beside
from tests.stored import MORNING, make_document

TEXTS = 20  # so few that DuckDB keeps them as they are; of more it would hide the bytes by packing them
ROOT = Path(__file__).parents[2]
SECRET = "my grandmother Agatha Quillfeather waits in Zwolle for the purple parcel, and nobody tells her where it is"
FORGETTING = """
import pathlib, sys
from pipeline.stages.forgetting import find, forget
from pipeline.store import Store
store = Store.open(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
forget(store, find(store, ids=["secret"]))
"""
HOLDING = """
import pathlib, sys, time
from pipeline.store import Store
store = Store.open(pathlib.Path(sys.argv[1]))
with store.writer() as connection:
    print("ready", flush=True)
    time.sleep(1.0)
    connection.execute("insert into current values ('held', 'until the end')")
"""


@contextmanager
def started(script: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a script until it says that it is ready, and wait for its end when the block ends."""
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "state")
    texts = [f"document number {number} about some order" for number in range(TEXTS)]
    store.save_documents([make_document(str(place), text) for place, text in enumerate(texts)], seed=1, seen_at=MORNING)
    store.save_documents([make_document("secret", SECRET)], seed=1, seen_at=MORNING)
    store.save([Summary(text_hash(text), "spec", text, "phrase", False) for text in [SECRET, *texts]])
    store.publish()
    return store


def holding(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes())


def test_the_call_after_one_that_was_killed_finishes(store: Store) -> None:
    unfinished = 0
    for wait in (0.0, 0.1):
        store.save_documents([make_document("secret", SECRET)], seed=1, seen_at=MORNING)
        store.save([Summary(text_hash(SECRET), "spec", SECRET, "phrase", False)])
        store.publish()
        assert holding(store.folder)
        with started(FORGETTING, store.folder) as child:
            while child.poll() is None and not is_unfinished(store):
                time.sleep(0.002)
            time.sleep(wait)
            child.send_signal(signal.SIGKILL)
        unfinished += is_unfinished(store)
        forget(store, find(store, ids=["secret"]), ids=["secret"])
        assert holding(store.folder) == []
        assert store.rows("select count(*) from documents") == [(TEXTS,)]
        assert store.query("select count(*) as n from summaries")[1] == [(TEXTS,)]
        assert not is_unfinished(store)
        forget(store, find(store, ids=["secret"]), ids=["secret"], returning=True)
    assert unfinished, "no call was killed before it was done, so that this test shows nothing"


def test_it_waits_for_a_writer_and_loses_nothing_of_it(store: Store) -> None:
    found = find(store, ids=["secret"])
    with started(HOLDING, store.folder):
        assert forget(store, found).erased is not None
    assert store.rows("select value from current where key = 'held'") == [("until the end",)]
    assert holding(store.folder) == []


def test_writers_that_wait_meanwhile_go_on_in_the_new_file(store: Store) -> None:
    with started(FORGETTING, store.folder):
        for number in range(5):
            store.save([Summary(f"text:{number}", "other", "s", "p", False)])
    assert store.rows("select count(*) from summaries where summary_spec = 'other'") == [(5,)]
    assert holding(store.folder) == []


def test_a_copy_of_before_that_somebody_is_about_to_publish_does_not_win(store: Store) -> None:
    copied = threading.Event()

    def publish_late() -> None:
        with temporary_beside(store.published) as temporary:
            copy_file(store.path, temporary)
            copied.set()
            time.sleep(2.0)
            put_in_place(temporary, store.published)

    thread = threading.Thread(target=publish_late)
    thread.start()
    copied.wait(30)
    forget(store, find(store, ids=["secret"]))
    thread.join()
    assert holding(store.folder) == []
