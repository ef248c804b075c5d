"""A store of ten million documents: what is missing, how labels are counted, what a published copy costs; seconds and peak memory.

`store.py [--documents 10000000] [--missing 0.01] [--work FOLDER] [--parts missing counts publish]`. The rows are made by SQL inside the
database: a text, a vector of 16 numbers and a prediction each, but for the share that is missing. Each part runs in a process of its own.
"""

import argparse
import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from pipeline.store import Store
from pipeline.store.instances import MEMORY
from pipeline.store.publishing import copy_file, put_in_place, temporary_beside

PARTS = ("missing", "unread", "counts", "publish")
CATEGORIES = 20
DOCUMENTS = """
insert into documents (doc_id, text_hash, text, source, metadata, order_key, words, active, first_seen, last_seen)
select 'd' || i, 'text:' || md5(i::varchar), 'ticket ' || i || ': the parcel came ' || i % 97 || ' days late and nobody answers',
    'tickets.jsonl:' || i, '{}', 'order:' || md5('1 ' || i), 9, true, now()::timestamp, now()::timestamp
from range(?, ?) as r(i)
"""
VECTORS = """
insert into embeddings (text_hash, embedder_id, vector)
select 'text:' || md5(i::varchar), 'e', list_transform(range(16), lambda n: ((i * (n + 1)) % 97)::float) from range(?, ?) as r(i)
"""
PREDICTIONS = """
insert into predictions (text_hash, classifier_id, category_id, probability)
select 'text:' || md5(i::varchar), 'student:1', 'cat:' || i % ?, 0.5 + (i % 50) / 100 from range(?, ?) as r(i) where i % 1000 >= ?
"""
POINTERS = """
insert into current values ('taxonomy_id', 'tax:1'), ('classifier_id', 'student:1');
insert into classifiers (classifier_id, taxonomy_id, annotator_id, embedder_id, path, sha256, settings, metrics, trained_on)
values ('student:1', 'tax:1', 'annotator:1', 'e', 'x', 'x', '{}', '{}', 100);
insert into categories (taxonomy_id, category_id, name, description, status, position, members)
select 'tax:1', 'cat:' || n, 'Category ' || n, 'x', 'active', n, [] from range(20) as r(n);
"""
STEP = 1_000_000


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long a block takes, and the processor time in it, which says more where others are at work beside."""
    began, used = time.monotonic(), time.process_time()
    yield
    print(f"{what:68} {time.monotonic() - began:7.2f} s, processor {time.process_time() - used:6.2f} s", flush=True)


def make(folder: Path, documents: int, missing: float) -> None:
    """Fill a new store."""
    store = Store.open(folder)
    with store.connected("write") as connection:
        connection.execute(POINTERS)
        for start in range(0, documents, STEP):
            end = min(documents, start + STEP)
            connection.execute(DOCUMENTS, [start, end])
            connection.execute(VECTORS, [start, end])
            connection.execute(PREDICTIONS, [CATEGORIES, start, end, int(missing * 1000)])


def missing(folder: Path) -> None:
    """Ask what lacks a prediction, as the stage `predictions` and its check do."""
    store = Store.open(folder)
    with timed("count of the texts without a prediction"):
        found = store.count_pending("predictions", {"classifier_id": "student:1"})
    with timed(f"the same {found:,} texts with their vectors, page by page"):
        pages = sum(len(hashes) for hashes, _ in store.iter_unpredicted("student:1", "e", 32_768))
    assert pages == found, (pages, found)
    with timed("counts of all tables, with the distinct texts"):
        store.counts()


def unread(folder: Path) -> None:
    """Ask the same of a student that has labelled nothing, so that everything is missing."""
    store = Store.open(folder)
    with timed("count of the texts without a prediction, all of them"):
        found = store.count_pending("predictions", {"classifier_id": "student:2"})
    pages = store.iter_unpredicted("student:2", "e", 32_768)
    with timed("until the first page of them"):
        rows = len(next(pages)[0])
    with timed("all other pages"):
        rows += sum(len(hashes) for hashes, _ in pages)
    assert rows == found, (rows, found)


def counts(folder: Path) -> None:
    """Count labels by the view of the warehouse, and by that of the published copy."""
    store = Store.open(folder)
    with timed("label_counts added up in the warehouse"):
        expected = store.rows("select * from label_counts")
    with timed("publishing"):
        store.publish()
    with timed("opening the published copy and reading label_counts, with plain DuckDB"):
        with duckdb.connect(str(store.published), read_only=True) as connection:
            found = connection.execute("select * from label_counts").fetchall()
    assert [row[:3] for row in found] == [row[:3] for row in expected]


def publish(folder: Path) -> None:
    """Copy the file in several ways, in turns."""
    store = Store.open(folder)
    copy = store.published.with_name("other.duckdb")
    print(f"warehouse {store.path.stat().st_size / 2**30:.2f} GB")
    for _ in range(2):
        with timed("copy_file, as published, without the flush to disk"), temporary_beside(copy) as temporary:
            copy_file(store.path, temporary)
        with timed("copy_file with the flush to disk"), temporary_beside(copy) as temporary:
            copy_file(store.path, temporary)
            put_in_place(temporary, copy)
        with timed("bringing an older copy up to date, comparing every block of 256 KiB"):
            _compare(store.path, copy)
    copy.unlink()


def _compare(source: Path, target: Path) -> int:
    changed = 0
    with source.open("rb") as one, target.open("r+b") as other:
        while block := one.read(2**18):
            if other.read(2**18) != block:
                changed += 1
                other.seek(-len(block), os.SEEK_CUR)
                other.write(block)
    return changed


RUN: dict[str, Callable[[Path], None]] = {"missing": missing, "unread": unread, "counts": counts, "publish": publish}


def main() -> None:
    """Make the store, then run each part in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--missing", type=float, default=0.01)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--work", type=Path, help="folder of the store; one that is there already is used again")
    parser.add_argument("--one", choices=PARTS, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.one:
        RUN[wanted.one](wanted.work)
        print(f"{'peak memory':68} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:7.2f} GB")
        return
    made = wanted.work or Path(tempfile.mkdtemp())
    try:
        if not (made / "warehouse.duckdb").exists():
            with timed(f"making {wanted.documents:,} documents"):
                make(made, wanted.documents, wanted.missing)
        for part in wanted.parts:
            print(f"{part} (memory of the database {os.environ.get(MEMORY) or 'as usual'})")
            subprocess.run([sys.executable, __file__, "--one", part, "--work", str(made)], check=True)
    finally:
        if wanted.work is None:
            shutil.rmtree(made)


if __name__ == "__main__":
    main()
