"""Days and batches by the clock and as files arrive: when is asked for what, before anything has run."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from assets.definitions import build_definitions
from tests.parted import arrived, asked_for, drop, drop_three_days, write_parted
from tests.tiny import write_project


@pytest.fixture(name="instance")
def _instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield instance


@pytest.fixture(name="parted")
def _parted(workspace: Path) -> Path:
    return drop_three_days(workspace)


def test_a_tick_asks_for_each_day_that_has_come(parted: Path, instance: dg.DagsterInstance) -> None:
    assert [one.partition_key for one in asked_for(parted, instance)] == ["2026-01-01", "2026-01-02", "2026-01-03"]


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


def test_an_empty_folder_waits(workspace: Path, instance: dg.DagsterInstance) -> None:
    (workspace / "projects" / "data" / "drops").mkdir(parents=True)
    write_parted(workspace)
    assert arrived(workspace, instance, None)[0] == []
    assert asked_for(workspace, instance) == []
