"""The commands on students: list them, look at one, compare two, choose which one is in use, and go back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ArtefactError, LinnaeusError, ProjectError, StudentError
from pipeline.settings import Project, load_project
from pipeline.stages import Session, opening_sessions
from pipeline.stages.promotion import decide
from pipeline.testing import ScriptedChat
from tests.registry import current_id, further_student
from tests.tiny import TinyEmbedder, write_project

Tell = Callable[..., str]
FURTHER = {"good": "0" * 31 + "1", "mistaken": "f" * 32}  # the digits of their ids


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["students", *arguments], env={"COLUMNS": "200"})


def lines(*arguments: str) -> list[str]:
    """Give what a command says, line by line, with white space made one."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.output.splitlines()]


def opener(project: Project, *, run_id: str | None = None, progress: Any = None) -> Session:
    return Session(project, run_id=run_id, progress=progress, chat=ScriptedChat([]), embedder=TinyEmbedder())


@pytest.fixture(name="session")
def _session(copied: Path, workspace: Path) -> Iterator[Session]:
    """The finished tiny project; its sessions ask no model."""
    project = load_project(write_project(workspace, facets={"urgency": {"use_case": "how urgent"}}))
    with opening_sessions(opener), opener(project) as session:
        assert session.folder == copied
        yield session


@pytest.fixture(name="three")
def _three(session: Session) -> str:
    """Add one student as good as the one in use, of which nothing was decided, and a mistaken one that was kept out; give the first one's id."""
    first = current_id(session)
    further_student(session, FURTHER["good"])
    assert not decide(session, further_student(session, FURTHER["mistaken"], mistaken=True))
    session.store.publish()
    return first


def short(classifier_id: str) -> str:
    return classifier_id[: len("student:") + 8]


def test_list_shows_all_students_the_latest_first_and_which_is_in_use(session: Session, three: str) -> None:
    said = lines("list", "tiny")
    rows = [line for line in said if "student:" in line]
    assert [row.startswith("*") for row in rows] == [False, False, True]
    assert [name in row for name, row in zip(("student:ffffffff", "student:00000000", short(three)), rows, strict=True)] == [True, True, True]
    assert "Students of tiny; * is in use" in said
    found = json.loads(run("list", "tiny", "--json").output)
    assert [(one["classifier_id"], one["in_use"], one["trained_at"] is None) for one in found] == [
        (f"student:{FURTHER['mistaken']}", False, False),
        (f"student:{FURTHER['good']}", False, True),
        (three, True, False),
    ]
    student = session.store.student(three)
    assert (found[2]["trained_on"], found[2]["agreement"], found[2]["of_present_taxonomy"]) == (
        student.trained_on,
        student.metrics["agreement"],
        True,
    )
    assert found[2]["candidate"] == student.settings["candidate"]
    assert 0 <= found[2]["coverage"] <= 1


def test_show_tells_how_a_student_was_chosen_and_what_was_decided_of_it(session: Session, three: str) -> None:
    said = lines("show", "tiny", three.removeprefix("student:")[:10])
    student = session.store.student(three)
    assert f"{three}: in use, learnt from {student.trained_on} labelled documents" in said
    assert student.settings["reason"] in said
    trials = session.store.student_trials(three)
    assert len(trials) > 1
    assert all(any(trial.candidate in line and line.startswith("*") is trial.chosen for line in said) for trial in trials)
    assert any("in use" in line and "rule" in line and "It is the first one." in line for line in said)
    assert said[-1] == f"model card: {session.folder / student.path / 'README.md'}"
    found = json.loads(run("show", "tiny", "fff", "--json").output)
    assert (found["classifier_id"], found["in_use"], found["trials"]) == (f"student:{FURTHER['mistaken']}", False, [])
    (decision,) = found["decisions"]
    assert (decision["previous_id"], decision["promoted"], decision["decided_by"]) == (three, False, "rule")


def test_compare_says_which_of_two_is_right_more_often(three: str) -> None:
    said = lines("compare", "tiny", three, "fff")
    assert said[:2] == [f"old: {three}", f"new: student:{FURTHER['mistaken']}"]
    assert said[2].startswith("By the teacher's labels, on ")
    assert said[3] == "The new one is worse by more than chance."
    assert lines("compare", "tiny", three, "student:000")[3] == "The new one is not worse by more than chance."
    found = json.loads(run("compare", "tiny", "fff", three, "--json").output)
    assert (found["old_id"], found["new_id"], found["worse"]) == (f"student:{FURTHER['mistaken']}", three, False)
    assert found["gain"] > 0.5
    assert found["only_old"] == 0 < found["only_new"] <= found["n"]


def test_promote_and_rollback_say_what_a_run_has_yet_to_do(session: Session, three: str) -> None:
    good = f"student:{FURTHER['good']}"
    assert lines("promote", "tiny", "000") == [
        f"{good} is in use now in place of {three}.",
        "120 of 120 texts have no prediction by it yet, and show none in the views: linnaeus run tiny",
    ]
    assert session.store.query("select value from current where key = 'classifier_id'")[1] == [(good,)]
    assert lines("rollback", "tiny") == [
        f"{three} is in use now in place of {good}.",
        "Its predictions are all there, and the views show them. The figures are still those of the one before: linnaeus run tiny",
    ]
    assert session.store.query("select count(*) from labelled_documents where labelled_by = 'student'")[1] == [(60,)]
    result = run("rollback", "tiny")
    assert isinstance(result.exception, StudentError)
    assert "has had no other student in use" in str(result.exception)


def test_card_prints_the_model_card(session: Session, three: str) -> None:
    written = (session.folder / session.store.student(three).path / "README.md").read_text(encoding="utf-8")
    assert run("card", "tiny").output == written
    assert "# tiny" in written
    assert f"classifier: student:{FURTHER['good']}" in run("card", "tiny", "000").output
    (session.folder / session.store.student(three).path / "README.md").unlink()
    assert run("card", "tiny").output == written, "it is written again"
    for name in ("README.md", "card.json"):
        (session.folder / session.store.student(three).path / name).unlink()
    assert isinstance(run("card", "tiny").exception, ArtefactError)


def test_a_facet_without_a_student_has_none_of_another_one(three: str) -> None:
    assert run("list", "tiny", "--facet", "urgency").output == "There is no student yet; linnaeus run tiny trains one.\n"
    assert json.loads(run("list", "tiny", "--facet", "urgency", "--json").output) == []
    assert "no student in use yet" in str(run("card", "tiny", "--facet", "urgency").exception)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["show", "tiny", ""], StudentError, "3 students begin with '': student:ffffffff"),
        (["show", "tiny", "xyz"], StudentError, "No student begins with 'xyz'; there are: student:ffffffff"),
        (["compare", "tiny", "fff", "student:ff"], StudentError, "is one student; name two to compare"),
        (["promote", "tiny", "xyz"], StudentError, "linnaeus students list"),
        (["list", "tiny", "--facet", "mood"], ProjectError, "Project tiny has no facet 'mood'; there are main, urgency."),
        (["rollback", "nothing"], ProjectError, "There is no project 'nothing'"),
    ],
)
@pytest.mark.usefixtures("three")
def test_what_cannot_be_done_is_said(arguments: list[str], error: type[LinnaeusError], said: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, error)
    assert said in str(result.exception)
