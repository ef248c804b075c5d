"""Days and batches in Dagster: what is new is labelled by the clock or when it arrives, what failed is caught up, nothing is done twice."""

import itertools
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._utils.schedules import schedule_execution_time_iterator

from assets.definitions import build_definitions
from assets.partitions import END, START, range_tags
from assets.resources import close_all
from pipeline.errors import EngineError
from pipeline.serving.contract import Question
from pipeline.settings import Project, load_project
from pipeline.stages import Session, opening_sessions, project_state
from pipeline.store import Store
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, tiny_rows, tiny_session, write_project

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WHOLE = {START: "2026-01-01", END: "2026-01-03"}


@pytest.fixture(autouse=True)
def _close_sessions() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(name="instance")
def _instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield instance


def drop(workspace: Path, name: str, day: str, first: int, count: int, *, age: float = 3600) -> Path:
    """Write documents of a day into the folder of the corpus, as if they had lain there for a while."""
    folder = workspace / "projects" / "data" / "drops"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    rows = [row | {"at": day} for row in tiny_rows()[first : first + count]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.fixture(name="parted")
def _parted(workspace: Path) -> Path:
    """A workspace with one project by day, of which three days have come."""
    for number in range(3):
        drop(workspace, f"{number}.jsonl", f"2026-01-0{number + 1}", 25 * number, 25)
    write_parted(workspace)
    return workspace


def write_parted(workspace: Path, *, by: str = "day", **schedule: Any) -> None:
    parts = {"by": "day", "column": "at", "start": "2026-01-01"} if by == "day" else {"by": "batch"}
    corpus = {"path": "data/drops", "format": "jsonl", "id": "id", "text": "text", "gold": "topic"}
    schedule = {"label": "0 3 * * *", "evaluate": "0 5 * * 1", "arrivals": True, "days": 400, "timezone": "Europe/Berlin", **schedule}
    write_project(workspace, corpus=corpus, partitions=parts, schedule=schedule)


def run(
    workspace: Path, instance: dg.DagsterInstance, job: str, *, partition: str | None = None, reply: Any = knowing_reply, **more: Any
) -> dg.ExecuteInProcessResult:
    def open_tiny(project: Project, *, run_id: str | None = None, progress: object = None) -> Session:
        return tiny_session(project, project_state(project), chat=ScriptedChat(reply), run_id=run_id or "run")

    told = {} if reply is knowing_reply else {"reply": reply}
    wishes = {**QUIET, **({"resources": {"sessions": {"config": more.pop("wishes")}}} if "wishes" in more else {})}
    definition = build_definitions(workspace).resolve_job_def(job)
    with opening_sessions(open_tiny):
        found = definition.execute_in_process(instance=instance, partition_key=partition, run_config=wishes, raise_on_error=False, **more)
    close_all(found.success)
    if "reply" not in told and not found.success:
        raise AssertionError([str(event.step_failure_data) for event in found.all_events if event.is_step_failure])
    return found


def store_of(workspace: Path) -> Store:
    return Store.open(workspace / ".linnaeus" / "projects" / "tiny")


def asked_for(workspace: Path, instance: dg.DagsterInstance, name: str = "tiny_label_schedule") -> list[dg.RunRequest]:
    definitions = build_definitions(workspace)
    schedule, repository = definitions.resolve_schedule_def(name), definitions.get_repository_def()
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime.now(UTC), repository_def=repository)
    return list(schedule.evaluate_tick(context).run_requests or [])


def arrived(workspace: Path, instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[dg.RunRequest], str | None]:
    definitions = build_definitions(workspace)
    sensor, repository = definitions.resolve_sensor_def("tiny_arrivals"), definitions.get_repository_def()
    with partition_loading_context(dynamic_partitions_store=instance):  # as the daemon does
        found = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository))
    return list(found.run_requests or []), found.cursor


def materialised(instance: dg.DagsterInstance, stage: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(["tiny", stage])))


# --- partitions ------------------------------------------------------------------------------------------------------


def test_documents_and_labels_are_parted_and_taxonomy_and_student_are_not(parted: Path) -> None:
    graph = build_definitions(parted).resolve_asset_graph()
    found = {key.path[1] for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is not None}
    assert found == {"documents", "embeddings", "annotations", "labels", "predictions"}


def test_a_month_in_one_run_and_a_day_by_itself(parted: Path, instance: dg.DagsterInstance) -> None:
    assert run(parted, instance, "tiny", tags=WHOLE).success
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
    monkeypatch.setattr("assets.stage_assets.FIRST_PAUSE", 0.0)
    questions: list[str] = []

    def failing_once(question: Question) -> str:
        questions.append(question.purpose)
        if question.purpose == "annotate" and questions.count("annotate") == 20:
            return gone(question)
        return knowing_reply(question)

    result = run(parted, instance, "tiny", tags=WHOLE, reply=failing_once)
    assert result.success
    assert [event.node_name for event in result.all_events if event.event_type_value == "STEP_RESTARTED"] == ["tiny__annotations"]
    assert 60 < questions.count("annotate") <= 60 + 17, "a batch at most is asked again"


