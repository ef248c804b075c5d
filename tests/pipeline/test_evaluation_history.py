"""What was measured when is kept: by which run, of which labels, and what was confused."""

import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.confusions import count_confusions
from pipeline.evaluation.judged import GOLD, TEACHER, Judged
from pipeline.history_records import Confused
from pipeline.settings import load_project
from pipeline.stages import Session, run_stage
from tests.tiny import tiny_session, write_project

NAMES = {"cat:1": "Refunds", "cat:2": "Parcels"}


def judged(**more: object) -> Judged:
    usual: dict[str, object] = {
        "asked": {"a", "b", "c", "d"}, "taught": {"a": "cat:1", "b": "cat:2", "c": None, "d": "cat:2"}, "held_out": {"a", "b", "c"},
        "predicted": {"a": "cat:2", "b": "cat:2", "c": "cat:1"}, "baseline": {}, "cited": {}, "gold": {"a": "Refunds", "b": '["Other","Parcels"]'},
        "names": NAMES,
    }  # fmt: skip
    return Judged(**usual | more)  # type: ignore[arg-type]


def test_texts_are_counted_by_gold_and_label_and_the_student_by_its_teacher_on_what_it_did_not_learn() -> None:
    assert count_confusions(judged(), "eval:1") == [
        Confused("eval:1", "teacher", GOLD, "Parcels", "Parcels", 1),  # one of several gold labels is right
        Confused("eval:1", "teacher", GOLD, "Refunds", "Refunds", 1),
        Confused("eval:1", "student", GOLD, "Parcels", "Parcels", 1),
        Confused("eval:1", "student", GOLD, "Refunds", "Parcels", 1),
        Confused("eval:1", "student", TEACHER, "Parcels", "Parcels", 1),
        Confused("eval:1", "student", TEACHER, "Refunds", "Parcels", 1),
    ]


def test_a_text_without_a_label_has_an_empty_one() -> None:
    found = count_confusions(judged(gold={"c": "Refunds"}), "eval:1")
    assert Confused("eval:1", "teacher", GOLD, "Refunds", "", 1) in found


@given(
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.tuples(st.sampled_from(["cat:1", "cat:2", None]), st.sampled_from(["x", "y"])))
)
def test_every_text_with_both_is_counted_once(rows: dict[str, tuple[str | None, str]]) -> None:
    taught, gold = {text: label for text, (label, _) in rows.items()}, {text: known for text, (_, known) in rows.items()}
    found = count_confusions(judged(taught=taught, predicted={}, gold=gold, held_out=set()), "e")
    assert sum(one.n for one in found) == len(rows)
    assert Counter({(one.truth, one.label): one.n for one in found}) == Counter((known, NAMES.get(label or "", "")) for label, known in rows.values())


def test_the_run_that_measured_is_noted_with_what_it_measured(finished_session: Session) -> None:
    store = finished_session.store
    ((evaluation, run, taxonomy, student, models, prompts),) = store.rows(
        "select evaluation_id, run_id, taxonomy_id, classifier_id, models, prompts from evaluation_runs"
    )
    assert evaluation == store.current("evaluation_id")
    assert run == "run"
    assert (taxonomy, student) == (store.current("taxonomy_id"), store.current("classifier_id"))
    assert json.loads(models) == {"generator": "scripted", "annotator": "scripted", "embedder": "hashed-words@1"}
    assert json.loads(prompts)["annotate"].startswith("annotate@prompt:")
    counted = dict(store.rows("select subject || ' ' || judge, sum(n) from confusions group by all"))
    figures = {(one.subject, one.metric, one.slice): one.n for one in store.evaluations()}
    assert counted["student gold labels"] == figures["student", "accuracy", "all"]
    assert counted["student the teacher"] == figures["student", "agreement", "held_out"]


def test_a_run_that_measures_nothing_new_is_not_noted_and_one_that_does_stands_beside_the_figure_before(copied: Path, workspace: Path) -> None:
    project = load_project(write_project(workspace))
    with tiny_session(project, copied, run_id="again") as session:
        assert run_stage("evaluation", session).made == 0
        assert session.store.count("evaluation_runs") == 1
    with tiny_session(load_project(write_project(workspace, evaluation={"resamples": 120})), copied, run_id="later") as session:
        assert run_stage("evaluation", session).made > 0
        rows = session.store.rows("select run_id, value, value_before, change from evaluation_history where subject = 'student' and metric = 'nmi'")
    first, second = [row for row in rows if row[0] == "run"], [row for row in rows if row[0] == "later"]
    assert {row[2] for row in first} == {None}
    assert all(row[1] == row[2] and row[3] == 0 for row in second)
    assert len(first) == len(second) > 0
