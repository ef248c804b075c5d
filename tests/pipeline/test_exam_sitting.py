"""The exam tells a model that can from one that cannot, costs nothing the second time, and a run heeds it as the project says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call_records import ExamResult, StageServing
from pipeline.errors import EngineError, ExamFailedError
from pipeline.exam import NEEDS
from pipeline.serving.contract import Answer, Question
from pipeline.settings import Project
from pipeline.stages import Quiet, Session, run_stage
from pipeline.stages.exam import check_role, explain, is_enough, rate, take_exam, take_exams, verdict
from pipeline.testing import ScriptedChat
from tests.exams import QUESTIONS, hopeless, perfect
from tests.tiny import tiny_session

MakeProject = Callable[..., Project]
CALLS = 42  # the labels in their first order are on record when stability asks for them


class Told(Quiet):
    """Keeps what it was to show."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def status(self, message: str) -> None:
        self.messages.append(message)


def asked(session: Session) -> int:
    return int(session.generator.asked)  # type: ignore[attr-defined]


def sit(project: Project, folder: Path, reply: Callable[[Question], "str | Answer"], *, run_id: str = "run") -> Session:
    session = tiny_session(project, folder, chat=ScriptedChat(reply), run_id=run_id)
    session.progress = Told()
    return session


def told(session: Session) -> list[str]:
    assert isinstance(session.progress, Told)
    return session.progress.messages


def score(results: list[ExamResult]) -> dict[str, tuple[int, int]]:
    return {result.skill: (result.passed, result.asked) for result in results}


