"""Two roles with a server each, a budget that ends a run cleanly, and what is written down of both; on real HTTP servers."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assets.resources import close_all
from pipeline.cli.main import main
from pipeline.errors import BudgetReachedError, ProjectError
from pipeline.settings import Project, load_project
from pipeline.stages import Report, Session, finish_run, opening_sessions
from pipeline.store import Store
from pipeline.testing_server import ScriptedServer, serve_script
from tests.faulty import knowing_script, question_of
from tests.tiny import UNCHECKED, TinyEmbedder, run_all, write_project

Open = Callable[..., Session]
SPELT = 3  # texts of the sample that spell the name of a category, of which is asked first whether they dictate it


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve_script() as scripted:
        scripted.script = knowing_script()
        yield scripted


def joined(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"kind": "vllm", "model": "m", "base_url": server.address, **more}


def session(project: Project, folder: Path, run_id: str = "run") -> Session:
    opened = Session(project, folder=folder, run_id=run_id, embedder=TinyEmbedder())
    opened.store.start_run(run_id, project.name)
    return opened


def run_to_the_end(project: Project, folder: Path, run_id: str = "run") -> dict[str, Report]:
    opened = session(project, folder, run_id)
    try:
        return run_all(opened)
    finally:
        finish_run(opened)


def test_each_role_asks_its_own_server(make_project: Callable[..., Project], server: ScriptedServer, tmp_path: Path) -> None:
    with serve_script() as other:
        other.script = knowing_script()
        reports = run_to_the_end(make_project(evaluation=UNCHECKED, engine=joined(server), annotator=joined(other)), tmp_path / "store")
    labels = [request for request in other.requests if "structured_outputs" in request]
    assert len(labels) == len(other.requests) == 60 + SPELT - 1, "the annotator is asked for labels alone"
    assert any("response_format" in request for request in server.requests), "and the generator for names"
    assert reports["predictions"].made == 120


def test_one_server_serves_both_roles(make_project: Callable[..., Project], server: ScriptedServer, tmp_path: Path) -> None:
    with session(make_project(evaluation=UNCHECKED, engine=joined(server)), tmp_path / "store") as opened:
        assert opened.generator is opened.annotator
    with session(
        make_project(evaluation=UNCHECKED, engine=joined(server), annotator=joined(server, timeout_seconds=9)), tmp_path / "store"
    ) as opened:
        assert opened.generator is not opened.annotator


def test_another_annotator_makes_the_labels_anew_and_keeps_the_taxonomy(
    make_project: Callable[..., Project], server: ScriptedServer, tmp_path: Path
) -> None:
    run_to_the_end(make_project(evaluation=UNCHECKED, engine=joined(server)), tmp_path / "store", "first")
    server.pages["/v1/models"] = '{"data": [{"id": "m"}, {"id": "n"}]}'
    asked = len(server.requests)
    reports = run_to_the_end(
        make_project(evaluation=UNCHECKED, engine=joined(server), annotator=joined(server) | {"model": "n"}), tmp_path / "store", "second"
    )
    assert [stage for stage, report in reports.items() if report.calls] == ["annotations"]
    assert len(server.requests) - asked == 60 + SPELT


def test_a_stronger_generator_checks_the_promise_and_labels_what_neither_student_nor_annotator_is_sure_of(
    make_project: Callable[..., Project], server: ScriptedServer, tmp_path: Path
) -> None:
    limits = {"sample": 60, "reordered": 0, "promise": {"accuracy": 0.7, "checks": 40, "asked": 10}}
    with serve_script() as other:
        other.script = knowing_script()
        other.pages["/v1/models"] = '{"data": [{"id": "weak"}]}'
        project = make_project(evaluation=UNCHECKED, engine=joined(server), annotator=joined(other) | {"model": "weak"}, annotation=limits)
        run_to_the_end(project, tmp_path / "store")
        store = Store.open(tmp_path / "store")
        labelled = dict(store.rows("select model, count(*) from llm_calls where purpose = 'annotate' and outcome = 'ok' group by 1"))
        thresholds = store.rows(
            "select kind, promised, delta, checked, share from thresholds left join annotators using (annotator_id) order by kind"
        )
        asked = len(server.requests) + len(other.requests)
        run_to_the_end(project, tmp_path / "store", "again")
        assert len(server.requests) + len(other.requests) == asked
    assert 60 < labelled["weak"] <= 70, "the annotator labels the sample, and of the others those that the student is least sure of"
    assert 0 < labelled["m"] <= 40 + 10, "the generator checks, and labels what is left of these"
    assert [(kind, promised, delta) for kind, promised, delta, _, _ in thresholds] == [("llm", 0.7, 0.025), (None, 0.7, 0.025)]
    assert all(0 <= share <= 1 for *_, share in thresholds)


def test_what_a_stage_asked_is_in_the_tables(make_project: Callable[..., Project], server: ScriptedServer, tmp_path: Path) -> None:
    server.pages["/version"] = '{"version": "0.11.2"}'
    prices = {"input": 1000.0, "output": 1000.0}
    reports = run_to_the_end(make_project(evaluation=UNCHECKED, engine=joined(server, prices=prices)), tmp_path / "store")
    store = Store.open(tmp_path / "store")
    (row,) = store.query("select server, questions, calls, failed_calls, busy_share, in_flight from serving where stage = 'annotations'")[1]
    assert row[:4] == ("vllm 0.11.2", 60 + SPELT, 60 + SPELT - 1, 0), "one was asked already, to choose among the candidates"
    assert 0 < row[4] <= 1
    assert row[5] > 0
    served = reports["annotations"].served[0]
    assert served.cost == pytest.approx((served.tokens_in + served.tokens_out) / 1000)
    by_stage = store.query("select sum(cost) from stage_serving")[1][0][0]
    assert by_stage == pytest.approx(store.query("select sum(cost) from cost")[1][0][0])


def test_a_budget_ends_the_labelling_and_the_student_learns_from_what_there_is(
    make_project: Callable[..., Project], server: ScriptedServer, tmp_path: Path
) -> None:
    whole = run_to_the_end(make_project(evaluation=UNCHECKED, engine=joined(server)), tmp_path / "whole")
    before = sum(report.calls for stage, report in whole.items() if stage not in {"annotations", "baseline"})
    asked = len(server.requests)
    project = make_project(evaluation=UNCHECKED, engine=joined(server), budget={"calls": before + 40})
    reports = run_to_the_end(project, tmp_path / "store", "first")
    assert len(server.requests) - asked == before + 40
    assert reports["annotations"].stopped is not None
    assert f"{before + 40} of {before + 40} calls" in reports["annotations"].stopped
    labelled = 40 - (SPELT - 1)  # one was asked already, to choose among the candidates
    assert f"Left: {60 - labelled} of 60 documents to label" in reports["annotations"].stopped
    assert (reports["annotations"].made, reports["labels"].total, reports["predictions"].made) == (labelled, labelled, 120)
    store = Store.open(tmp_path / "store")
    assert store.query("select status from runs")[1] == [("stopped",)]
    assert store.query("select status from stage_runs where stage = 'annotations'")[1] == [("stopped",)]
    reports = run_to_the_end(project, tmp_path / "store", "second")
    assert (reports["annotations"].calls, reports["annotations"].stopped, reports["labels"].total) == (60 - labelled, None, 60)


def test_a_budget_too_small_for_a_taxonomy_stops_the_run_and_loses_nothing(
    make_project: Callable[..., Project], server: ScriptedServer, tmp_path: Path
) -> None:
    project = make_project(evaluation=UNCHECKED, engine=joined(server), budget={"calls": 30})
    with pytest.raises(BudgetReachedError, match="Left: 31 of 60 summaries"):
        run_to_the_end(project, tmp_path / "store", "first")
    assert Store.open(tmp_path / "store").query("select count(*) from summaries")[1] == [(29,)], "one of the 30 calls wrote the question"
    with pytest.raises(BudgetReachedError):
        run_to_the_end(project, tmp_path / "store", "second")
    questions = [question_of(request).messages for request in server.requests]
    assert len(questions) == len(set(questions)) == 60


def test_the_command_line_says_what_is_left_and_exits_with_three(
    workspace: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(workspace, engine=joined(server), budget={"calls": 30})
    monkeypatch.setenv("LINNAEUS_DAGSTER_STATE", str(workspace / "dagster"))
    monkeypatch.setattr("sys.argv", ["linnaeus", "run", "tiny"])
    with opening_sessions(partial(Session, embedder=TinyEmbedder())), pytest.raises(SystemExit) as ended:
        main()
    close_all()
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert "30 of 30 calls are made (budget.calls)" in said.replace("\n", " ")
    assert "Traceback" not in said


def test_money_needs_prices(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"budget\.money is set, but an engine has no prices"):
        load_project(write_project(tmp_path, budget={"money": 5.0}))
