"""The commands that label by a student: files and streams, with a project and without one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ArtefactError, CorpusError, ProjectError, TrainingError
from pipeline.settings import load_project
from pipeline.stages import open_session
from pipeline.students import save_student
from tests.fitted import ABOUT, CATEGORIES, NAMES, example_texts, fitted_student, fitted_voice, save_student_of_words
from tests.registry import further_student
from tests.tiny import write_project, write_rows

ROOT = Path(__file__).parent.parent
ADDED = {"category", "category_id", "probability", "abstained", "members", "novelty", "alternatives"}
TEXTS = ["late courier parcel", "card invoice refund", "login password locked"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_student_of_words(tmp_path_factory.mktemp("student"))


def run(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=given, env={"COLUMNS": "200"})


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def as_json_lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_lines_from_standard_input_become_lines_on_standard_output(folder: Path) -> None:
    given = as_json_lines(*({"nr": nr, "text": text} for nr, text in enumerate(TEXTS))) + '{"nr": 9, "text": " "}\n{broken\n'
    result = run("label", "--student", str(folder), "-", given=given)
    assert result.exit_code == 0, result.output
    rows = lines(result.stdout)
    assert [(row["nr"], row["category_id"]) for row in rows] == list(enumerate(CATEGORIES))
    assert all(set(row) == {"nr", "text"} | ADDED for row in rows)
    assert [row["members"][0] for row in rows] == CATEGORIES
    assert [[set(other) for other in row["alternatives"]] for row in rows] == [[{"category_id", "category", "probability"}] * 2] * 3
    assert {row["abstained"] for row in rows} == {False}
    assert {row["novelty"] for row in rows} == {None}, "a student of words alone embeds nothing"
    rejects = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert [(reject["row"], reject["reason"]) for reject in rejects] == [(4, "empty_text"), (5, "broken_json")]
    assert "Labelled 3 rows" in result.stderr
    assert "2 rows could not be used" in result.stderr


def test_plain_lines_become_rows_with_the_text(folder: Path, tmp_path: Path) -> None:
    given = "\ufeff" + "\n".join([*TEXTS, "", "  "])
    rows = lines(run("label", "--student", str(folder), "--text-lines", "--top", "1", "-", given=given.encode()).stdout)
    assert [(row["text"], row["category_id"], row["alternatives"]) for row in rows] == [
        (text, one, []) for text, one in zip(TEXTS, CATEGORIES, strict=True)
    ]
    (tmp_path / "new.log").write_text("\n".join(TEXTS), encoding="utf-8")
    (tmp_path / "new.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    for arguments in (["--text-lines", str(tmp_path / "new.log")], [str(tmp_path / "new.txt")]):
        assert run("label", "--student", str(folder), "--top", "1", *arguments).exit_code == 0
        assert lines((tmp_path / "new.labelled.jsonl").read_text(encoding="utf-8")) == rows
        (tmp_path / "new.labelled.jsonl").unlink()


def test_several_files_are_labelled_by_one_command_each_into_its_own(at_home: Path) -> None:
    rows = [{"text": "The courier lost my parcel"}, {"text": "I want a refund to my card"}]
    first, second = write_rows(at_home / "a.jsonl", rows), write_rows(at_home / "b.jsonl", rows[1:])
    result = run("label", "tiny", str(first), str(second))
    assert result.exit_code == 0, result.output
    assert [row["category"] for row in lines((at_home / "a.labelled.jsonl").read_text(encoding="utf-8"))] == ["Late Parcels", "Refunds and Invoices"]
    (only,) = lines((at_home / "b.labelled.jsonl").read_text(encoding="utf-8"))
    assert set(only) == {"text"} | ADDED
    assert 0 <= only["novelty"] <= 1
    assert only["category_id"] in only["members"]
    (at_home / "into").mkdir()
    run("label", "tiny", str(first), str(second), "-", "--out", str(at_home / "into"), given=as_json_lines(rows[0]))
    assert sorted(path.name for path in (at_home / "into").iterdir()) == ["a.labelled.jsonl", "b.labelled.jsonl", "labelled.jsonl"]
    assert len(lines(run("label", "tiny", str(first), str(second), "--out", "-").stdout)) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jsonl", "b.jsonl", "--out", "all.jsonl"], "2 files cannot all become all.jsonl; give --out the name of a folder"),
        (["a.jsonl", "sub/a.jsonl", "--out", "into"], "More than one file would become into/a.labelled.jsonl"),
        (["a.jsonl", "a.jsonl"], "More than one file would become a.labelled.jsonl"),
        (["a.jsonl", "missing.jsonl"], "There is no file missing.jsonl"),
        (["-", "-"], "Standard input (-) was given twice"),
        (["a.jsonl", "--out", "all.xlsx"], "Cannot write .xlsx"),
        (["-", "--text", "body"], "The file has no column 'body'; it has 'text'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "into").mkdir()
    for name in ("a.jsonl", "b.jsonl", "sub/a.jsonl"):
        write_rows(tmp_path / name, [{"text": "refund"}])
    before = sorted(tmp_path.rglob("*"))
    result = run("label", "--student", str(folder), *arguments, given=as_json_lines({"text": "refund"}))
    assert isinstance(result.exception, CorpusError)
    assert message in str(result.exception)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_student_alone_reads_the_columns_that_it_knows(tmp_path: Path) -> None:
    save_student(tmp_path / "student", fitted_student(fitted_voice("logistic_regression", ["metadata"])), ABOUT)
    rows = write_rows(tmp_path / "new.jsonl", [{"body": "x", "size": float(place), "shop": "abc"[place], "nr": place} for place in (2, 0, 1)])
    result = run("label", "--student", str(tmp_path / "student"), str(rows), "--text", "body", "--out", "-")
    assert [row["category_id"] for row in lines(result.stdout)] == ["cat:c", "cat:a", "cat:b"]
    assert {(row["members"], row["abstained"]) for row in lines(result.stdout)} == {(None, None)}, "it was saved without"


def test_every_format_holds_what_was_added(folder: Path, tmp_path: Path) -> None:
    table = pa.table({"text": [None, *TEXTS], "n": pa.array([1, 2, None, 4], pa.int16()), "category": ["old"] * 4, "blank": pa.nulls(4)})
    pq.write_table(table, tmp_path / "new.parquet")
    for ending in ("parquet", "csv", "jsonl"):
        result = run("label", "--student", str(folder), str(tmp_path / "new.parquet"), "--out", str(tmp_path / f"out.{ending}"))
        assert result.exit_code == 0, result.output
    kept = pq.read_table(tmp_path / "out.parquet")
    assert set(kept.column_names) == {"text", "n", "blank"} | ADDED
    assert kept.schema.field("n").type == pa.int16(), "a type of the input stays"
    assert kept.schema.field("members").type == pa.list_(pa.string())
    assert kept.schema.field("novelty").type == pa.float64()
    rows = lines((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert kept.select(sorted(ADDED)).to_pylist() == [{name: row[name] for name in sorted(ADDED)} for row in rows]
    header, first = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[:2]
    assert header == "text,n,category,blank,category_id,probability,abstained,members,novelty,alternatives"
    assert '"[""cat:a""]"' in first
    assert [row["category"] for row in rows] == NAMES


def test_a_parquet_file_without_a_row_that_can_be_used_has_the_columns_all_the_same(folder: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([None], pa.string())}), tmp_path / "new.parquet")
    assert run("label", "--student", str(folder), str(tmp_path / "new.parquet")).exit_code == 0
    kept = pq.read_table(tmp_path / "new.labelled.parquet")
    assert (kept.num_rows, "members" in kept.column_names) == (0, True)


def test_values_of_more_types_than_parquet_can_hold_are_told(folder: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "new.jsonl", [{"text": "refund", "n": 1}] * 1100 + [{"text": "refund", "n": "one"}])
    result = run("label", "--student", str(folder), str(rows), "--out", str(tmp_path / "out.parquet"))
    assert isinstance(result.exception, CorpusError)
    assert "values of more than one type" in str(result.exception)
    assert not (tmp_path / "out.parquet").exists()


def test_a_name_or_a_student_is_needed_and_one_of_them_alone(folder: Path, tmp_path: Path) -> None:
    assert "there is no file to label" in run("label", "tiny").output
    assert run("label", "tiny").exit_code == run("serve").exit_code == run("serve", "tiny", "--student", str(folder)).exit_code == 2
    result = run("label", "--student", str(tmp_path), "-", given="")
    assert isinstance(result.exception, ArtefactError)


def test_a_reader_that_leaves_early_is_no_error(folder: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "new.jsonl", ({"text": text} for text in example_texts(4000)))
    command = f"{sys.executable} -m pipeline.cli label --student {folder} {rows} --out - | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert len(lines(done.stdout)) == 1
    assert "Error" not in done.stderr


def with_urgency(at_home: Path) -> str:
    """Give the tiny project a facet whose student mistakes every category for the next one, and give that student's id."""
    project = load_project(write_project(at_home, facets={"urgency": {"use_case": "how urgent"}, "mood": {"use_case": "how glad"}}))
    with open_session(project) as session:
        mistaken = further_student(session, "f" * 32, mistaken=True)
        session.view("urgency").store.mark_current(classifier_id=mistaken, taxonomy_id=session.store.current("taxonomy_id"))
        session.store.publish()
    return mistaken


def test_a_facet_has_a_student_of_its_own(at_home: Path, folder: Path) -> None:
    with_urgency(at_home)
    rows = write_rows(at_home / "a.jsonl", [{"text": "The courier lost my parcel"}])
    (own,), (other,) = (lines(run("label", "tiny", str(rows), "--out", "-", *more).stdout) for more in ([], ["--facet", "urgency"]))
    assert own["category"] == "Late Parcels" != other["category"]
    result = run("label", "tiny", str(rows), "--facet", "mood")
    assert isinstance(result.exception, TrainingError)
    assert "Project tiny has no student of its facet mood yet" in str(result.exception)
    for command in (["label", "tiny", str(rows)], ["serve", "tiny"]):
        result = run(*command, "--facet", "urgent")
        assert isinstance(result.exception, ProjectError)
        assert str(result.exception) == "Project tiny has no facet 'urgent'; there are main, urgency, mood."
    for command in (["label", "--student", str(folder), str(rows)], ["serve", "--student", str(folder)]):
        result = run(*command, "--facet", "urgency")
        assert (result.exit_code, "a student in a folder" in result.output) == (2, True)
