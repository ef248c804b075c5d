"""`linnaeus export`: what a person types, what is written, and what is said where it cannot be."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.store import Store
from tests.tiny import NAMES, write_project


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


@pytest.fixture(name="store")
def _store(at_home: Path) -> Store:
    return Store.open(at_home / ".linnaeus" / "projects" / "tiny")


def test_the_labels_of_a_run_are_written(store: Store, tmp_path: Path) -> None:
    said = run("export", "tiny", "--to", str(tmp_path / "out" / "labels.parquet"))
    assert said.exit_code == 0, said.output
    assert "Wrote 120 rows as parquet to" in said.output
    found = pq.read_table(tmp_path / "out" / "labels.parquet", columns=["doc_id", "category"]).to_pylist()
    assert {one["doc_id"]: one["category"] for one in found} == dict(store.query("select doc_id, category from labelled_documents")[1])
    assert {one["category"] for one in found if one["category"]} <= set(NAMES.values()) | {"Small Talk"}


def test_options_say_what_and_how(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "some.csv"
    arguments = ("--where", "labelled_by = 'student'", "--columns", "doc_id, text", "--gold", "--spreadsheet-safe", "--json")
    said = run("export", "tiny", "--to", str(target), *arguments)
    made = json.loads(said.output)
    students = store.query("select count(*) from labelled_documents where labelled_by = 'student'")[1][0][0]
    size = target.stat().st_size
    taxonomy_id = store.current("taxonomy_id")
    assert made == {"project": "tiny", "target": str(target), "kind": "csv", "rows": students, "files": 1, "bytes": size, "taxonomy_id": taxonomy_id}
    assert target.read_text(encoding="utf-8").splitlines()[0] == "doc_id,text"


@pytest.mark.parametrize("format_", ["datasets", "label-studio", "argilla"])
def test_folders_for_other_tools_are_written(store: Store, tmp_path: Path, format_: str) -> None:
    said = run("export", "tiny", "--to", str(tmp_path / "folder"), "--format", format_, "--what", "review")
    assert said.exit_code == 0, said.output
    waiting = store.query("select count(*) from review_queue")[1][0][0]
    assert f"Wrote {waiting} rows as {format_}" in said.output


def test_what_is_there_is_replaced_only_with_overwrite(store: Store, tmp_path: Path, tell: Callable[..., tuple[int, str, str]]) -> None:
    target = str(tmp_path / "labels.csv")
    assert run("export", "tiny", "--to", target).exit_code == 0
    code, _, err = tell("export", "tiny", "--to", target)
    assert code == 1
    assert "is there already; name another file, or replace it with --overwrite" in err
    assert run("export", "tiny", "--to", target, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--to", "x.xlsx"], "names no format; end it in .parquet, .csv, .jsonl, .ndjson, or give the format."),
        (["--to", "x.csv", "--columns", "nosuch"], "There is no column 'nosuch' in labels"),
        (["--to", "x.csv", "--where", "nosuch = 1"], "could not answer"),
        (["--to", "x.csv", "--test-share", "2"], "--test-share: Input should be less than 1."),
        (["--to", "x.csv", "--partition-by", "category"], "partition_by is for parquet"),
        (["--to", "x.csv", "--facet", "mood"], "Project tiny has no facet 'mood'"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_nothing_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Callable[..., tuple[int, str, str]], arguments: list[str], error: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, out, err = tell("export", "tiny", *arguments)
    assert (code, out) == (1, "")
    assert error in err
    assert list((tmp_path / "here").iterdir()) == []


def test_a_project_that_was_not_run_has_nothing_to_export(workspace: Path, tell: Callable[..., tuple[int, str, str]]) -> None:
    write_project(workspace)
    code, _, err = tell("export", "tiny", "--to", "x.csv")
    assert code == 1
    assert "has not been run yet" in err
