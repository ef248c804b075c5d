"""A plan on the command line: its grounds, its budget, how the last one fared, and what to do where no model answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import EngineError
from pipeline.serving.contract import Question
from pipeline.settings import Project
from pipeline.stages import STAGES, Session, finish_run, opening_sessions
from pipeline.testing import ScriptedChat
from pipeline.workspace import find_project
from tests.tiny import UNCHECKED, knowing_reply, run_all, tiny_session, write_project


def gone(_: Question) -> str:
    raise EngineError("The server at http://127.0.0.1:1 does not answer.")


@pytest.fixture(name="at_home")
def _at_home(workspace: Path) -> Callable[[Any], Any]:
    """Write the tiny project, and run commands on it with a scripted model."""
    write_project(workspace, budget={"calls": 1000}, evaluation=UNCHECKED)

    def opener(reply: Any) -> Callable[..., Session]:
        def open_one(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
            return tiny_session(project, workspace / ".linnaeus" / "projects" / "tiny", chat=ScriptedChat(reply), run_id=run_id or "p")

        return open_one

    return opener


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "250"})


def test_a_model_that_cannot_be_asked_is_an_error_that_says_how_to_plan_without_it(at_home: Callable[[Any], Any]) -> None:
    with opening_sessions(at_home(gone)):
        result = run("plan", "tiny")
        assert result.exit_code == 1
        assert isinstance(result.exception, EngineError)
        assert str(result.exception).endswith("does not answer. To plan without asking anything: linnaeus plan tiny --no-probe")
        assert run("plan", "tiny", "--no-probe").exit_code == 0


def test_the_command_shows_grounds_budget_and_how_the_last_plan_fared(at_home: Callable[[Any], Any]) -> None:
    with opening_sessions(at_home(knowing_reply)):
        shown = run("plan", "tiny").output
        assert "The probe asked 20 questions of summaries in" in shown
        assert "budget.calls 1,000: 233 planned, within the budget." in shown
        assert "on what ground" in shown
        assert "The plan" not in shown
        again = json.loads(run("plan", "tiny", "--json").stdout)
    assert set(again) == {"plan_id", "stages", "probe", "caps", "last", "lengths"}
    assert again["probe"]["now"]["calls"] == 0
    assert {row["stage"] for row in again["stages"]} <= set(STAGES)


def test_status_shows_the_plan_beside_the_run(at_home: Callable[[Any], Any], workspace: Path) -> None:
    project = at_home(knowing_reply)
    with opening_sessions(project):
        run("plan", "tiny")
        with tiny_session(find_project("tiny", workspace), workspace / ".linnaeus" / "projects" / "tiny", run_id="the-run") as session:
            session.store.start_run("the-run", "tiny")
            run_all(session)
            finish_run(session)
        shown = run("status", "tiny").output
        assert "The plan p and the run the-run" in shown
        rows = [line.replace("│", " ").split() for line in shown.splitlines() if line.startswith(("summaries", "annotations"))]
        assert [(row[1], row[2]) for row in rows] == [("40", "40"), ("60", "62")], "two texts spell the name of a category"
        compared = json.loads(run("status", "tiny", "--json").stdout)["plan"]
        assert {row["run_id"] for row in compared} == {"the-run"}
        assert "The plan p and the run the-run" in run("plan", "tiny").output
