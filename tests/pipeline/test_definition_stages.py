"""Definitions checked and labels repeated in a run: asked once, saved as they come, taken up after a kill, and never taken for labels."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.check_records import DefinitionCheck
from pipeline.errors import EngineError
from pipeline.evaluation.definition_checks import BESIDE, NEUTRAL, check_definitions, definition_checker
from pipeline.evaluation.repeats import AGAIN, REWORDINGS
from pipeline.records import Category, Evaluation, Taxonomy
from pipeline.serving.contract import Answer, Choice, Question
from pipeline.settings import Project
from pipeline.stages import Session, run_stage
from pipeline.stages.checks import CHECKS, examine
from pipeline.stages.definition_checks import missing_checks, told_of
from pipeline.stages.plan import plan
from pipeline.stages.repeated_labels import missing_repeats
from pipeline.stages.taxonomy_findings import definition_table, flip_table
from pipeline.testing import ScriptedChat
from tests.tiny import NAMES, knowing_reply, last_text, run_all, tiny_session

MakeProject = Callable[..., Project]
STAGES = ("definition_checks", "repeated_labels", "evaluation")


def figures(session: Session) -> dict[tuple[str, str], Evaluation]:
    found = session.store.evaluations_of(session.store.current("evaluation_id") or "")
    return {(one.metric, one.slice): one for one in found if one.subject in {"taxonomy", "annotator"}}


def asked(session: Session) -> int:
    return int(session.annotator.asked)  # type: ignore[attr-defined]


def rerun(session: Session) -> dict[tuple[str, str], Evaluation]:
    """Forget what was checked and repeated, its answers too, and do it again."""
    with session.store.writer() as connection:
        connection.execute("delete from definition_checks")
        connection.execute("delete from labels where annotator_id in (select annotator_id from annotators where kind = 'repeat')")
        connection.execute("delete from llm_calls where purpose in ('definition', 'annotate')")
    for stage in STAGES:
        run_stage(stage, session)
    return figures(session)


def test_a_model_that_knows_finds_no_gap_no_overlap_and_no_flip(finished_session: Session) -> None:
    found = figures(finished_session)
    assert [found[metric, "all"].value for metric in ("gap", "overlap", "unanswered", "flip_rate")] == [0, 0, 0, 0]
    assert found["definition_recall", "all"].value >= 0.9, "the teacher need not say what the model says"
    assert found["spill_over", "all"].value < 0.1
    assert found["gap", "all"].n == 24
    assert found["gap", "all"].judge == "self-judged: scripted"
    assert found["stability", "all"].judge == "1 other candidate"
    assert {slice_ for metric, slice_ in found if metric == "definition_recall"} == {"all", *(f"category={name}" for name in NAMES.values())}
    assert found["distinctness", "least"].value == min(one.value for (metric, _), one in found.items() if metric == "distinctness")


def always(answer: str) -> Callable[[Question], str]:
    return lambda question: answer if question.purpose == "definition" else knowing_reply(question)


@pytest.mark.parametrize(("answer", "values"), [("yes", [0, 1, 1, 1]), ("no", [1, 0, 0, 0])])
def test_a_model_that_says_the_same_of_everything_is_seen_to(answer: str, values: list[float], make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat(always(answer))) as session:
        found = rerun(session)
        assert [found[metric, "all"].value for metric in ("gap", "overlap", "definition_recall", "spill_over")] == values
        warned = {rule.name: examine(rule, "definition_checks", session).passed for rule in CHECKS["definition_checks"]}
        assert warned == {"few_gaps": answer == "yes", "little_overlap": answer == "no"}
        assert {row["fits_too"] is None for row in definition_table(session)} == {answer == "no"}


def leaning(question: Question) -> str | Answer:
    """Say yes to everything, only surer where it is right, as a small model does."""
    if question.purpose != "definition":
        return knowing_reply(question)
    odds = 5.0 if knowing_reply(question) == "yes" else 1.0
    return Answer("ok", text="yes", scores={"yes": -math.log1p(math.exp(-odds)), "no": -odds - math.log1p(math.exp(-odds))})


def test_what_a_model_leans_to_is_taken_out_of_its_answers(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat(leaning)) as session:
        found = rerun(session)
        assert [found[metric, "all"].value for metric in ("gap", "overlap")] == [0, 0]
        assert found["definition_recall", "all"].value >= 0.9
        assert found["spill_over", "all"].value < 0.1


def test_each_definition_is_asked_about_by_itself_and_the_document_stands_last(make_project: MakeProject, copied: Path) -> None:
    chat = ScriptedChat(knowing_reply)
    with tiny_session(make_project(), copied, chat=chat) as session:
        rerun(session)
    questions = [question for question in chat.questions if question.purpose == "definition"]
    names = [next(name for name in NAMES.values() if question.messages[-1].content.startswith(f"Description: {name}")) for question in questions]
    assert [name for name, _ in itertools.groupby(names)] == list(dict.fromkeys(names)), "those of one category follow one another"
    for question, name in zip(questions, names, strict=True):
        assert not any(other in message.content for message in question.messages for other in set(NAMES.values()) - {name})
        assert question.messages[-1].content.endswith("</text>")
    shown = Counter(map(last_text, questions))
    assert all(shown[text] == len(NAMES) for text in NEUTRAL)


def test_a_second_run_asks_nothing_and_writes_nothing(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        rows = session.store.counts()
        reports = [run_stage(stage, session) for stage in STAGES]
        assert [(report.made, report.total > 0) for report in reports] == [(0, True)] * 3
        after = session.store.counts()
        assert asked(session) == 0
        assert {name: count for name, count in after.items() if rows[name] != count and name not in {"stage_runs", "runs", "backups"}} == {}
        assert missing_checks(session) == missing_repeats(session) == 0


def dying(after: int) -> Callable[[Question], str]:
    count = itertools.count()

    def reply(question: Question) -> str:
        if next(count) >= after:
            raise EngineError("the server is gone")
        return knowing_reply(question)

    return reply


def test_what_was_killed_goes_on_where_it_stopped(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat(dying(70))) as session:
        with session.store.writer() as connection:
            connection.execute("delete from definition_checks")
            connection.execute("delete from llm_calls where purpose = 'definition'")
        with pytest.raises(EngineError):
            run_stage("definition_checks", session)
        saved = session.store.count("definition_checks")
        assert 0 < saved < 96
    with tiny_session(make_project(), copied) as session:
        report = run_stage("definition_checks", session)
        assert (report.made, report.total) == (96 - saved, 96)
        assert asked(session) <= 96 + BESIDE * len(NAMES) - 64, "16 of the answers were not recorded yet"


def test_a_budget_that_is_reached_leaves_the_rest_for_another_run(make_project: MakeProject, copied: Path) -> None:
    def reply(question: Question) -> str:
        from pipeline.errors import BudgetReachedError

        if question.purpose == "definition" and next(count) >= 60:
            raise BudgetReachedError("The budget of 60 calls is used.")
        return knowing_reply(question)

    count = itertools.count()
    with tiny_session(make_project(), copied, chat=ScriptedChat(reply)) as session:
        with session.store.writer() as connection:
            connection.execute("delete from definition_checks")
            connection.execute("delete from llm_calls where purpose = 'definition'")
        report = run_stage("definition_checks", session)
        assert report.stopped is not None
        assert "questions about the definitions" in report.stopped
        assert 0 < report.made < 96
        run_stage("evaluation", session)
        assert figures(session)["unanswered", "all"].n == report.made


def failing(question: Question) -> str:
    return "perhaps" if question.purpose == "definition" and "parcel" in last_text(question) else knowing_reply(question)


def test_failures_are_rows_with_a_reason_and_are_asked_again(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat(failing)) as session:
        found = rerun(session)
        rows = session.store.rows("select reason, count(*) from definition_checks where answer is null group by reason")
        assert [reason for reason, _ in rows] == ["not_an_option"]
        assert found["unanswered", "all"].value == pytest.approx(rows[0][1] / 96)
        assert found["gap", "all"].n < 24
    with tiny_session(make_project(), copied) as session:
        assert missing_checks(session) == rows[0][1] + BESIDE * len(NAMES)
        assert run_stage("definition_checks", session).made == rows[0][1]
        assert session.store.rows("select count(*) from definition_checks where answer is null") == [(0,)]


def flipping(question: Question) -> str:
    """Label a text that begins with a greeting otherwise."""
    if question.purpose == "annotate" and last_text(question).startswith("Hello, ") and isinstance(question.form, Choice):
        return next(option for option in question.form.options if option != knowing_reply(question))
    return knowing_reply(question)


def test_an_annotator_that_heeds_what_does_not_matter_is_seen_to_flip(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat(flipping)) as session:
        found = rerun(session)
        assert {name: found["flip_rate", f"kind={name}"].value for name in (AGAIN, *REWORDINGS)} == {
            AGAIN: 0, "case": 0, "punctuation": 0, "space": 0, "greeting": 1,
        }  # fmt: skip
        assert found["flip_rate", "kind=wording"].value == pytest.approx(1 / 4)
        assert found["flip_rate", "all"].value == pytest.approx(1 / 8)
        assert {row["slice"] for row in flip_table(session)} >= {"all", "kind=wording"}
        assert not examine(CHECKS["repeated_labels"][0], "repeated_labels", session).passed or found["flip_rate", "all"].low <= 0.1


def test_votes_in_the_other_order_are_taken_as_they_are(make_project: MakeProject, copied: Path) -> None:
    changed = make_project(annotation={"sample": 60, "reordered": 0.2})
    with tiny_session(changed, copied) as session:
        for stage in ("annotations", "labels", *STAGES):
            run_stage(stage, session)
        found = figures(session)
    assert (found["flip_rate", "kind=order"].value, found["flip_rate", "kind=order"].n) == (0, 12)


def test_repeats_and_checks_are_taken_for_nobodys_labels(finished_session: Session) -> None:
    store = finished_session.store
    repeats = store.rows("select count(*), count(distinct text_hash) from labels join annotators using (annotator_id) where kind = 'repeat'")
    assert repeats == [(32, 16)]
    ids = "(select annotator_id from annotators where kind in ('repeat', 'checker'))"
    assert store.rows(f"select count(*) from current where value in {ids}") == [(0,)]  # noqa: S608 - a constant
    assert store.rows(f"select count(*) from annotator_quality where annotator_id in {ids}") == [(0,)]  # noqa: S608 - a constant
    assert store.rows("select count(*) from current_labels where labelled_by not in ('llm', 'student')") == [(0,)]
    assert len(store.labels(store.current("taxonomy_id") or "", store.current("teacher_annotator_id") or "")) == 60


def test_nothing_is_asked_where_the_samples_are_none(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(evaluation={"resamples": 100, "judge_sample": 0, "told_sample": 0, "definition_sample": 0, "repeat_sample": 0})
    with tiny_session(project, tmp_path / "state") as session:
        reports = run_all(session)
        assert [(reports[stage].made, reports[stage].calls) for stage in STAGES[:2]] == [(0, 0), (0, 0)]
        assert told_of(session) is None
        assert not {metric for metric, _ in figures(session)} & {"gap", "overlap", "flip_rate"}
        assert all(examine(rule, stage, session).passed for stage in STAGES[:2] for rule in CHECKS[stage])
        planned = {row.stage: row.calls for row in plan(session, probing=False).stages}
        assert planned["definition_checks"] == planned["repeated_labels"] == 0


def test_a_plan_counts_the_questions(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied) as session:
        done = {row.stage: row.calls for row in plan(session, probing=False).stages}
        assert (done["definition_checks"], done["repeated_labels"]) == (0, 0)
        with session.store.writer() as connection:
            connection.execute("delete from definition_checks")
            connection.execute("delete from labels where annotator_id in (select annotator_id from annotators where kind = 'repeat')")
        todo = {row.stage: row.calls for row in plan(session, probing=False).stages}
        assert (todo["definition_checks"], todo["repeated_labels"]) == (96 + BESIDE * len(NAMES), 32)


def test_labels_of_the_version_before_are_held_against_those_of_this_one(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied) as session:
        present = session.store.taxonomy(session.store.current("taxonomy_id") or "")
        given = session.store.labels(present.taxonomy_id, session.store.current("teacher_annotator_id") or "")
        assert session.store.labelled_before(present.taxonomy_id, [label.text_hash for label in given]) == ("", {})
        later = Taxonomy("tax:later", "apply", present.step + 1, present.taxonomy_id, present.use_case, present.method, present.categories)
        session.store.save([later])
        version, before = session.store.labelled_before("tax:later", [label.text_hash for label in given])
        assert version == present.taxonomy_id
        assert before == {label.text_hash: label.category_id for label in given}
        session.store.mark_current(taxonomy_id="tax:later")
        for stage in ("annotations", "labels", *STAGES):
            run_stage(stage, session)
        found = figures(session)
        assert (found["ari", "version before"].value, found["ari", "version before"].n) == (1.0, len(given))
        assert found["ari", "version before"].judge == f"labels under {present.taxonomy_id}"
        assert found["stability", "all"].judge == "1 other candidate"


@pytest.fixture
def two() -> Iterator[Taxonomy]:
    yield Taxonomy("tax:1", "given", 0, None, "", "", (Category("cat:1", "Pets", "Cats."), Category("cat:2", "Cars", "Engines.")))


def test_answers_without_scores_are_taken_by_their_word(two: Taxonomy, a_project: Project) -> None:
    chat = ScriptedChat(lambda question: Answer("ok", text="yes" if "Pets" in question.messages[-1].content else "no"))
    checker = definition_checker(a_project, chat.model)
    pairs = [("a", "cat:1"), ("b", "cat:1"), ("a", "cat:2")]
    found = check_definitions(pairs, {"a": "my cat", "b": "my dog"}, taxonomy=two, annotator=checker, chat=chat, project=a_project)
    assert [[(check.text_hash, check.answer, check.probability) for check in of_one] for of_one in found] == [
        [("a", "yes", None), ("b", "yes", None)],
        [("a", "no", None)],
    ]


def test_a_check_without_an_answer_says_neither(two: Taxonomy) -> None:
    assert DefinitionCheck("a", "tax:1", "cat:1", "annotator:1", None, reason="empty").fits is None