def test_a_perfect_model_passes_everything_and_asking_again_costs_nothing(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    with sit(project, tmp_path / "s", perfect) as session:
        verdicts = take_exams(session)
        assert asked(session) == CALLS, "a model with two roles is examined once"
    assert [found.state for found in verdicts] == ["passed", "passed"]
    assert score(list(verdicts[0].results)) == {skill: (count, count) for skill, count in QUESTIONS.items()}
    assert all(found.results == verdicts[0].results for found in verdicts)
    with sit(project, tmp_path / "s", hopeless) as session:
        assert take_exams(session) == verdicts
        assert asked(session) == 0
        assert session.store.query("select distinct purpose, count(*) from llm_calls group by all")[1] == [("exam", CALLS)]
        assert session.store.query("select count(*), sum(asked) from exams")[1] == [(7, 42)]


def test_asking_anew_replaces_the_results(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    with sit(project, tmp_path / "s", perfect) as session:
        take_exams(session)
    with sit(project, tmp_path / "s", hopeless, run_id="later") as session:
        found = take_exams(session, again=True)
        assert asked(session) >= CALLS - 1, "who fails the shorter list to group is not asked the longer one"
        assert [one.state for one in found] == ["failed", "failed"]
        assert verdict(session, "generator") == found[0]


def test_a_hopeless_model_passes_nothing(make_project: MakeProject, tmp_path: Path) -> None:
    with sit(make_project(), tmp_path / "s", hopeless) as session:
        assert score(take_exam(session, "annotator")) == {skill: (0, count) for skill, count in QUESTIONS.items()}
        found = verdict(session, "generator")
        assert [result.skill for result in found.failed] == list(NEEDS["generator"])
        said = explain(found, project=session.project)
        assert "format, 0 of 6 with 80% needed: summaries and category names will be missing" in said
        assert "Set another engine.model" in said
    assert "Set another generator.model" in explain(found, project=make_project(generator={"model": "other"}))


def test_a_model_that_cannot_group_the_shorter_list_is_not_asked_the_longer_one(make_project: MakeProject, tmp_path: Path) -> None:
    with sit(make_project(), tmp_path / "s", hopeless) as session:
        assert score(take_exam(session, "generator"))["group"] == (0, 2)
        assert asked(session) == CALLS - 1


def test_a_sitting_that_was_broken_off_goes_on_where_it_was(make_project: MakeProject, tmp_path: Path) -> None:
    def dies(question: Question) -> str:
        if question.prompt.startswith("exam_language"):
            raise EngineError("gone")
        return perfect(question)

    project = make_project()
    with sit(project, tmp_path / "s", dies) as session, pytest.raises(EngineError):
        take_exam(session, "generator")
    with sit(project, tmp_path / "s", perfect) as session:
        assert verdict(session, "generator").state == "not examined"
        take_exam(session, "generator")
        assert asked(session) == CALLS - QUESTIONS["format"] - QUESTIONS["cap"]
        assert verdict(session, "generator").state == "passed"


def test_what_the_server_failed_is_not_held_against_the_model(make_project: MakeProject, tmp_path: Path) -> None:
    def broken(question: Question) -> "str | Answer":
        return Answer("server_error", error="Status 500.") if question.prompt.startswith("exam_cap") else perfect(question)

    with sit(make_project(), tmp_path / "s", broken) as session:
        with pytest.raises(EngineError, match="failed 6 of 6 questions on cap, as: Status 500"):
            take_exam(session, "generator")
        assert set(score(list(verdict(session, "generator").results))) == {"format"}


def test_the_speed_is_kept_where_the_ledger_had_the_answers(make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = StageServing("run", "exam", "scripted", None, 6, 0, 6, 0, 60, 0, 30, None, 9.0, 2.0, 3.0, 6, None, None)
    nothing: list[StageServing] = []
    with sit(make_project(), tmp_path / "s", perfect) as session:
        monkeypatch.setattr(session, "served", lambda stage: [served])
        assert {result.tokens_per_second for result in take_exam(session, "generator")} == {15.0}
        monkeypatch.setattr(session, "served", lambda stage: nothing)
        assert {result.tokens_per_second for result in take_exam(session, "generator", again=True)} == {15.0}
        assert take_exam(session, "generator") == take_exam(session, "annotator")


@given(st.integers(1, 60).flatmap(lambda asked: st.tuples(st.integers(0, asked), st.just(asked))), st.floats(0, 1))
def test_a_rate_lies_in_its_interval_and_all_passed_is_always_enough(counts: tuple[int, int], needed: float) -> None:
    passed, of = counts
    result = ExamResult("e", "m", "cap", passed, of, needed, None)
    share = rate(result)
    assert 0 <= share.low <= share.value + 1e-12
    assert share.value <= share.high + 1e-12
    assert share.n == of
    assert is_enough(result) == (share.value >= needed)
    assert passed < of or is_enough(result)


@pytest.mark.parametrize(("reply", "said"), [(perfect, 0), (hopeless, 1)])
def test_a_warning_comes_once_a_session_and_only_where_it_is_due(
    make_project: MakeProject, tmp_path: Path, reply: Callable[[Question], str], said: int
) -> None:
    with sit(make_project(), tmp_path / "s", reply) as session:
        take_exams(session)
        for _ in range(3):
            check_role(session, "generator")
        check_role(session, None)
        assert len(told(session)) == said
        assert all("failed the exam in format" in message and "linnaeus exam tiny" in message for message in told(session))


def test_a_model_that_was_not_examined_gets_a_hint_and_no_question(make_project: MakeProject, tmp_path: Path) -> None:
    with sit(make_project(), tmp_path / "s", perfect) as session:
        check_role(session, "annotator")
        assert len(told(session)) == 1
        assert "annotator scripted has not been examined; `linnaeus exam tiny`" in told(session)[0]
        assert asked(session) == 0


def test_off_says_nothing(make_project: MakeProject, tmp_path: Path) -> None:
    with sit(make_project(exam="off"), tmp_path / "s", hopeless) as session:
        take_exams(session)
        check_role(session, "generator")
        assert told(session) == []


def test_a_project_may_refuse_a_model_that_failed_or_was_not_examined(make_project: MakeProject, tmp_path: Path) -> None:
    with sit(make_project(exam="refuse"), tmp_path / "s", hopeless) as session:
        run_stage("documents", session)
        for _ in range(2):
            with pytest.raises(ExamFailedError, match=r"has not been examined; `linnaeus exam tiny`.*exam: refuse"):
                run_stage("summaries", session)
        assert asked(session) == 0
        take_exams(session)
        with pytest.raises(ExamFailedError, match=r"failed the exam in format, 0 of 6"):
            run_stage("summaries", session)
        assert session.store.query("select stage, status from stage_runs order by 1")[1] == [("documents", "done"), ("summaries", "failed")]


def test_a_project_that_refuses_goes_on_with_a_model_that_passed(make_project: MakeProject, tmp_path: Path) -> None:
    with sit(make_project(exam="refuse"), tmp_path / "s", perfect) as session:
        take_exams(session)
        check_role(session, "generator")
        check_role(session, "annotator")
        assert told(session) == []
