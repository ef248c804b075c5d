"""The command that tests the metrics: a table, JSON, and an exit status that a script can ask."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ProjectError
from pipeline.settings import Project
from pipeline.stages import Session, opening_sessions
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, tiny_rows, write_project

Run = Callable[..., Result]


@pytest.fixture
def run(copied: Path, workspace: Path) -> Iterator[Run]:
    """Give what runs the command on the finished tiny project; a question to a model would end it."""

    def opener(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
        return Session(project, run_id=run_id, progress=progress, chat=ScriptedChat([]), embedder=TinyEmbedder())

    with opening_sessions(opener):
        yield lambda *arguments: CliRunner().invoke(app, ["selftest", *arguments], env={"COLUMNS": "200"})


def test_the_metrics_of_a_finished_project_collapse_on_junk(run: Run, workspace: Path) -> None:
    write_project(workspace)
    found = run("tiny", "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["passed"], told["by"]) == (True, "the gold labels")
    missing = {one["metric"]: one for one in told["tests"] if (one["case"], one["subject"], one["slice"]) == ("missing", "student", "all")}
    assert missing["accuracy"]["true"] > 0.5
    assert (missing["accuracy"]["value"], missing["accuracy"]["n"], missing["accuracy"]["passed"]) == (0.0, 120, True)
    shown = run("tiny")
    assert shown.exit_code == 0
    assert "Metrics of tiny on junk, by the gold labels" in shown.stdout
    assert "tests passed" in shown.stdout
    assert len(run("tiny", "--all").stdout.splitlines()) > len(shown.stdout.splitlines())


def test_a_project_without_labels_is_told_to_run_first(workspace: Path) -> None:
    write_project(workspace, name="fresh", rows=tiny_rows())
    found = CliRunner().invoke(app, ["selftest", "fresh"])
    assert isinstance(found.exception, ProjectError)
    assert "run" in str(found.exception)
