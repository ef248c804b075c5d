"""Baselines say what labels are worth that nobody thought about, and are measured like all others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluation import Judged, evaluate, told_taxonomy
from pipeline.evaluation.rivals import guesses
from pipeline.serving.contract import Question
from pipeline.settings import Project
from pipeline.stages import Session
from pipeline.stages.rivals import made_rivals
from pipeline.students import tfidf_labels
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, last_text, run_all, tiny_rows, tiny_session, topic_of

MakeProject = Callable[..., Project]
TEXTS = [f"t{number:04}" for number in range(2000)]


def judged(**changes: Any) -> Judged:
    taught = {text: "c1" if place % 10 < 6 else "c2" if place % 10 < 9 else None for place, text in enumerate(TEXTS[:1000])}
    parts: dict[str, Any] = {
        "asked": set(TEXTS[:1000]), "taught": taught, "held_out": set(TEXTS[500:1000]), "predicted": {}, "baseline": {}, "cited": {},
        "gold": {text: "One" if place % 4 else "Two" for place, text in enumerate(TEXTS)}, "names": {"c1": "One", "c2": "Two", "c3": "Three"},
    }  # fmt: skip
    return Judged(**parts | changes)


def figure(found: Judged, subject: str, metric: str, slice_: str = "all") -> Any:
    return {(row.subject, row.metric, row.slice): row for row in evaluate(found, resamples=100, seed=1)}[subject, metric, slice_]


def test_the_majority_is_right_as_often_as_its_category_is_common() -> None:
    row = figure(judged(), "majority", "exact_accuracy")
    assert (row.value, row.n, row.judge) == (0.75, 2000, "gold labels")
    assert figure(judged(), "majority", "accuracy", "held_out").n == 500


def test_guesses_are_right_as_often_as_chance_has_it() -> None:
    # Any of three categories alike; or One twice as often as Two, of which 3 in 4 and 1 in 4 are right.
    assert figure(judged(), "random", "exact_accuracy").value == pytest.approx(1 / 3, abs=0.04)
    assert figure(judged(), "random_by_share", "exact_accuracy").value == pytest.approx(2 / 3 * 3 / 4 + 1 / 3 * 1 / 4, abs=0.04)


def test_guesses_learn_from_no_held_out_label_and_stay_the_same() -> None:
    changed = judged(taught=judged().taught | dict.fromkeys(TEXTS[500:1000], "c3"))
    assert guesses(changed, seed=1) == guesses(judged(), seed=1) != guesses(judged(), seed=2)
    assert guesses(judged(taught={}), seed=1) == {}


def test_a_student_of_words_learns_the_words_of_labels() -> None:
    texts = [f"my parcel is late again {n}" for n in range(8)] + [f"please refund the invoice {n}" for n in range(8)]
    found, sure = tfidf_labels(texts, ["a"] * 8 + ["b"] * 8, ["where is my parcel", "a refund please"], seed=1)
    assert found == ["a", "b"]
    assert all(0.5 < value <= 1 for value in sure)


@pytest.mark.parametrize(("texts", "labels"), [(["x", "y", "z"], ["a", "b", "b"]), (["one word here", "one word there", "one"], ["b"] * 3)])
def test_without_words_or_a_choice_it_says_the_most_frequent_label(texts: list[str], labels: list[str]) -> None:
    found, sure = tfidf_labels(texts, labels, ["unseen"], seed=1)
    assert found == ["b"]
    assert sure == [labels.count("b") / 3]


def test_told_names_are_readable_and_stand_for_gold_names(a_project: Project) -> None:
    taxonomy, names = told_taxonomy(["card_arrival", "lost_card"], project=a_project)
    assert [category.name for category in taxonomy.leaves] == ["card arrival", "lost card"]
    assert sorted(names.values()) == ["card_arrival", "lost_card"]
    meeting, _ = told_taxonomy(["a_b", "a b"], project=a_project)
    assert [category.name for category in meeting.leaves] == ["a b", "a_b"], "two names that would meet stay as they are"
    none, _ = told_taxonomy(["none_of_these", "x_y"], project=a_project)
    assert [category.name for category in none.leaves] == ["none_of_these", "x_y"]


def by_topic(question: Question) -> str:
    """Answer with the topic itself where topics are the options."""
    if "delivery" in getattr(question.form, "options", ()):
        return topic_of(last_text(question)) or "None of these"
    return knowing_reply(question)


def test_the_annotator_is_told_the_gold_names_and_nothing_of_which_document_has_which(make_project: MakeProject, tmp_path: Path) -> None:
    chat = ScriptedChat(by_topic)
    project = make_project(evaluation={"resamples": 100, "told_sample": 12})
    with tiny_session(project, tmp_path / "state", chat=chat) as session:
        run_all(session)
        asked = [question for question in chat.questions if "delivery" in getattr(question.form, "options", ())]
        assert len(asked) == 12
        assert len({question.messages[0].content for question in asked}) == 1, "all are told the same"
        found = made_rivals(session)["told_names"]
        gold = session.store.gold()
        assert sum(found[text] == gold[text] for text in found) >= 10
        rows = {(row.subject, row.metric, row.slice): row for row in session.store.evaluations_of(session.store.current("evaluation_id") or "")}
        assert rows["told_names", "exact_accuracy", "all"].n == 12
        assert rows["teacher", "gain_over_told_names", "all"].n == 12
        assert rows["student", "gain_over_tfidf", "held_out"].n > 10
    with tiny_session(project, tmp_path / "state", chat=ScriptedChat([]), run_id="again") as again:
        reports = run_all(again)
        assert sum(report.made for report in reports.values()) == 0


def test_without_gold_no_model_is_asked_for_a_baseline_and_words_are_learnt_all_the_same(make_project: MakeProject, tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "topic"} for row in tiny_rows()]
    project = make_project(rows, corpus={"path": "data/tiny.jsonl", "id": "id", "text": "text"})
    with tiny_session(project, tmp_path / "state") as session:
        reports = run_all(session)
        assert session.store.current("told_id") is None
        assert set(made_rivals(session)) == {"tfidf"}
        assert reports["baseline"].made == reports["baseline"].total == 60
        assert ("student", "agreement_gain_over_tfidf") in {(row.subject, row.metric) for row in _figures(session)}


def _figures(session: Session) -> list[Any]:
    return list(session.store.evaluations_of(session.store.current("evaluation_id") or ""))
