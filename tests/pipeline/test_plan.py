"""A plan asks what the run would ask first, counts what is left, says what its figures rest on, and is held against the run."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.call_records import Call, StageServing
from pipeline.serving.contract import Choice, Question
from pipeline.settings import Project, load_project
from pipeline.stages import Session, finish_run, run_stage
from pipeline.stages.overview import plan_comparison
from pipeline.stages.pace import NOMINAL
from pipeline.stages.plan import Plan, plan
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, run_all, tiny_rows, tiny_session, write_project

MakeProject = Callable[..., Project]
URL = {"kind": "url", "model": "scripted", "base_url": "http://127.0.0.1:1/v1"}


def asked(session: Session) -> int:
    return int(session.generator.asked)  # type: ignore[attr-defined]


def calls_of(planned: Plan) -> dict[str, int]:
    return {row.stage: row.calls for row in planned.stages}


def notes_of(planned: Plan) -> dict[str, str]:
    return {row.stage: row.note for row in planned.stages}


def served(stage: str, *, calls: int, seconds: float, tokens: tuple[int, int, int]) -> StageServing:
    return StageServing("earlier", stage, "scripted", None, calls, 0, calls, 0, *tokens, None, 2 * seconds, seconds, 4.0, 4, None, None)


@pytest.fixture(scope="module")
def run_after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, Plan, Session]]:
    """A plan, a second one, and the run after them; to read from, not to change."""
    root = tmp_path_factory.mktemp("run_after")
    project, folder = load_project(write_project(root)), root / "store"
    with tiny_session(project, folder, run_id="plan-1") as session:
        first = plan(session)
        assert asked(session) == 1 + 20
    with tiny_session(project, folder, run_id="plan-2", chat=ScriptedChat([])) as session:
        second = plan(session)
    with tiny_session(project, folder) as session:
        session.store.start_run("run", "tiny")
        run_all(session)
        finish_run(session)
        yield first, second, session


def test_the_probe_asks_what_the_run_would_and_the_plan_leaves_it_out(make_project: MakeProject, tmp_path: Path) -> None:
    chat = ScriptedChat(knowing_reply)
    with tiny_session(make_project(), tmp_path / "store", chat=chat, run_id="plan") as session:
        planned = plan(session)
        first = [document.text for document in session.store.sample_texts(first=20)]
        assert session.store.count("summaries") == 0, "the run makes the rows, from the ledger"
        assert session.store.count("plans") == len(planned.stages)
    assert planned.probe is not None
    assert (planned.probe.stage, planned.probe.now.calls, planned.probe.from_ledger, planned.probe.failed) == ("summaries", 20, 0, 0)
    assert [question.purpose for question in chat.questions] == ["facet"] + ["summarise"] * 20
    assert all(text in question.messages[-1].content for text, question in zip(first, chat.questions[1:], strict=True))
    assert calls_of(planned) == {
        "documents": 0, "embeddings": 0, "facets": 0, "summaries": 40, "generated_taxonomy": 2 * 5, "updated_taxonomy": 2 * 20,
        "reviewed_taxonomy": 2, "selected_taxonomy": 2 * 20, "taxonomy": 6 * 5, "annotations": 60, "written_examples": 0,
        "definition_checks": 125, "repeated_labels": 2 * 16, "baseline": 5, "judgements": 0, "mistakes": 6, "classifier": 0,
    }  # fmt: skip
    assert {row.stage: row.rows for row in planned.stages}["summaries"] == 60
    assert all(row.note for row in planned.stages)
    assert notes_of(planned)["summaries"].startswith("20 of 60 answers are in the ledger; speed of 20 questions asked just now")
    assert notes_of(planned)["annotations"].startswith("scaled from 20 questions asked just now of summaries, as ")


def test_a_second_plan_asks_nothing_and_says_the_same(run_after: tuple[Plan, Plan, Session]) -> None:
    first, second, _ = run_after
    assert second.probe is not None
    assert (second.probe.now.calls, second.probe.from_ledger) == (0, 20)
    assert calls_of(second) == calls_of(first)
    assert [row.tokens_in for row in second.stages] == pytest.approx([row.tokens_in for row in first.stages], rel=0.05)
    assert "20 calls in the ledger" in notes_of(second)["summaries"]


def test_the_run_after_a_plan_makes_as_many_calls_as_planned_with_those_of_the_probe(run_after: tuple[Plan, Plan, Session]) -> None:
    first, _, session = run_after
    done = {row[0]: json.loads(row[1]) for row in session.store.rows("select stage, counts from stage_runs where run_id = 'run'")}
    planned = calls_of(first)
    assert planned["summaries"] + 20 == done["summaries"]["made"] == 60
    assert done["summaries"]["calls"] == planned["summaries"], "what can be counted beforehand is counted right"
    spelt = session.store.rows("select count(*) from llm_calls where run_id = 'run' and purpose = 'dictation'")[0][0]
    assert done["annotations"]["calls"] - spelt <= planned["annotations"], "some were asked already, to choose among the candidates"
    by_run = dict(session.store.rows("select run_id, count(*) from llm_calls group by all"))
    assert by_run["plan-1"] == 1 + 20
    assert "plan-2" not in by_run
    assert by_run["run"] == asked(session) == sum(counts["calls"] for counts in done.values())
    assert 0.6 <= by_run["run"] / sum(planned.values()) <= 1.2, "the taxonomy has the size it gets, and is asked about as much as it needs"


def test_what_happened_is_held_against_the_latest_plan(run_after: tuple[Plan, Plan, Session], tmp_path: Path) -> None:
    *_, session = run_after
    rows = {row["stage"]: row for row in plan_comparison(session.store)}
    assert {(row["plan_id"], row["run_id"]) for row in rows.values()} == {("plan-2", "run")}
    assert (rows["summaries"]["planned_calls"], rows["summaries"]["calls"]) == (40, 40)
    assert rows["annotations"]["planned_calls"] == 60
    assert all(row["seconds"] is not None and row["note"] for row in rows.values())
    shutil.copytree(session.folder, tmp_path / "store")
    with tiny_session(session.project, tmp_path / "store", run_id="plan-3", chat=ScriptedChat([])) as later:
        again = plan(later)
    assert [row["plan_id"] for row in again.last] == ["plan-2"] * len(rows)
    assert sum(calls_of(again).values()) == 0
    assert again.probe is None, "a run would ask nothing"
    assert {note for stage, note in notes_of(again).items() if stage in {"summaries", "annotations"}} == {"nothing left to ask"}


def test_without_a_probe_nothing_is_asked_and_the_ledger_is_still_looked_up(make_project: MakeProject, tmp_path: Path) -> None:
    with tiny_session(make_project(), tmp_path / "store", chat=ScriptedChat([])) as session:
        planned = plan(session, probing=False)
        assert (planned.probe, calls_of(planned)["summaries"], session.store.counts()["documents"]) == (None, 60, 0)
        assert "counted from the corpus" in notes_of(planned)["documents"]
        assert notes_of(planned)["annotations"] == "speed assumed: no calls to this model yet"
    with tiny_session(make_project(), tmp_path / "store") as session:
        plan(session)
    with tiny_session(make_project(), tmp_path / "store", chat=ScriptedChat([])) as session:
        assert calls_of(plan(session, probing=False))["summaries"] == 40


def test_an_answer_that_failed_is_counted_again_because_the_run_asks_again(make_project: MakeProject, tmp_path: Path) -> None:
    left = [3]

    def moody(question: Question) -> str:
        left[0] -= question.purpose == "summarise"
        return "" if left[0] >= 0 and question.purpose == "summarise" else knowing_reply(question)

    with tiny_session(make_project(), tmp_path / "store", chat=ScriptedChat(moody)) as session:
        planned = plan(session)
    assert planned.probe is not None
    assert (planned.probe.now.calls, planned.probe.failed, calls_of(planned)["summaries"]) == (20, 3, 43)
    with tiny_session(make_project(), tmp_path / "store", run_id="run") as session:
        run_all(session, until="summaries")
        assert asked(session) == 43


def test_where_the_taxonomy_is_kept_the_labels_are_probed(make_project: MakeProject, copied: Path) -> None:
    new = [{"id": f"new-{n}", "text": f"The courier dropped my parcel number {n}", "topic": "delivery"} for n in range(30)]
    chat = ScriptedChat(knowing_reply)
    with tiny_session(make_project([*tiny_rows(), *new], annotation={"sample": 90, "reordered": 0}), copied, chat=chat, run_id="plan") as session:
        run_stage("documents", session)
        planned = plan(session)
        assert planned.probe is not None
        assert planned.probe.stage == "annotations"
        assert all(isinstance(question.form, Choice) for question in chat.questions)
        before = asked(session)
        run_all(session, until="annotations")
        calls = calls_of(planned)
        assert asked(session) - before == calls["annotations"] > 0
        assert {stage for stage, count in calls.items() if count} == {"annotations", "definition_checks"}, "what follows of new documents"


def test_the_speed_of_earlier_runs_is_taken_where_they_asked_the_like(make_project: MakeProject, tmp_path: Path) -> None:
    with tiny_session(make_project(engine=URL), tmp_path / "store", chat=ScriptedChat([])) as session:
        session.store.save([served("annotations", calls=600, seconds=120.0, tokens=(120_000, 0, 1800))])
        planned = {row.stage: row for row in plan(session, probing=False).stages}
    labels = planned["annotations"]
    assert (labels.tokens_in, labels.tokens_out, labels.note) == (60 * 200, 60 * 3, "speed of 600 calls of earlier runs")
    assert labels.seconds == pytest.approx(60 * 120.0 / 600)
    summaries = planned["summaries"]
    prompts, answers = NOMINAL["url"]
    factor = 120.0 / (120_000 / prompts + 1800 / answers)
    assert summaries.seconds == pytest.approx(factor * (summaries.tokens_in / prompts + summaries.tokens_out / answers), rel=0.01)
    assert summaries.note.startswith("scaled from 600 calls of earlier runs of annotations")


def test_the_start_of_a_server_and_the_first_answers_do_not_count_for_the_pace(make_project: MakeProject, tmp_path: Path) -> None:
    waits = iter([0.5, *[0.1] * 4])

    def slow_at_first(question: Question) -> str:
        time.sleep(next(waits, 0.002) if question.purpose == "summarise" else 0)
        return knowing_reply(question)

    with tiny_session(make_project(), tmp_path / "store", chat=ScriptedChat(slow_at_first)) as session:
        planned = plan(session)
    assert planned.probe is not None
    assert planned.probe.now.seconds > 0.9
    assert planned.probe.settled.calls == 15
    assert {row.stage: row.seconds for row in planned.stages}["summaries"] < 40 * 0.02


def test_the_ledger_knows_the_pace_after_the_first_quarter_of_the_run_that_asked_most(make_project: MakeProject, tmp_path: Path) -> None:
    with tiny_session(make_project(), tmp_path / "store") as session:
        for number in range(8):
            run_id, key = ("other", "key-0") if number == 0 else ("run", f"key-{number}")
            call = Call(key, run_id, "summarise", "scripted", "p", 1, 100 + number, 50, 3, 1.0, "stop", "ok", None, "{}", None)
            session.store.save([call])
            time.sleep(0.02)
        settled = session.store.settled([f"key-{number}" for number in range(9)])
        assert (settled.calls, settled.tokens_in, settled.tokens_cached, settled.tokens_out) == (6, 627, 300, 18)
        assert 0.1 < settled.seconds < 5
        session.store.save([replace(call, call_key=f"at-once-{number}") for number in range(8)])
        assert session.store.settled([f"at-once-{number}" for number in range(8)]).seconds == 0
        assert session.store.settled([]).calls == 0


def test_the_shared_part_of_a_prompt_is_counted_once_where_the_server_keeps_it(make_project: MakeProject, tmp_path: Path) -> None:
    seconds = {}
    for cached in (0, 50_000):
        with tiny_session(make_project(engine=URL), tmp_path / f"store{cached}", chat=ScriptedChat([])) as session:
            session.store.save([served("summaries", calls=300, seconds=100.0, tokens=(60_000, cached, 1200))])
            planned = {row.stage: row for row in plan(session, probing=False).stages}
        assert planned["summaries"].seconds == pytest.approx(20.0, rel=0.1), "sixty like three hundred"
        seconds[cached] = planned["annotations"].seconds
    assert seconds[50_000] < seconds[0], "the long list of categories costs a kept prefix once, and else each call"


def test_prices_give_costs_and_caps_say_where_they_stop_the_run(make_project: MakeProject, tmp_path: Path) -> None:
    budget = {"calls": 70, "tokens": 10_000_000, "minutes": 0.01, "money": 5.0}
    project = make_project(engine=URL | {"prices": {"input": 1.0, "output": 2.0}}, budget=budget)
    with tiny_session(project, tmp_path / "store", chat=ScriptedChat([])) as session:
        planned = plan(session, probing=False)
    rows = {row.stage: row for row in planned.stages}
    labels = rows["annotations"]
    assert labels.cost == pytest.approx((labels.tokens_in + 2 * labels.tokens_out) / 1e6)
    assert rows["summaries"].cost is not None
    caps = {cap.name: cap for cap in planned.caps}
    assert (caps["calls"].planned, caps["calls"].stage) == (254 + 125 + 2 * 16, "generated_taxonomy"), "1 and 60 and 10 are 71"
    assert (caps["tokens"].stage, caps["money"].stage) == (None, None)
    assert caps["minutes"].stage in {"facets", "summaries", "generated_taxonomy", "updated_taxonomy"}


def test_the_probe_keeps_to_the_budget(make_project: MakeProject, tmp_path: Path) -> None:
    with tiny_session(make_project(budget={"calls": 7}), tmp_path / "store") as session:
        planned = plan(session)
        assert asked(session) == 1 + 7, "the facet's question, which all others hang on, and what the budget allows"
    assert planned.probe is not None
    assert (planned.caps[0].stage, planned.caps[0].rows) == ("summaries", 60 * 7 // 53)
