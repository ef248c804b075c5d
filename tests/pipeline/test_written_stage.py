"""Examples of rare categories in a run: asked for once, labelled once, kept apart from documents, and learnt from where they help."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import BudgetReachedError, EngineError
from pipeline.ids import text_hash
from pipeline.serving.contract import Choice, Question
from pipeline.settings import Project
from pipeline.stages import Report, Session, run_stage
from pipeline.stages.checks import CHECKS
from pipeline.stages.learning import lesson_of, offer_of
from pipeline.stages.plan import plan
from pipeline.stages.session import Quiet
from pipeline.stages.taught import taught_of
from pipeline.store import Store
from pipeline.student_records import WrittenExample
from pipeline.testing import ScriptedChat
from tests.tiny import NAMES, SIGNS, knowing_reply, run_all, tiny_session, topic_of

MakeProject = Callable[..., Project]
RARE = {"least": 100, "written": 3}  # every category of the tiny project has fewer labels
TABLES = ("documents", "labels", "predictions", "evaluations", "embeddings", "summaries")


def writing(question: Question) -> str:
    """Write of the category that is asked for, another text for each seed; answer anything else as the scripted model does."""
    if question.purpose != "write":
        return knowing_reply(question)
    name = question.messages[-1].content.split("Category: ")[1].split(" (")[0]
    topic = next(topic for topic, known in NAMES.items() if known == name)
    signs = SIGNS[topic].split()
    return f"please see to the {signs[question.seed % len(signs)]} and the {signs[(question.seed + 3) % len(signs)]} soon"


def labelled_otherwise(question: Question) -> str:
    if isinstance(question.form, Choice) and "please see to the" in question.messages[-1].content:
        return question.form.options[-1]
    return writing(question)


class Told(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def status(self, message: str) -> None:
        self.messages.append(message)


def asked(session: Session) -> int:
    return int(session.generator.asked)  # type: ignore[attr-defined]


def run_rest(session: Session) -> dict[str, Report]:
    return {stage: run_stage(stage, session) for stage in ("written_examples", "classifier", "predictions")}


def rows(store: Store) -> list[tuple[Any, ...]]:
    return store.rows("select example_id, text, created_at from written_examples order by example_id")


def test_where_no_examples_are_asked_for_nothing_is_done_and_the_student_stays(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(), copied, chat=ScriptedChat([])) as session:
        report = run_stage("written_examples", session)
        assert (report.made, report.total, report.calls, asked(session)) == (0, 0, 0, 0)
        assert rows(session.store) == []
        assert run_stage("classifier", session).made == 0
        assert not lesson_of(session).written
        assert offer_of(session, lesson_of(session)) is None


def test_each_rare_category_gets_its_examples_which_the_annotator_labels_and_the_student_tries(make_project: MakeProject, copied: Path) -> None:
    told = Told()
    with tiny_session(make_project(rare=RARE), copied, chat=ScriptedChat(writing)) as session:
        before = {name: session.store.count(name) for name in TABLES}
        first = session.store.current("classifier_id")
        session.progress = told
        report = run_stage("written_examples", session)
        assert (report.made, report.total) == (12, 12)
        found = session.store.written_examples([row[0] for row in rows(session.store)])
        assert {one.category_id for one in found} == {one.annotated_id for one in found}
        assert all(one.annotated_id == one.category_id and one.text and one.annotator_id and one.reason is None for one in found)
        assert asked(session) == 12 + len({one.text_hash for one in found})
        assert run_stage("classifier", session).made == 1
        assert {name: session.store.count(name) for name in TABLES} == before, "no table of documents has a row more"
        found = CHECKS["written_examples"][0].test(session)
        assert (found.passed, found.said) == (True, "12 texts written, of which 0 are labelled or predicted like documents")
        second = lesson_of(session).classifier_id
        assert second != first
        (said,) = [message for message in told.messages if message.startswith("Written examples: ")]
        card = json.loads((session.folder / session.store.student(second).path / "card.json").read_text())
        assert card["written_examples"]["reason"] == said
        assert card["written_examples"]["offered"] == 12
        assert card["trained_on"] == session.store.student(first or "").trained_on, "labels are counted, examples are not"


def test_a_second_run_asks_nothing_and_makes_nothing(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(rare=RARE), copied, chat=ScriptedChat(writing)) as session:
        run_rest(session)
        before = rows(session.store)
    with tiny_session(make_project(rare=RARE), copied, chat=ScriptedChat([]), run_id="second") as session:
        assert [report.made for report in run_rest(session).values()] == [0, 0, 0]
        assert rows(session.store) == before


@pytest.mark.parametrize("count", [9, 14])  # while they are written, and while they are labelled
def test_a_run_whose_model_dies_half_way_makes_only_the_rest_when_it_goes_on(make_project: MakeProject, copied: Path, count: int) -> None:
    left = [count]

    def dying(question: Question) -> str:
        if not left[0]:
            raise EngineError("the server is gone")
        left[0] -= 1
        return writing(question)

    project = make_project(rare=RARE)
    with tiny_session(project, copied, chat=ScriptedChat(dying), run_id="first") as first, pytest.raises(EngineError):
        run_stage("written_examples", first)
    kept = rows(first.store)
    assert len(kept) == min(count, 12)
    with tiny_session(project, copied, chat=ScriptedChat(writing), run_id="second") as second:
        run_stage("written_examples", second)
        total = asked(first) + asked(second)
        whole = rows(second.store)
        texts = {row[1] for row in whole}
    assert len(whole) == 12
    assert {row[:2] for row in kept} <= {row[:2] for row in whole}
    assert total == 12 + len(texts), "no question was asked twice"


def test_only_the_labels_are_asked_for_again_where_another_annotator_gave_them(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(rare=RARE), copied, chat=ScriptedChat(writing)) as session:
        run_stage("written_examples", session)
        found = session.store.written_examples([row[0] for row in rows(session.store)])
        session.store.save([replace(one, annotator_id="annotator:other", annotated_id=None) for one in found])
        before = asked(session)
        assert run_stage("written_examples", session).made == 12
        assert asked(session) == before, "the ledger has the answers"
        assert session.store.written_examples([one.example_id for one in found]) == found


def test_more_examples_of_each_category_are_added_to_those_there_are(make_project: MakeProject, copied: Path) -> None:
    for count, made in ((2, 8), (3, 4), (1, 0)):
        with tiny_session(make_project(rare={**RARE, "written": count}), copied, chat=ScriptedChat(writing), run_id=f"run-{count}") as session:
            report = run_stage("written_examples", session)
            assert (report.made, report.total) == (made, 4 * count)
            assert len(lesson_of(session).written) == 4 * count, "no more are learnt from than are asked for"


def test_what_the_annotator_calls_otherwise_is_kept_as_a_row_and_teaches_nothing(make_project: MakeProject, copied: Path) -> None:
    with tiny_session(make_project(rare=RARE), copied, chat=ScriptedChat(labelled_otherwise)) as session:
        run_rest(session)
        found = session.store.written_examples([row[0] for row in rows(session.store)])
        assert {one.reason for one in found} == {"none_fits"}
        card = json.loads((session.folder / session.store.student(lesson_of(session).classifier_id).path / "card.json").read_text())
    assert card["written_examples"]["refused"] == {"the annotator says otherwise": 12}
    assert not card["written_examples"]["used"]


def test_the_writer_sees_no_held_out_document_and_cited_ones_before_labels_that_judge(make_project: MakeProject, copied: Path) -> None:
    chat = ScriptedChat(writing)
    with tiny_session(make_project(rare=RARE), copied, chat=chat) as session:
        run_stage("written_examples", session)
        taught = taught_of(session)
        held = {document.text for document in session.store.texts(taught.held_out)}
        asking = [question.messages[-1].content for question in chat.questions if question.purpose == "write"]
        assert held and not [text for text in held for content in asking if f"- {text}\n" in content]
        offered = offer_of(session, lesson_of(session))
        assert offered is not None
        assert {text for one in lesson_of(session).written for text in one.shown} <= set(taught.cited)
        assert offered.judged.all()
        assert len(offered.strangers) == len(taught.held_out)


def test_of_labels_the_writer_sees_half_at_most_and_those_do_not_judge(make_project: MakeProject, tmp_path: Path) -> None:
    """A given taxonomy cites no document."""
    (make_project().folder / "given.csv").write_text("name,description\n" + "".join(f"{name},Messages about {name}\n" for name in NAMES.values()))
    taxonomy = {"method": "given", "seeds": "given.csv", "sample": 20, "validation": 10, "cards": False, "passes": 1}
    project = make_project(rare=RARE, taxonomy=taxonomy, annotation={"sample": 20, "reordered": 0})
    with tiny_session(project, tmp_path / "store", chat=ScriptedChat(writing)) as session:
        run_all(session, until="written_examples")
        taught, lesson = taught_of(session), lesson_of(session)
        offered = offer_of(session, lesson)
        assert offered is not None and not taught.cited
        labels, shown = taught.categories(), {text for one in lesson.written for text in one.shown}
        assert shown and shown <= set(labels)
        assert [label.text_hash in shown for label in lesson.taught] == (~offered.judged).tolist()
        for category in {one.category_id for one in lesson.written}:
            mine = [text for text, label in labels.items() if label == category]
            assert len(shown.intersection(mine)) == min(4, len(mine) // 2)


def test_a_budget_that_is_reached_ends_it_and_the_student_learns_all_the_same(make_project: MakeProject, copied: Path) -> None:
    left = [5]

    def spending(question: Question) -> str:
        if not left[0]:
            raise BudgetReachedError("The budget of 5 calls is reached.")
        left[0] -= 1
        return writing(question)

    with tiny_session(make_project(rare=RARE), copied, chat=ScriptedChat(spending)) as session:
        report = run_stage("written_examples", session)
        assert report.made == 5
        assert report.stopped == "The budget of 5 calls is reached. Left: 7 of 12 written examples."
        assert run_stage("classifier", session).made == 1


def test_a_plan_counts_the_calls_before_and_none_after(make_project: MakeProject, copied: Path, tmp_path: Path) -> None:
    def calls(session: Session) -> int:
        return {row.stage: row.calls for row in plan(session, probing=False).stages}["written_examples"]

    with tiny_session(make_project(), copied) as session:
        assert calls(session) == 0
    with tiny_session(make_project(rare=RARE), copied, chat=ScriptedChat(writing)) as session:
        assert calls(session) == 24
        run_stage("written_examples", session)
        assert calls(session) == 0
    with tiny_session(make_project(rare=RARE), tmp_path / "new") as session:
        assert calls(session) == 2 * 3, "a quarter of at most five categories"


def test_each_facet_has_examples_of_its_own(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(rare={"least": 100, "written": 1}, facets={"matter": {"use_case": "which matter is it"}})
    with tiny_session(project, tmp_path / "store", chat=ScriptedChat(writing)) as session:
        reports = run_all(session, until="classifier")
        taxonomies = session.store.rows("select distinct taxonomy_id from written_examples")
    assert reports["written_examples"].total == 8
    assert len(taxonomies) == 2


def test_examples_come_back_from_the_store_in_the_order_asked_for(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    one = WrittenExample("example:1", "tax:1", "cat:a", 0, "m", "p", "a text", text_hash("a text"), ("text:1", "text:2"), "ann", "cat:a")
    failed = WrittenExample("example:2", "tax:1", "cat:a", 1, "m", "p", reason="empty")
    store.save([failed, one])
    assert store.missing_examples(["example:3", "example:1", "example:0"]) == ["example:3", "example:0"]
    assert store.written_examples(["example:1", "example:3", "example:2"]) == [one, failed]
    store.save([replace(one, annotated_id="cat:b")])
    assert store.count("written_examples") == 2
    assert store.written_examples(["example:1"]) == [replace(one, annotated_id="cat:b")]
    assert store.written_examples([]) == []
    assert store.missing_examples([]) == []
    assert (store.counts()["documents"], store.count("labels")) == (0, 0)


def test_the_scripted_writer_writes_what_its_annotator_knows() -> None:
    assert {topic_of(f"please see to the {sign} soon") for sign in SIGNS["payment"].split()} == {"payment"}
