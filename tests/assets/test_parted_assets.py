"""Days and batches in Dagster: what is new is labelled, what failed is caught up, nothing is done twice."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.partitions import END, START, range_tags
from pipeline.errors import EngineError
from pipeline.serving.contract import Question
from pipeline.settings import load_project
from tests.parted import WHOLE, arrived, asked_for, drop, drop_three_days, materialised, run, store_of, write_parted
from tests.tiny import knowing_reply, write_project
from tests.workspaces import as_workspace


@pytest.fixture(name="instance")
def _instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield instance


@pytest.fixture(name="parted")
def _parted(workspace: Path) -> Path:
    return drop_three_days(workspace)


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after one run over its three days, with Dagster's files in it; to copy, not to change."""
    root = tmp_path_factory.mktemp("three_days")
    with pytest.MonkeyPatch.context() as environment:
        drop_three_days(as_workspace(root, environment))
        (root / "dagster").mkdir()
        with dg.DagsterInstance.local_temp(str(root / "dagster")) as instance:
            assert run(root, instance, "tiny", tags=WHOLE).success
    return root


@pytest.fixture
def labelled(three_days: Path, workspace: Path) -> Iterator[tuple[Path, dg.DagsterInstance]]:
    """A copy of that workspace, and the instance that has seen the run."""
    shutil.copytree(three_days, workspace, dirs_exist_ok=True)
    with dg.DagsterInstance.local_temp(str(workspace / "dagster")) as instance:
        yield workspace, instance


# --- partitions ------------------------------------------------------------------------------------------------------


def test_documents_and_labels_are_parted_and_taxonomy_and_student_are_not(parted: Path) -> None:
    graph = build_definitions(parted).resolve_asset_graph()
    found = {key.path[1] for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is not None}
    assert found == {"documents", "embeddings", "annotations", "labels", "predictions"}


def test_a_month_in_one_run_and_a_day_by_itself(labelled: tuple[Path, dg.DagsterInstance]) -> None:
    parted, instance = labelled
    assert materialised(instance, "documents") == materialised(instance, "predictions") == {"2026-01-01", "2026-01-02", "2026-01-03"}
    before = store_of(parted).count("predictions")
    drop(parted, "3.jsonl", "2026-01-04", 75, 20)
    drop(parted, "4.jsonl", "2026-01-05", 95, 20)
    assert run(parted, instance, "tiny_label", partition="2026-01-04").success
    assert materialised(instance, "predictions") == {"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"}
    assert store_of(parted).count("predictions") == before + 20, "the fifth waits"


def test_a_range_is_that_of_the_days_named_among_those_there_are(parted: Path, instance: dg.DagsterInstance) -> None:
    project = load_project(parted / "projects" / "tiny.yaml")
    assert range_tags(project, instance, ["2026-01-03", "2026-01-01", "2025-01-01"]) == WHOLE
    assert range_tags(project, instance, []) == {}


# --- wishes for one run ----------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_plan_and_makes_nothing(parted: Path, instance: dg.DagsterInstance) -> None:
    result = run(parted, instance, "tiny", tags=WHOLE, wishes={"dry_run": True})
    assert result.success
    assert result.get_asset_materialization_events() == []
    (shown,) = [event.asset_observation_data.asset_observation.metadata for event in result.all_events if event.is_asset_observation]
    assert "| annotations | 60 |" in str(shown["plan"].value) and shown["planned_calls"].value > 60
    assert store_of(parted).count("documents") == 0


def test_a_run_may_label_fewer_with_another_model_and_the_next_is_as_the_file_says(parted: Path, instance: dg.DagsterInstance) -> None:
    result = run(parted, instance, "tiny", tags=WHOLE, wishes={"sample": 30, "model": "another"})
    assert result.success
    materialisations = {event.asset_key.path[1]: event.materialization for event in result.get_asset_materialization_events() if event.asset_key}
    assert materialisations["annotations"].metadata["dagster/row_count"].value == 30


# --- what fails ------------------------------------------------------------------------------------------------------


def gone(_: Question) -> str:
    raise EngineError("The server at http://127.0.0.1:1 is gone. Start it again.")


