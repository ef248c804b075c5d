"""The doctor finds what is wrong with a store, and nothing where all is well."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from pipeline.records import Student, Summary
from pipeline.store import Store
from pipeline.store.forgetting import erase, find_by_id
from pipeline.store.health import PENDING, examine_store
from tests.stored import save_texts

MODEL = b"model"


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "state")
    save_texts(store, "one text", "another text")
    store.save([Student("student:a", "tax:1", "annotator:1", "e", "classifiers/a", hashlib.sha256(MODEL).hexdigest(), {}, {}, 3)])
    store.mark_current(classifier_id="student:a")
    (store.folder / "classifiers" / "a").mkdir(parents=True)
    (store.folder / "classifiers" / "a" / "model.skops").write_bytes(MODEL)
    store.publish()
    return store


def found(store: Store) -> dict[str, str]:
    """Give what is not well, by name."""
    return {finding.what: finding.detail for finding in examine_store(store.folder, lock_seconds=0.2) if not finding.good}


def test_a_store_that_is_well_has_no_findings_and_is_not_changed(store: Store) -> None:
    before = store.path.read_bytes()
    assert found(store) == {}
    assert {finding.what for finding in examine_store(store.folder)} == {
        "room", "tables", "schema", "rows", "pointers", "students", "published copy",
    }  # fmt: skip
    assert store.path.read_bytes() == before


def test_a_project_that_was_never_run_is_no_fault(tmp_path: Path) -> None:
    assert [(finding.what, finding.good) for finding in examine_store(tmp_path)] == [("tables", True)]
    assert list(tmp_path.iterdir()) == []


def test_rows_without_a_document_and_pointers_to_nothing_are_found(store: Store) -> None:
    store.save([Summary("text:none", "spec", "s", "p", False)])
    store.mark_current(taxonomy_id="tax:none")
    store.publish()
    assert found(store) == {
        "rows": "without a document: 1 of summaries; they do no harm",
        "pointers": "taxonomy_id point to nothing; run the project again",
    }


def test_files_of_students_that_are_damaged_or_gone_are_found(store: Store) -> None:
    model = store.folder / "classifiers" / "a" / "model.skops"
    model.write_bytes(b"other")
    assert "the files of student:a are not those that were saved" in found(store)["students"]
    model.unlink()
    assert "student:a in use has no files" in found(store)["students"]


def test_an_old_published_copy_leftovers_and_an_unfinished_forgetting_are_found(store: Store) -> None:
    store.mark_current(embedder_id="e")
    (store.folder / ".labels.duckdb.999999999.1.tmp").write_bytes(b"x")
    (store.folder / PENDING).touch()
    assert sorted(found(store)) == ["forgetting", "leftovers", "published copy"]


def test_a_student_in_use_that_learnt_from_what_was_forgotten_is_found(store: Store) -> None:
    store.save_lesson("student:a", [store.sample_hashes(1)[0]], [], [])
    erase(store, find_by_id(store, [store.sample_texts(1)[0].doc_id]))
    store.publish()
    assert found(store) == {"forgotten": "student:a in use learnt from forgotten texts: run the project to train another"}


def test_a_damaged_file_and_a_newer_one_are_told(store: Store) -> None:
    with store.writer() as connection:
        connection.execute("insert into migrations values (9999, 'x', 'y', now()::timestamp)")
    assert "update linnaeus" in found(store)["schema"]
    store.path.write_bytes(b"no database" * 5000)
    assert "damaged or no DuckDB file" in found(store)["tables"]


def test_a_store_in_use_is_told_with_its_user_and_not_waited_for(store: Store) -> None:
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        with store.writer():
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        (tables,) = [finding for finding in examine_store(store.folder, lock_seconds=0.2) if finding.what == "tables"]
    finally:
        release.set()
        thread.join()
    assert tables.good
    assert f"process {os.getpid()}" in tables.detail.lower()
