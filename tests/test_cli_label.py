"""The command that labels a file: its columns stay, bad rows go beside it, and what cannot be labelled is refused."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import CorpusError
from tests.tiny import write_rows


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


TEXTS: list[dict[str, Any]] = [
    {"nr": 1, "text": "The courier lost my parcel", "note": "a,b"},
    {"nr": 2, "text": " ", "note": ""},
    {"nr": 3, "text": "I want a refund to my card", "note": "c"},
]


def as_csv(path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(TEXTS[0]))
        writer.writeheader()
        writer.writerows(TEXTS)
    return path


def as_parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(TEXTS), path)
    return path


def read_back(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


@pytest.mark.parametrize(("name", "write"), [("new.csv", as_csv), ("new.jsonl", lambda path: write_rows(path, TEXTS)), ("new.parquet", as_parquet)])
def test_a_file_is_labelled_with_all_its_columns_and_bad_rows_go_beside_it(at_home: Path, name: str, write: Callable[[Path], Path]) -> None:
    path = write(at_home / name)
    result = run("label", "tiny", str(path))
    assert result.exit_code == 0, result.output
    rows = read_back(path.with_name(f"new.labelled{path.suffix}"))
    assert [int(row["nr"]) for row in rows] == [1, 3]
    assert [row["category"] for row in rows] == ["Late Parcels", "Refunds and Invoices"]
    assert [row["note"] for row in rows] == ["a,b", "c"]
    assert all(0 < float(row["probability"]) <= 1 and row["category_id"].startswith("cat:") for row in rows)
    (reject,) = read_back(path.with_name("new.labelled.rejects.jsonl"))
    assert reject["reason"] == "empty_text"
    assert not list(at_home.glob(".new*")), "no half-written file is left"


def test_label_takes_a_column_and_an_output(at_home: Path) -> None:
    path = write_rows(at_home / "new.jsonl", [{"body": "where is my parcel"}])
    result = run("label", "tiny", str(path), "--text", "body", "--out", str(at_home / "out.csv"))
    assert result.exit_code == 0, result.output
    assert read_back(at_home / "out.csv")[0]["category"] == "Late Parcels"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "There is no file"),
        (["new.jsonl", "--text", "body"], "has no column 'body'"),
        (["new.jsonl", "--out", "out.xlsx"], r"Cannot write \.xlsx"),
        (["new.dat"], r"Cannot write \.dat"),
    ],
)
def test_what_cannot_be_labelled_is_refused_and_leaves_nothing(
    at_home: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(at_home)
    write_rows(at_home / "new.jsonl", TEXTS)
    (at_home / "new.dat").write_text("x", encoding="utf-8")
    before = sorted(path.name for path in at_home.iterdir())
    result = run("label", "tiny", *arguments)
    assert isinstance(result.exception, CorpusError)
    assert result.exit_code == 1
    assert re.search(message, str(result.exception))
    assert sorted(path.name for path in at_home.iterdir()) == before


def test_a_damaged_student_is_refused(at_home: Path) -> None:
    (model,) = (at_home / ".linnaeus" / "projects" / "tiny" / "classifiers").glob("*/model.skops")
    model.write_bytes(b"x" + model.read_bytes())
    result = run("label", "tiny", str(write_rows(at_home / "new.jsonl", TEXTS)))
    assert "is damaged or another student's" in str(result.exception)