def test_a_stage_is_tried_again_and_does_not_repeat_what_is_done(parted: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.retries.FIRST_PAUSE", 0.0)
    questions: list[str] = []

    def failing_once(question: Question) -> str:
        questions.append(question.purpose)
        if question.purpose == "annotate" and questions.count("annotate") == 20:
            return gone(question)
        return knowing_reply(question)

    result = run(parted, instance, "tiny", tags=WHOLE, reply=failing_once)
    assert result.success
    assert [event.node_name for event in result.all_events if event.event_type_value == "STEP_RESTARTED"] == ["tiny__annotations"]
    again = 2 * 16  # labels that are asked for once more on purpose
    assert 60 < questions.count("annotate") - again <= 60 + 17, "a batch at most is asked again"


def test_new_documents_are_labelled_while_the_model_is_down_and_the_next_tick_catches_up(labelled: tuple[Path, dg.DagsterInstance]) -> None:
    parted, instance = labelled
    drop(parted, "3.jsonl", "2026-01-04", 75, 40)
    (request,) = asked_for(parted, instance)
    assert request.partition_key == "2026-01-04"
    result = run(parted, instance, "tiny_label", partition="2026-01-04", reply=gone, wishes={"retries": 0})
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.node_name == "tiny__annotations"
    assert "Start it again" in str(failed.step_failure_data.user_failure_data)
    store = store_of(parted)
    assert store.rows("select count(*) from labelled_documents where category is not null") == [(115,)]
    (again,) = asked_for(parted, instance)
    assert (again.partition_key, again.tags["linnaeus/why"]) == ("2026-01-04", "its last run failed")
    assert run(parted, instance, "tiny_label", partition="2026-01-04").success
    assert asked_for(parted, instance) == []
    assert store.rows("select max(n) from (select count(*) as n from labelled_documents group by doc_id)") == [(1,)]


# --- by the clock ----------------------------------------------------------------------------------------------------


def test_a_tick_asks_for_what_is_new_and_late_and_for_nothing_twice(labelled: tuple[Path, dg.DagsterInstance]) -> None:
    parted, instance = labelled
    assert asked_for(parted, instance) == []
    drop(parted, "late.jsonl", "2026-01-02", 75, 5)
    (request,) = asked_for(parted, instance)
    assert request.partition_key == "2026-01-02" and request.tags["linnaeus/why"] == "late.jsonl not read in"
    job = build_definitions(parted).resolve_job_def("tiny_label")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"linnaeus/project": "tiny", "dagster/partition": "2026-01-02"})
    assert asked_for(parted, instance) == [], "a run is on its way"


def test_a_new_student_labels_every_day(labelled: tuple[Path, dg.DagsterInstance]) -> None:
    parted, instance = labelled
    (request,) = asked_for(parted, instance, "tiny_evaluate_schedule")
    assert request.tags[START] == "2026-01-01"
    write_project_of_other_student(parted)
    assert run(parted, instance, "tiny_evaluate", tags={**request.tags, END: "2026-01-03"}).success
    store = store_of(parted)
    assert len(store.students()) == 2
    assert store.unpredicted_partitions(store.current("classifier_id") or "") == []


def write_project_of_other_student(workspace: Path) -> None:
    corpus = {"path": "data/drops", "format": "jsonl", "id": "id", "text": "text", "gold": "topic"}
    write_project(
        workspace, corpus=corpus, partitions={"by": "day", "column": "at", "start": "2026-01-01"}, students=[{"kind": "class_means"}],
        schedule={"evaluate": "0 5 * * 1"},
    )  # fmt: skip


def test_batches_become_partitions_as_they_arrive(workspace: Path, instance: dg.DagsterInstance) -> None:
    drop(workspace, "shop.jsonl", "2026-01-01", 0, 60)
    write_parted(workspace, by="batch")
    _, cursor = arrived(workspace, instance, None)
    (request,), cursor = arrived(workspace, instance, cursor)
    assert request.partition_key == "shop"
    assert instance.get_dynamic_partitions("tiny_batches") == ["shop"]
    assert run(workspace, instance, "tiny", tags={START: "shop", END: "shop"}).success
    drop(workspace, "forum.jsonl", "2026-01-01", 60, 20)
    _, cursor = arrived(workspace, instance, cursor)
    (request,), cursor = arrived(workspace, instance, cursor)
    assert run(workspace, instance, "tiny_label", partition=request.partition_key).success
    assert store_of(workspace).partition_counts() == {"forum": 20, "shop": 60}
