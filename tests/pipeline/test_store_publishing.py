"""The published copy: whole, made when there is something new, and in large stores with its labels counted."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import StoreError
from pipeline.store import Store, publishing, schema
from pipeline.store.instances import SPILLED, database_settings
from tests.stored import MORNING, make_document, make_taxonomy, save_texts

ROOT = Path(__file__).parents[2]
BESIDE = """
import pathlib, sys
from pipeline.errors import StoreLockedError
from pipeline.store import Store
store = Store(pathlib.Path(sys.argv[1]), lock_seconds=0.1)
try:
    store.mark_current(key="other")
except StoreLockedError:
    print(store.count("documents"), "and a writer waits")
"""
KILLED = """
import os, pathlib, signal, sys
from pipeline.store.publishing import temporary_beside
with temporary_beside(pathlib.Path(sys.argv[1])) as path:
    path.write_bytes(b"x")
    os.kill(os.getpid(), signal.SIGKILL)
"""
LABELLED = "select * from label_counts"


def comments(store: Store) -> list[tuple[str, str, str]]:
    with duckdb.connect(str(store.published), read_only=True) as connection:
        found = "select table_name, column_name, comment from duckdb_columns() where table_name in ('label_counts', 'counted_labels') order by all"
        return connection.execute(found).fetchall()


def labelled_store(folder: Path) -> Store:
    store = Store.open(folder)
    hashes = save_texts(store, "a", "b", "c", "d")
    store.save([make_taxonomy()])
    store.mark_current(taxonomy_id="taxonomy:1", classifier_id="student:1")
    with store.writer() as connection:
        connection.execute("insert into classifiers values ('student:1', 'taxonomy:1', 'a', 'e', 'p', 's', '{}', '{}', 1)")
    store.save_predictions("student:1", hashes[:3], ["cat:a", "cat:a", "cat:c"], [0.5, 0.75, 1.0])  # type: ignore[arg-type]
    return store


def test_what_was_not_written_is_not_copied_again(tmp_path: Path) -> None:
    store = labelled_store(tmp_path)
    store.publish()
    first = store.published.stat().st_ino
    store.publish()
    assert store.published.stat().st_ino == first, "nothing was written since"
    store.mark_current(key="x")
    store.publish()
    assert store.query("select value from current where key = 'key'")[1] == [("x",)]


def test_another_file_in_its_place_is_published_though_it_is_as_old(tmp_path: Path) -> None:
    store, other = labelled_store(tmp_path / "one"), Store.open(tmp_path / "other")
    store.publish()
    other.mark_current(key="other")
    as_old = store.path.stat().st_mtime_ns
    shutil.copyfile(other.path, store.path)
    os.utime(store.path, ns=(as_old, as_old))
    store.publish()
    assert store.query("select count(*) from documents")[1] == [(0,)]


def test_every_write_changes_the_headers_that_tell_whether_a_copy_is_one(tmp_path: Path) -> None:
    store, seen = Store.open(tmp_path), set()
    for number in range(5):
        store.mark_current(key=str(number))
        seen.add(store.path.read_bytes()[: publishing.HEADERS])
    assert len(seen) == 5


def test_a_copy_that_takes_long_is_put_off_until_the_run_has_gone_on_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = labelled_store(tmp_path)
    store.publish()
    store.mark_current(key="new")
    new = "select count(*) from current where key = 'key'"
    monkeypatch.setattr(publishing, "FAST", 0.0)
    monkeypatch.setattr(publishing, "SHARE_OF_TIME", 1e-9)
    store.publish(at_once=False)
    assert store.query(new)[1] == [(0,)], "too soon after the last one"
    monkeypatch.setattr(publishing, "SHARE_OF_TIME", 1e9)
    store.publish(at_once=False)
    assert store.query(new)[1] == [(1,)]
    store.mark_current(key=None)
    monkeypatch.setattr(publishing, "SHARE_OF_TIME", 1e-9)
    store.publish()
    assert store.query(new)[1] == [(0,)], "at the end of a run it is made whatever it takes"


def test_the_copy_of_a_large_store_has_its_labels_counted_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = labelled_store(tmp_path)
    store.publish()
    usual, said = store.query(LABELLED), comments(store)
    assert len(usual[1]) == 4
    monkeypatch.setattr(Store, "large", 0)
    store.mark_current(key="x")
    store.publish()
    assert store.query(LABELLED) == usual
    assert store.query("select sql like '%FROM counted_labels%' from duckdb_views() where view_name = 'label_counts'")[1] == [(True,)]
    assert comments(store) == sorted([(table, column, comment) for _, column, comment in said for table in ("label_counts", "counted_labels")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.duckdb", "warehouse.duckdb", "warehouse.lock"]


def test_a_counted_copy_in_place_of_a_damaged_warehouse_counts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = labelled_store(tmp_path)
    monkeypatch.setattr(Store, "large", 0)
    store.publish()
    shutil.copyfile(store.published, store.path)
    again = Store.open(tmp_path)
    again.save_documents([make_document("d9", "a")], seed=1, seen_at=MORNING)
    assert sum(row[2] for row in again.rows(LABELLED)) == 5
    again.publish()
    assert sum(row[2] for row in again.query(LABELLED)[1]) == 5
    assert schema.is_current(duckdb.connect(str(again.path), read_only=True))


def test_others_read_and_only_writers_wait_while_a_copy_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, seen = labelled_store(tmp_path), list[object]()

    def copying(source: Path, target: Path) -> None:
        command = [sys.executable, "-c", BESIDE, str(tmp_path)]
        seen.append(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
        shutil.copy2(source, target)

    monkeypatch.setattr("pipeline.store.warehouse.copy_file", copying)
    store.publish()
    assert seen == ["4 and a writer waits\n"]


def test_what_a_killed_process_left_of_its_copy_is_removed(tmp_path: Path) -> None:
    store = labelled_store(tmp_path)
    assert subprocess.run([sys.executable, "-c", KILLED, str(store.published)], check=False, cwd=ROOT).returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".*.tmp"))) == 1
    with publishing.temporary_beside(store.published) as mine:
        store.publish()
        assert list(tmp_path.glob(".*.tmp")) == [mine], "one that is being made stays"


@pytest.mark.parametrize(
    ("name", "value", "expected"), [("LINNAEUS_STORE_MEMORY", "lots", "an amount such as 1GB"), ("LINNAEUS_THREADS", "0", "a number from 1 on")]
)
def test_settings_of_the_database_come_from_the_environment(
    name: str, value: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINNAEUS_STORE_MEMORY", "700 MiB")
    monkeypatch.setenv("LINNAEUS_THREADS", "3")
    with Store.open(tmp_path / "store").reader() as connection:
        assert connection.execute("select current_setting('memory_limit'), current_setting('threads')").fetchall() == [("700.0 MiB", 3)]
    monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=f"{name} is '{value}'; expected {expected}"):
        database_settings(tmp_path)


def test_instances_that_run_out_of_memory_write_beside_one_another_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINNAEUS_STORE_MEMORY", "32MB")
    with ExitStack() as opened:
        found = []
        for _ in range(2):
            connection = opened.enter_context(closing(duckdb.connect(config=database_settings(tmp_path))))
            connection.execute("create temp table many as select md5(i::varchar) || md5((i + 1)::varchar) as hash from range(1_000_000) r(i)")
            found.append(connection)
        folders = sorted(path.name for path in tmp_path.iterdir())
        assert len(folders) == 2
        assert all(name.startswith(f"{SPILLED}.{os.getpid()}.") for name in folders)
        assert {connection.execute("select count(distinct hash) from many").fetchall()[0][0] for connection in found} == {1_000_000}
    assert list(tmp_path.iterdir()) == []