def test_new_documents_are_labelled_while_the_model_is_down_and_the_next_tick_catches_up(parted: Path, instance: dg.DagsterInstance) -> None:
    assert run(parted, instance, "tiny", tags=WHOLE).success
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


def test_a_tick_asks_for_what_is_new_and_late_and_for_nothing_twice(parted: Path, instance: dg.DagsterInstance) -> None:
    assert [one.partition_key for one in asked_for(parted, instance)] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert run(parted, instance, "tiny", tags=WHOLE).success
    assert asked_for(parted, instance) == []
    drop(parted, "late.jsonl", "2026-01-02", 75, 5)
    (request,) = asked_for(parted, instance)
    assert request.partition_key == "2026-01-02" and request.tags["linnaeus/why"] == "late.jsonl not read in"
    job = build_definitions(parted).resolve_job_def("tiny_label")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"linnaeus/project": "tiny", "dagster/partition": "2026-01-02"})
    assert asked_for(parted, instance) == [], "a run is on its way"


def test_schedules_have_their_time_zone_and_run_as_soon_as_dagster_does_unless_told(parted: Path) -> None:
    def of(name: str) -> dg.ScheduleDefinition:
        return build_definitions(parted).resolve_schedule_def(name)

    assert (of("tiny_label_schedule").cron_schedule, of("tiny_label_schedule").execution_timezone) == ("0 3 * * *", "Europe/Berlin")
    assert of("tiny_label_schedule").default_status == dg.DefaultScheduleStatus.RUNNING
    write_parted(parted, started=False)
    assert of("tiny_evaluate_schedule").default_status == dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize(("first", "night"), [("2026-03-27", "2026-03-29"), ("2026-10-23", "2026-10-25")])
def test_when_the_clocks_change_each_day_is_one_and_each_night_ticks_once(parted: Path, first: str, night: str) -> None:
    write_parted(parted, label="30 2 * * *")  # an hour that one night lacks and the other has twice
    definitions, zone = build_definitions(parted), ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(first).replace(tzinfo=zone)
    schedule = definitions.resolve_schedule_def("tiny_label_schedule")
    ticks = itertools.islice(schedule_execution_time_iterator(begin.timestamp(), schedule.cron_schedule, schedule.execution_timezone), 5)
    days = [(begin + timedelta(days=number)).date() for number in range(5)]
    assert [tick.astimezone(zone).date() for tick in ticks] == days
    keys = definitions.resolve_asset_graph().get(dg.AssetKey(["tiny", "documents"])).partitions_def
    assert keys is not None and [key for key in keys.get_partition_keys(current_time=begin + timedelta(days=4)) if key >= first] == [
        str(day) for day in days
    ]
    assert night in keys.get_partition_keys(current_time=begin + timedelta(days=4))


def test_a_run_has_a_time_limit_where_the_project_gives_one(parted: Path) -> None:
    write_parted(parted, max_minutes=90)
    assert build_definitions(parted).resolve_job_def("tiny_label").tags["dagster/max_runtime"] == "5400"


def test_a_new_student_labels_every_day(parted: Path, instance: dg.DagsterInstance) -> None:
    assert run(parted, instance, "tiny", tags=WHOLE).success
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


def test_a_project_without_partitions_is_run_by_the_clock_as_well(workspace: Path, instance: dg.DagsterInstance) -> None:
    write_project(workspace, schedule={"label": "0 3 * * *"})
    (request,) = asked_for(workspace, instance)
    assert request.partition_key is None and request.run_key


# --- as files arrive -------------------------------------------------------------------------------------------------


def test_a_file_is_asked_for_once_and_when_it_is_whole(parted: Path, instance: dg.DagsterInstance) -> None:
    requests, cursor = arrived(parted, instance, None)
    assert requests == [], "each file has to be seen twice"
    requests, cursor = arrived(parted, instance, cursor)
    assert [one.partition_key for one in requests] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    again, cursor = arrived(parted, instance, cursor)
    assert again == []
    drop(parted, "3.jsonl", "2026-01-04", 75, 5, age=1)
    for _ in range(2):
        requests, cursor = arrived(parted, instance, cursor)
        assert requests == [], "it was written to a second ago"
    drop(parted, "3.jsonl", "2026-01-04", 75, 8)
    _, cursor = arrived(parted, instance, cursor)
    (request,), cursor = arrived(parted, instance, cursor)
    assert request.partition_key == "2026-01-04"


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


def test_an_empty_folder_waits(workspace: Path, instance: dg.DagsterInstance) -> None:
    (workspace / "projects" / "data" / "drops").mkdir(parents=True)
    write_parted(workspace)
    assert arrived(workspace, instance, None)[0] == []
    assert asked_for(workspace, instance) == []
