"""The stage of mistakes sorts what a run got wrong, asks once for tie-breakers, and does nothing where nothing is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.serving.contract import Choice, Question
from pipeline.settings import Project
from pipeline.stages import run_stage
from pipeline.stages.mistake_checks import gold_holds
from pipeline.store.mistake_rows import confused_pair_rows, mistake_rows
from pipeline.testing import ScriptedChat
from tests.tiny import NAMES, knowing_reply, last_text, run_all, tiny_rows, tiny_session

MakeProject = Callable[..., Project]
Tell = Callable[..., tuple[int, str, str]]


def mixing(question: Question) -> str:
    """Know everything, but take every third text on parcels for one on payment, and the other way round."""
    said, text = knowing_reply(question), last_text(question)
    if question.purpose == "annotate" and isinstance(question.form, Choice) and len(text) % 3 == 0:
        other = {NAMES["delivery"]: NAMES["payment"], NAMES["payment"]: NAMES["delivery"]}.get(said, said)
        return other if other in question.form.options else said
    return said


def test_mistakes_are_rows_with_evidence_and_a_second_run_asks_nothing(make_project: MakeProject, tmp_path: Path) -> None:
    chat = ScriptedChat(mixing)
    with tiny_session(make_project(), tmp_path / "state", chat=chat) as session:
        run_all(session)
        rows = mistake_rows(session.store, most=1000)
        wrong = [row for row in rows if row["subject"] == "teacher"]
        assert len(wrong) >= 3
        assert all(row["evidence"]["neighbours"][0]["text"] for row in rows), "the evidence shows texts"
        assert [row["rank"] for row in wrong] == list(range(1, len(wrong) + 1))
        pairs = confused_pair_rows(session.store)
        assert any({NAMES["delivery"], NAMES["payment"]} == {pair["category"], pair["other"]} for pair in pairs), pairs
        assert all(pair["source"] in {"model", "cues"} and pair["category"] in pair["sentence"] for pair in pairs)
        assert all(pair["confusions"] >= 3 and pair["confusions"] > pair["by_chance"] for pair in pairs)
        assert len([question for question in chat.questions if question.purpose == "tie_break"]) == len(pairs)
        assert len(session.store.query("select * from worst_mistakes")[1]) == len(mistake_rows(session.store, most=20))
        assert gold_holds(session).passed
    with tiny_session(make_project(), tmp_path / "state", chat=ScriptedChat([]), run_id="again") as again:
        assert run_stage("mistakes", again).made == 0


def test_planted_wrong_gold_is_told_and_warned_of(make_project: MakeProject, tmp_path: Path) -> None:
    rows = tiny_rows()
    planted = rows[::8]
    for row in planted:
        row["topic"] = {"delivery": "payment", "payment": "account", "account": "store", "store": "delivery"}[row["topic"]]
    with tiny_session(make_project(rows), tmp_path / "state") as session:
        run_all(session)
        found = [row for row in mistake_rows(session.store, kind="gold wrong", most=1000) if row["subject"] == "student"]
        right = [row for row in found if row["doc_id"] in {row["id"] for row in planted}]
        assert len(right) >= 8 and len(right) >= 0.9 * len(found)
        told = gold_holds(session)
        assert not told.passed and "suspected" in told.figures


def test_without_gold_or_people_nothing_is_asked(make_project: MakeProject, tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "topic"} for row in tiny_rows()]
    chat = ScriptedChat(knowing_reply)
    with tiny_session(make_project(rows, corpus={"path": "data/tiny.jsonl", "id": "id", "text": "text"}), tmp_path / "state", chat=chat) as session:
        reports = run_all(session)
        assert (reports["mistakes"].made, reports["mistakes"].calls) == (0, 0)
        assert mistake_rows(session.store, most=9) == confused_pair_rows(session.store) == []
        assert "tie_break" not in {question.purpose for question in chat.questions}
        assert gold_holds(session).passed


def test_a_budget_that_is_reached_keeps_what_was_sorted(make_project: MakeProject, tmp_path: Path) -> None:
    with tiny_session(make_project(), tmp_path / "state", chat=ScriptedChat(mixing)) as session:
        run_all(session, until="evaluation")
    with tiny_session(make_project(), tmp_path / "state", chat=Spent(), run_id="poor") as poor:
        report = run_stage("mistakes", poor)
        assert report.stopped is not None and "confused pairs" in report.stopped
        assert mistake_rows(poor.store, most=9) and not confused_pair_rows(poor.store)
    with tiny_session(make_project(), tmp_path / "state", chat=ScriptedChat(mixing), run_id="rich") as rich:
        run_stage("mistakes", rich)
        assert confused_pair_rows(rich.store)


class Spent(ScriptedChat):
    """A model that may not be asked any more."""

    def __init__(self) -> None:
        super().__init__([])

    def ask(self, questions: Any) -> Any:
        from pipeline.errors import BudgetReachedError

        raise BudgetReachedError("The budget of 1 call is reached.")


def test_the_command_shows_mistakes_and_pairs(at_home: Path, tell: Tell) -> None:
    status, out, _ = tell("mistakes", "tiny")
    assert status == 0
    assert "what is at fault" in out and "label wrong" in out and "--pairs" in out
    status, out, _ = tell("mistakes", "tiny", "--pairs")
    assert status == 0
    status, out, _ = tell("mistakes", "tiny", "--kind", "gold wrong", "--json")
    assert status == 0 and '"worst"' in out
    status, _, err = tell("mistakes", "tiny", "--kind", "other")
    assert status == 2 and "the kinds are" in err
