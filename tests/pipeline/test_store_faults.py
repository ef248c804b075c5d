"""The store survives kills, crowds, damage and full disks, and says what to do."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import StoreError, StoreLockedError
from pipeline.records import Summary
from pipeline.store import Store, schema

ROOT = Path(__file__).parents[2]


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=120)
    return output


def summaries(count: int, start_at: int = 0, spec: str = "s") -> list[Summary]:
    return [Summary(f"text:{number}", spec, "x" * 50, "p", False) for number in range(start_at, start_at + count)]


def test_a_killed_writer_leaves_its_lock_and_no_rows(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.save(summaries(10))
    process = start(
        """
        import pathlib, sys, time
        from pipeline.store import Store
        store = Store.open(pathlib.Path(sys.argv[1]))
        with store.writer() as connection:
            connection.execute("insert into summaries select 'text:' || i, 't', 'x', 'y', false, now()::timestamp from range(200000) r(i)")
            print("open", flush=True)
            time.sleep(60)
        """,
        tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "open"
    with pytest.raises(StoreLockedError, match=r"held .*warehouse.lock for more than 0.1 s"):
        Store(tmp_path, lock_seconds=0.1).save(summaries(1, 100))
    process.send_signal(signal.SIGKILL)
    finish(process)
    began = time.monotonic()
    again = Store.open(tmp_path)
    again.save(summaries(1, 100))
    assert time.monotonic() - began < 10
    assert again.count("summaries") == 11


def test_a_kill_between_commit_and_checkpoint_loses_nothing(tmp_path: Path) -> None:
    Store.open(tmp_path)
    process = start(
        """
        import os, pathlib, signal, sys
        from pipeline.store import Store
        store = Store.open(pathlib.Path(sys.argv[1]))
        with store.connected("write") as connection:
            connection.execute("insert into current values ('taxonomy_id', 't')")
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        tmp_path,
    )
    finish(process)
    assert (tmp_path / "warehouse.duckdb.wal").exists()
    assert Store.open(tmp_path).current("taxonomy_id") == "t"


def test_writers_and_readers_at_once_lose_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    script = """
        import pathlib, sys
        from pipeline.records import Summary
        from pipeline.store import Store
        store = Store.open(pathlib.Path(sys.argv[1]))
        for number in range(10):
            store.save([Summary(f"text:{number}", sys.argv[2], "x", "y", False)])
            assert len(store.summaries(sys.argv[2])) == number + 1
            if number % 5 == 0:
                store.publish()
        """
    processes = [start(script, tmp_path, name) for name in ("one", "two")]
    reads = [0]
    while any(process.poll() is None for process in processes):
        with duckdb.connect(str(store.published), read_only=True) as connection:
            reads.append(connection.execute("select count(*) from summaries").fetchall()[0][0])
        time.sleep(0.02)
    assert [(process.returncode, finish(process)) for process in processes] == [(0, ""), (0, "")]
    assert len(reads) > 3
    assert reads == sorted(reads)
    assert store.count("summaries") == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.duckdb", "warehouse.duckdb", "warehouse.lock"]


def test_many_processes_open_a_new_store_at_once(tmp_path: Path) -> None:
    script = "import pathlib, sys; from pipeline.store import Store; Store.open(pathlib.Path(sys.argv[1])).mark_current(**{sys.argv[2]: 'x'})"
    processes = [start(script, tmp_path / "new", f"key{number}") for number in range(3)]
    assert [finish(process) for process in processes] == ["", "", ""]
    store = Store.open(tmp_path / "new")
    assert [store.current(f"key{number}") for number in range(3)] == ["x"] * 3
    assert len(store.rows("select * from migrations")) == len(schema.known_migrations())


