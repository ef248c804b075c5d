"""The commands on the state of a project: forget, back up, verify, restore, vacuum, and what the doctor says of it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ProjectError, StoreError
from pipeline.store import Store
from pipeline.store.health import PENDING


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer, env={"COLUMNS": "200"})


def fine(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture(name="store")
def _store(at_home: Path) -> Store:
    return Store.open(at_home / ".linnaeus" / "projects" / "tiny")


def taught(store: Store) -> tuple[str, str]:
    """Give the id and the text of a document that the student in use learnt from."""
    sql = "select doc_id, text from documents join lesson_texts using (text_hash) where part = 'taught' order by doc_id limit 1"
    doc_id, text = store.rows(sql)[0]
    return doc_id, text


def test_a_dry_run_says_what_would_go_and_changes_nothing(store: Store) -> None:
    doc_id, _ = taught(store)
    before = store.counts()
    said = fine("forget", "tiny", "--id", doc_id, "--id", "nobody", "--dry-run")
    assert f"1 documents with 1 texts of their own: {doc_id}" in said
    assert "1 ids are not in the tables, because they were never read or are forgotten already: nobody" in said
    assert json.loads(fine("forget", "tiny", "--id", doc_id, "--dry-run", "--json")) == {
        "documents": [doc_id],
        "texts": 1,
        "shared": 0,
        "unknown": [],
    }
    assert store.counts() == before


def test_forgetting_asks_first_and_names_the_students_and_what_to_do(store: Store) -> None:
    doc_id, text = taught(store)
    refused = run("forget", "tiny", "--id", doc_id, answer="n\n")
    assert (refused.exit_code, store.rows("select count(*) from documents where doc_id = ?", [doc_id])) == (1, [(1,)])
    said = fine("forget", "tiny", "--id", doc_id, "--yes")
    assert f"{store.current('classifier_id')} learnt from them (taught), and is in use." in said
    assert "linnaeus run tiny trains one without them" in said
    assert "No file of the state holds the texts any more." in said
    assert [path for path in store.folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()] == []
    assert "in use learnt from forgotten texts" in fine("doctor", "tiny")


def test_ids_come_from_a_file_and_a_condition_too(store: Store, tmp_path: Path) -> None:
    ids = [row[0] for row in store.rows("select doc_id from documents order by doc_id limit 3")]
    (tmp_path / "ids.txt").write_text("\ufeff" + "\n".join(ids[:2]) + "\n\n", encoding="utf-8")
    done = json.loads(fine("forget", "tiny", "--file", str(tmp_path / "ids.txt"), "--where", f"doc_id = '{ids[2]}'", "--yes", "--json"))
    assert (done["documents"], done["rows"]["documents"], done["unknown"]) == (3, 3, [])
    again = json.loads(fine("forget", "tiny", "--id", ids[0], "--allow-return", "--yes", "--json"))
    assert (again["documents"], again["allowed"], again["unknown"]) == (0, 1, [ids[0]])


def test_naming_nothing_is_refused_unless_there_is_something_to_finish(store: Store) -> None:
    assert "expected --id ID, --where CONDITION or --file FILE" in " ".join(run("forget", "tiny").output.replace("│", " ").split())
    (store.folder / PENDING).touch()
    assert "The tables were written anew" in fine("forget", "tiny")
    assert not (store.folder / PENDING).exists()
    assert isinstance(run("forget", "tiny", "--where", "nonsense").exception, StoreError)


def test_a_backup_is_made_checked_and_restored(store: Store, tmp_path: Path) -> None:
    folder, before = tmp_path / "backup", store.counts()
    assert "with 120 documents" in fine("state", "backup", "tiny", str(folder))
    assert "is whole: project tiny" in fine("state", "verify", str(folder))
    doc_id, _ = taught(store)
    said = fine("forget", "tiny", "--id", doc_id, "--yes")
    assert f"{folder} is a copy of before and was not changed" in said
    refused = run("state", "restore", "tiny", str(folder), answer="n\n")
    assert (refused.exit_code, store.count("documents")) == (1, 119)
    said = fine("state", "restore", "tiny", str(folder), "--yes")
    assert "Restored 120 documents" in said
    assert "1 documents that were forgotten since then were forgotten again." in said
    assert store.count("documents") == before["documents"] - 1
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / "warehouse.duckdb").unlink()
    assert isinstance(run("state", "restore", "tiny", str(tmp_path / "other"), "--yes").exception, StoreError)


def test_a_backup_of_another_project_is_refused(store: Store, at_home: Path, tmp_path: Path) -> None:
    fine("state", "backup", "tiny", str(tmp_path / "backup"))
    (at_home / "projects" / "other.yaml").write_text((at_home / "projects" / "tiny.yaml").read_text().replace("name: tiny", "name: other"))
    assert isinstance(run("state", "restore", "other", str(tmp_path / "backup"), "--yes").exception, ProjectError)


def test_vacuum_says_the_bytes_before_and_after(store: Store) -> None:
    (store.folder / ".labels.duckdb.999999999.1.tmp").write_bytes(b"x" * 2_000_000)
    assert "Would remove 2.0 MB" in fine("state", "vacuum", "tiny", "--dry-run")
    said = fine("state", "vacuum", "tiny")
    assert "Removed 2.0 MB" in said
    assert "The tables took" in said
    assert "MB and take" in said
    assert store.counts()["documents"] == 120


def test_the_doctor_looks_at_the_tables(store: Store) -> None:
    said = fine("doctor", "tiny")
    assert f"{store.path} opens" in said
    findings = {row["what"].strip(): row for row in json.loads(fine("doctor", "tiny", "--json"))}
    assert {"tables", "schema", "rows", "pointers", "students", "room", "published copy"} <= findings.keys()
    assert all(findings[name]["good"] for name in ("tables", "schema", "rows", "pointers", "students"))
