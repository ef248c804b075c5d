"""The command line: what a person types, sees and gets as exit status."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cli.init import GuessedColumns, guess_columns
from pipeline.errors import ProjectError
from pipeline.settings import Project, explained_keys, load_project
from pipeline.stages import STAGES, Session, opening_sessions
from pipeline.testing import ScriptedChat
from tests.corpora import COMPRESSIONS
from tests.tiny import NAMES, TinyEmbedder, tiny_rows, write_project, write_rows

ROOT = Path(__file__).parent.parent
FIGURE = {"value", "low", "high", "n"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def corpus_of(workspace: Path) -> Path:
    return write_rows(workspace / "texts.jsonl", tiny_rows())


def test_init_writes_a_file_that_loads_and_explains_every_key(workspace: Path) -> None:
    result = run("init", "mine", "--file", str(corpus_of(workspace)), "--use-case", "what is 'it' about: \"really\"?")
    assert result.exit_code == 0, result.output
    path = workspace / "projects" / "mine.yaml"
    project = load_project(path)
    assert (project.corpus.text, project.corpus.id, project.use_case) == ("text", "id", "what is 'it' about: \"really\"?")
    text = path.read_text(encoding="utf-8")
    for name, field in Project.model_fields.items():
        # facets is a mapping, embedder a name in most projects, and most have no partitions: one key each
        parts = () if name in {"facets", "embedder", "partitions"} else getattr(field.annotation, "__args__", ())
        sections = [part for part in (field.annotation, *parts) if hasattr(part, "model_fields")]
        for key, said in [(name, "")] if not sections and name != "folder" else [pair for section in sections for pair in explained_keys(section)]:
            assert f"{key}:" in text, key
            assert said in text


def test_the_defaults_that_init_shows_are_the_defaults(workspace: Path) -> None:
    run("init", "mine", "--file", str(corpus_of(workspace)))
    path = workspace / "projects" / "mine.yaml"
    before = load_project(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    keys = [re.sub(r"^# ( *(- )?[a-z_]+:( .*)?)$", r"\1", line) for line in lines if not re.match(r"^ *# [A-Z]", line)]
    path.write_text("\n".join(keys), encoding="utf-8")
    assert load_project(path) == before


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"id": "1", "body": "a long text", "tag": "x"}, {"id": "2", "body": "another text", "tag": "x"}], {"text": "body", "id": "id"}),
        ([{"id": "1", "body": "a long text"}, {"id": "1", "body": "another text"}], {"text": "body"}),
        ([{"uuid": "a", "title": "short", "message": "much longer than that"}], {"text": "message", "id": "uuid", "title": "title"}),
        ([{"text": "some longer text", "Lang": "en", "created_at": "2026-01-31"}], {"text": "text", "language": "Lang", "time": "created_at"}),
        ([{"text": "some longer text", "date": "soon", "time": None, "title": 3}], {"text": "text"}),
        ([{"text": "only text"}], {"text": "text"}),
    ],
)
def test_the_columns_are_guessed(tmp_path: Path, rows: list[dict[str, Any]], expected: dict[str, str]) -> None:
    assert guess_columns(write_rows(tmp_path / "x.jsonl", rows)) == GuessedColumns(**expected)


def test_init_finds_out_what_kind_of_corpus_it_is_given(workspace: Path) -> None:
    folder = workspace / "data"
    folder.mkdir()
    rows = "number;subject;body\n" + "".join(f"{number};greeting;good day, number {number}\n" for number in range(9))
    (folder / "a.csv.gz").write_bytes(COMPRESSIONS[".gz"](rows.encode()))
    with duckdb.connect(str(workspace / "a.duckdb")) as connection:
        connection.execute("create table mails as select 'a text' as text; create table others as select 1 as n")
    for name, arguments, expected in (
        ("packed", ["--file", str(folder / "a.csv.gz")], {"format": "auto", "text": "body", "title": "subject"}),
        ("folder", ["--file", str(folder)], {"format": "csv", "text": "body"}),
        ("pattern", ["--file", str(folder / "*.csv.gz")], {"path": "../data/*.csv.gz", "text": "body"}),
        ("database", ["--file", str(workspace / "a.duckdb"), "--table", "mails"], {"table": "mails", "text": "text"}),
    ):
        result = run("init", name, *arguments)
        assert result.exit_code == 0, result.output
        corpus = load_project(workspace / "projects" / f"{name}.yaml").corpus.model_dump()
        assert {key: corpus[key] for key in expected} == expected
    refused = run("init", "unnamed", "--file", str(workspace / "a.duckdb"))
    assert "it holds mails, others" in str(refused.exception)


def test_no_column_of_text_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="No column of text"):
        guess_columns(write_rows(tmp_path / "x.jsonl", [{"n": 1}]))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["init", "tiny", "--file", "texts.jsonl"], "exists already"),
        (["init", "mine", "--file", "nowhere.csv"], "There is no file or folder"),
        (["init", "My-Name", "--file", "texts.jsonl"], "is no name for a project"),
        (["init", "mine", "--file", "texts.jsonl", "--text", "body"], "Missing column 'body'"),
        (["plan", "nothing"], "There is no project 'nothing'"),
        (["run", "nothing"], "There is no project 'nothing'"),
        (["run", "tiny", "--only", "taxonomie"], "There is no stage taxonomie"),
        (["status", "tiny"], "has not been run yet"),
        (["sql", "tiny", "select 1"], "has not been run yet"),
        (["label", "tiny", "texts.jsonl"], "has not been run yet"),
    ],
)
def test_a_mistake_is_told_in_a_line_without_a_traceback(
    workspace: Path, tell: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str
) -> None:
    monkeypatch.chdir(workspace)
    write_project(workspace)
    corpus_of(workspace)
    code, out, err = tell(*arguments)
    assert code == 1
    assert error in err
    assert "Traceback" not in err
    assert out == ""
    assert not (workspace / "projects" / "My-Name.yaml").exists(), "a file that does not load is not left behind"
    assert not (workspace / "projects" / "mine.yaml").exists()


def test_the_module_is_the_command(workspace: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pipeline.cli", "status", "nothing"]
    done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ProjectError: There is no project 'nothing'")


def test_no_arguments_and_wrong_options_are_answered_with_help(workspace: Path) -> None:
    assert "plan" in run().output
    assert run("plan").exit_code == 2
    assert run("nonsense").exit_code == 2


def test_plan_and_status_fetch_no_weights_and_ask_no_model(workspace: Path) -> None:
    write_project(workspace)
    result = run("plan", "tiny", "--no-probe", "--json")
    assert result.exit_code == 0, result.output
    rows = {row["stage"]: row for row in json.loads(result.stdout)["stages"]}
    assert (rows["documents"]["rows"], rows["summaries"]["calls"], rows["annotations"]["calls"]) == (120, 60, 60)
    assert all(row["seconds"] >= 0 for row in rows.values())
    assert not (workspace / "cache").exists(), "to name the embedded model is no reason to fetch it"
    assert "The run takes about" in run("plan", "tiny", "--no-probe").output


def test_a_plan_after_a_run_asks_nothing(at_home: Path) -> None:
    rows = json.loads(run("plan", "tiny", "--json").stdout)["stages"]
    assert sum(row["calls"] for row in rows) == 0
    assert {row["stage"] for row in rows} <= set(STAGES)


def test_exam_reports_a_model_that_fails_and_ends_well(workspace: Path) -> None:
    write_project(workspace)

    def opener(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
        return Session(project, run_id=run_id, progress=progress, chat=ScriptedChat(lambda question: "no idea"), embedder=TinyEmbedder())

    with opening_sessions(opener):
        result, shown = run("exam", "tiny", "--json"), run("exam", "tiny").output
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert {row["skill"]: (row["passed"], row["asked"], row["good"]) for row in report["results"]}["cap"] == (0, 6, False)
    assert all(row["low"] <= row["share"] <= row["high"] for row in report["results"])
    assert [(row["role"], row["fit"]) for row in report["roles"]] == [("generator", False), ("annotator", False)]
    assert "0 of 6" in shown
    assert "annotator: The annotator scripted failed the exam in choice, 0 of 8" in shown


def test_status_has_the_documented_keys(at_home: Path) -> None:
    summary = json.loads(run("status", "tiny", "--json").stdout)
    assert set(summary) == {
        "project", "documents", "sampled", "labelled", "labelled_in_part", "predicted", "rejected", "categories", "coverage", "model_calls",
        "last_run", "seconds", "plan", "evaluation", "warnings",
    }  # fmt: skip
    evaluation = summary["evaluation"]
    names = {"ari", "nmi", "purity", "teacher_accuracy", "student_accuracy"}
    assert set(evaluation) == names | {"student_agreement", "citation_coverage", "baseline"}
    assert set(evaluation["baseline"]) == names
    assert all(set(found[name]) == FIGURE for found in (evaluation, evaluation["baseline"]) for name in names)
    assert (summary["documents"], summary["sampled"], summary["labelled"], summary["predicted"], summary["rejected"]) == (120, 60, 60, 120, 0)
    assert (summary["categories"], summary["coverage"]) == (4, 1.0)
    assert summary["model_calls"] > 120
    assert set(summary["seconds"]) == set(STAGES) - {"report"}  # which is written from the tables, and not by these runs
    shown = run("status", "tiny").output
    assert "last run" in shown
    assert "baseline ari" in shown


def test_sql_answers_as_a_table_and_as_json(at_home: Path) -> None:
    rows = json.loads(run("sql", "tiny", "select category, documents from label_counts", "--json").stdout)
    assert {row["category"] for row in rows} == set(NAMES.values())
    assert "Late Parcels" in run("sql", "tiny", "select category from label_counts").output
    assert len(json.loads(run("sql", "tiny", "from documents", "--json", "--limit", "3").stdout)) == 3


@pytest.mark.parametrize("query", ["select nothing from nowhere", "delete from documents", "copy documents to '/tmp/x.csv'"])
def test_sql_that_is_wrong_or_writes_is_refused(at_home: Path, tell: Callable[..., tuple[int, str, str]], query: str) -> None:
    code, _, err = tell("sql", "tiny", query)
    assert code == 1
    assert "could not answer" in err
    assert json.loads(run("status", "tiny", "--json").stdout)["documents"] == 120


def test_doctor_looks_at_the_machine_and_every_project(workspace: Path) -> None:
    write_project(workspace)
    (workspace / "projects" / "broken.yaml").write_text("name: broken\n", encoding="utf-8")
    result = run("doctor", "--json")
    assert result.exit_code == 0
    found = {row["what"].strip(): row for row in json.loads(result.stdout)}
    assert {"python", "cores", "memory", "disk", "embedder", "project tiny", "project broken"} <= set(found)
    assert found["project tiny"]["good"]
    assert not found["project broken"]["good"]
    assert "use_case: Field required" in found["project broken"]["detail"]
    assert not found["embedder"]["good"]
    assert not (workspace / "cache").exists()
    assert "look" in run("doctor", "tiny").output