@pytest.mark.parametrize("content", [b"", b"not a database", os.urandom(100_000)])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    Store.open(tmp_path)
    (tmp_path / "warehouse.duckdb").write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged or no DuckDB file.*labels\.duckdb"):
        Store.open(tmp_path)


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.save(summaries(5000))
    raw = bytearray(store.path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    store.path.write_bytes(raw)
    with pytest.raises(StoreError, match=r"warehouse\.duckdb is damaged"):
        Store.open(tmp_path)


def test_a_published_copy_can_take_the_place_of_a_damaged_warehouse(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.save(summaries(3))
    store.publish()
    store.path.write_bytes(b"damaged")
    shutil.copyfile(store.published, store.path)
    assert Store.open(tmp_path).count("summaries") == 3


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file"):
        Store.open(tmp_path / "file" / "store")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with store.writer() as connection:
        connection.execute("insert into migrations values (99, '0099_future.sql', 'x', now()::timestamp)")
    with pytest.raises(StoreError, match=r"schema 99 .* up to \d+; update linnaeus"):
        Store.open(tmp_path)


def with_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sql: str) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder)
    (folder / name).write_text(sql)
    monkeypatch.setattr(schema, "MIGRATIONS", folder)


def test_a_failing_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path / "store")
    store.save(summaries(2))
    with_migrations(tmp_path, monkeypatch, "0090_broken.sql", "create table added (a int); delete from summaries; select * from nosuch;")
    with pytest.raises(StoreError, match="nosuch"):
        Store.open(tmp_path / "store")
    monkeypatch.undo()
    again = Store.open(tmp_path / "store")
    assert again.count("summaries") == 2
    assert again.rows("select table_name from duckdb_tables() where table_name = 'added'") == []
    assert again.rows("select max(number) from migrations") == [(schema.known_migrations()[-1].number,)]


def test_a_new_migration_is_applied_once_and_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path / "store")
    with_migrations(tmp_path, monkeypatch, "0090_added.sql", "create table added (a int); insert into added values (1);")
    Store.open(tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert store.query("select a from added") == (["a"], [(1,)])
    assert store.rows("select number, name, length(sha256) from migrations where number = 90") == [(90, "0090_added.sql", 64)]


def test_an_edited_migration_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path / "store")
    first = schema.known_migrations()[0]
    with_migrations(tmp_path, monkeypatch, first.name, first.sql + "\n-- edited\n")
    with pytest.raises(StoreError, match="another text of migration"):
        Store.open(tmp_path / "store")


def test_views_follow_their_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path / "store")
    folder = tmp_path / "views"
    shutil.copytree(schema.VIEWS, folder)
    (folder / "04_cost.sql").unlink()
    (folder / "09_extra.sql").write_text("create view extra as select 1 as a;")
    monkeypatch.setattr(schema, "VIEWS", folder)
    store = Store.open(tmp_path / "store")
    names = {row[0] for row in store.rows("select view_name from duckdb_views() where not internal")}
    assert "extra" in names
    assert "cost" not in names
    monkeypatch.undo()
    names = {row[0] for row in Store.open(tmp_path / "store").rows("select view_name from duckdb_views() where not internal")}
    assert "extra" not in names
    assert "cost" in names


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.save(summaries(10))
    process = start(
        """
        import pathlib, resource, sys
        import numpy as np
        from pipeline.errors import StoreError
        from pipeline.store import Store
        store = Store.open(pathlib.Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
        try:
            store.save_vectors("e", [f"text:{n}" for n in range(20_000)], np.random.default_rng(0).random((20_000, 64)))
        except StoreError as error:
            print("told:", error)
        """,
        tmp_path,
    )
    output = finish(process)
    assert output.startswith("told:"), output
    assert "is full" in output
    assert "MB free" in output
    again = Store.open(tmp_path)
    assert (again.count("summaries"), again.count("embeddings")) == (10, 0)
    again.save(summaries(5, 50))
    assert again.count("summaries") == 15


def test_a_full_disk_while_publishing_keeps_the_old_copy(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.save(summaries(10))
    store.publish()
    store.save(summaries(20_000, 100))
    process = start(
        """
        import pathlib, resource, sys
        from pipeline.errors import StoreError
        from pipeline.store import Store
        store = Store.open(pathlib.Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            store.publish()
        except StoreError as error:
            print("told:", error)
        """,
        tmp_path,
    )
    output = finish(process)
    assert output.startswith("told:"), output
    assert "is full" in output
    assert store.query("select count(*) as n from summaries")[1] == [(10,)]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")) == []


def test_a_forked_child_opens_the_store_anew(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    store.mark_current(key="parent")
    child = os.fork()
    if child == 0:
        try:
            store.mark_current(other="child")
            gc.collect()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert (store.current("key"), store.current("other")) == ("parent", "child")
