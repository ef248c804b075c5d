"""A backup is whole or not there, what is damaged is refused, and restoring loses nothing."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import StoreError
from pipeline.ids import text_hash
from pipeline.records import Student, Summary
from pipeline.stages.forgetting import find, forget
from pipeline.stages.restoring import restore_state
from pipeline.stages.vacuuming import vacuum_state
from pipeline.store import Store
from pipeline.store.backups import MANIFEST, former_states, make_backup, read_backup, restore_backup, verify_backup
from pipeline.student_records import Promotion
from tests.stored import MORNING, make_document, save_texts

MODEL = b"the model of a student"
SHA256 = "90a3b4f0"


def student(name: str, sha256: str) -> Student:
    return Student(f"student:{name}", "taxonomy:1", "annotator:1", "e", f"classifiers/{name}", sha256, {}, {}, 3)


def write_model(store: Store, name: str, content: bytes = MODEL) -> Path:
    folder = store.folder / "classifiers" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.skops").write_bytes(content)
    return folder


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    import hashlib

    store = Store.open(tmp_path / "state")
    save_texts(store, "the first text", "the second text")
    store.save([student("a", hashlib.sha256(MODEL).hexdigest())])
    store.mark_current(classifier_id="student:a")
    write_model(store, "a")
    store.publish()
    return store


def contents(store: Store) -> list[tuple[object, ...]]:
    return store.rows("select doc_id, text from documents order by all")


def test_a_backup_comes_back_as_it_was_and_the_former_state_is_kept(store: Store, tmp_path: Path) -> None:
    made, before = make_backup(store, tmp_path / "backup", project="p"), contents(store)
    assert [file.path for file in made.files] == ["classifiers/a/model.skops", "warehouse.duckdb"]
    assert (made.documents, made.notes) == (2, [])
    save_texts(store, "another text", "and one more", "and a third")
    write_model(store, "a", b"another model")
    found = read_backup(tmp_path / "backup")
    assert found == made
    former = restore_backup(found, store.folder)
    assert contents(store) == before
    assert store.query("select count(*) as n from documents")[1] == [(2,)]
    assert (store.folder / "classifiers" / "a" / "model.skops").read_bytes() == MODEL
    assert former is not None
    assert (former / "classifiers" / "a" / "model.skops").read_bytes() == b"another model"
    with duckdb.connect(str(former / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from documents where active").fetchall() == [(3,)]
    assert [path for path, _ in former_states(store.folder)] == [former]


def test_a_backup_opens_a_project_on_another_machine(store: Store, tmp_path: Path) -> None:
    made = make_backup(store, tmp_path / "backup", project="p")
    assert restore_backup(made, tmp_path / "elsewhere") is None
    assert contents(Store.open(tmp_path / "elsewhere")) == contents(store)


def test_writers_go_on_while_a_backup_is_made_and_it_is_of_one_moment(store: Store, tmp_path: Path) -> None:
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            with store.writer():
                store.save([Summary(f"text:{number}", "spec", "s", "p", False)])
                store.save([Summary(f"text:{number}", "other", "s", "p", False)])
            number += 1
            done.wait(0.02)  # so that others have their turn

    thread = threading.Thread(target=write)
    thread.start()
    try:
        verify_backup(make_backup(store, tmp_path / "backup", project="p"))
    finally:
        done.set()
        thread.join()
    with duckdb.connect(str(tmp_path / "backup" / "warehouse.duckdb"), read_only=True) as connection:
        counts = connection.execute("select count(*), count(distinct text_hash) from summaries").fetchall()[0]
    assert counts[0] == 2 * counts[1]
    assert store.count("summaries") >= counts[0]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a byte of the tables": (lambda folder: damage(folder / "warehouse.duckdb"), "warehouse.duckdb has another sha256"),
    "a byte of a student": (lambda folder: damage(folder / "classifiers/a/model.skops"), "model.skops has another sha256"),
    "a file cut": (lambda folder: os.truncate(folder / "warehouse.duckdb", 4096), "has 4096 bytes, expected"),
    "a file gone": (lambda folder: (folder / "warehouse.duckdb").unlink(), "warehouse.duckdb is missing"),
    "the manifest gone": (lambda folder: (folder / MANIFEST).unlink(), "is no backup: it has no manifest.json"),
    "the manifest cut": (lambda folder: os.truncate(folder / MANIFEST, 100), "cannot be read as the manifest"),
    "the manifest edited": (lambda folder: edit(folder, documents=7), "is not as it was written"),
    "another format": (lambda folder: edit(folder, format=99), "is a backup of format 99; expected 1"),
}


def edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_backup_is_refused_and_changes_nothing(store: Store, tmp_path: Path, name: str) -> None:
    make_backup(store, tmp_path / "backup", project="p")
    save_texts(store, "another text")
    before, (harm, message) = contents(store), DAMAGES[name]
    harm(tmp_path / "backup")
    with pytest.raises(StoreError, match=message):
        restore_backup(read_backup(tmp_path / "backup"), store.folder)
    assert contents(store) == before
    assert former_states(store.folder) == []


def test_a_backup_of_a_newer_version_is_refused_with_what_to_do(store: Store, tmp_path: Path) -> None:
    made = make_backup(store, tmp_path / "backup", project="p")
    with pytest.raises(StoreError, match=r"has schema 9999 and this version .* update linnaeus"):
        verify_backup(replace(made, migrations={**made.migrations, 9999: "abc"}))
    with pytest.raises(StoreError, match="another text of migration 1"):
        verify_backup(replace(made, migrations={**made.migrations, 1: "abc"}))


def test_a_manifest_that_names_files_outside_is_refused(store: Store, tmp_path: Path) -> None:
    made = make_backup(store, tmp_path / "backup", project="p")
    outside = replace(made.files[0], path="../state/warehouse.duckdb")
    with pytest.raises(StoreError, match="lies outside it"):
        verify_backup(replace(made, files=[*made.files, outside]))


def test_a_folder_that_is_in_use_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    make_backup(store, tmp_path / "backup", project="p")
    with pytest.raises(StoreError, match="is there already and is not empty"):
        make_backup(store, tmp_path / "backup", project="p")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "state"]


def test_a_backup_says_which_students_it_lacks(store: Store, tmp_path: Path) -> None:
    store.save([student("b", "0" * 64), student("c", "0" * 64)])
    write_model(store, "b")
    assert make_backup(store, tmp_path / "backup", project="p").notes == ["classifiers/b is damaged", "classifiers/c is not there"]


def test_a_damaged_state_can_be_restored(store: Store, tmp_path: Path) -> None:
    made, before = make_backup(store, tmp_path / "backup", project="p"), contents(store)
    store.path.write_bytes(b"no database" * 1000)
    done = restore_state(made, store.folder)
    assert done.marks_lost
    assert done.former is not None
    assert (done.former / "warehouse.duckdb").read_bytes().startswith(b"no database")
    assert contents(store) == before


def test_what_was_forgotten_since_does_not_come_back(store: Store, tmp_path: Path) -> None:
    store.save_documents([make_document("s", "a text that is to be forgotten for good")], seed=1, seen_at=MORNING)
    made = make_backup(store, tmp_path / "backup", project="p")
    done = forget(store, find(store, ids=["s"]))
    assert done.copies == [tmp_path / "backup"]
    restored = restore_state(made, store.folder)
    assert (restored.forgotten, restored.marks_lost) == (1, False)
    assert store.rows("select count(*) from documents where doc_id = 's'") == [(0,)]
    assert store.rows("select text_hash from forgotten") == [(text_hash("a text that is to be forgotten for good"),)]


def test_vacuum_gives_room_back_and_keeps_every_row(store: Store) -> None:
    store.save([Summary(f"text:{number}", "spec", f"summary {number} " * 20, "p", False) for number in range(20_000)])
    with store.writer() as connection:
        connection.execute("delete from summaries where text_hash > 'text:2'")
    comments = store.rows("select table_name, column_name, comment from duckdb_columns() where not internal order by all")
    before, rows = contents(store), (store.counts(), store.rows("select * from migrations"), store.rows("select * from current"))
    done = vacuum_state(store)
    assert done.after < 0.8 * done.before
    assert store.path.stat().st_size == done.after
    assert contents(store) == before
    assert (store.counts(), store.rows("select * from migrations"), store.rows("select * from current")) == rows
    assert store.rows("select table_name, column_name, comment from duckdb_columns() where not internal order by all") == comments
    assert store.query("select count(*) as n from labelled_documents")[1] == [(2,)]


def test_vacuum_removes_what_killed_processes_left_and_old_students_where_asked(store: Store) -> None:
    store.save([student(name, "0") for name in ("previous", "older")])
    store.save([Promotion("student:a", "student:previous", "", True, "rule", "better")])
    for name in ("previous", "older", "nobodys", "just-written"):
        os.utime(write_model(store, name), (1, 1) if name == "nobodys" else None)
    (store.folder / ".labels.duckdb.999999999.1.tmp").write_bytes(b"x" * 10)
    spilled = store.folder / "warehouse.duckdb.tmp"
    spilled.mkdir(exist_ok=True)
    for name in ("old", "in use"):
        (spilled / name).write_bytes(b"rows")
        os.utime(spilled / name, (1, 1) if name == "old" else None)
    expected = [".labels.duckdb.999999999.1.tmp", "warehouse.duckdb.tmp/old", "classifiers/nobodys"]
    tried = vacuum_state(store, dry_run=True)
    assert [str(path.relative_to(store.folder)) for path, _, _ in tried.removed] == expected
    assert all(path.exists() for path, _, _ in tried.removed)
    assert [str(path.relative_to(store.folder)) for path, _, _ in vacuum_state(store).removed] == expected
    assert [str(path.relative_to(store.folder)) for path, _, _ in vacuum_state(store, old_students=True).removed] == ["classifiers/older"]
    assert sorted(path.name for path in (store.folder / "classifiers").iterdir()) == ["a", "just-written", "previous"]
