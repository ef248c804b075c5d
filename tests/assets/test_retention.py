"""Old runs go each night, but for those that made what is the latest; what Dagster leaves of them on the disk goes too."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.retention import DAYS, kept_days, purge, purge_old_runs, retention_definitions
from pipeline.errors import ProjectError
from pipeline.serving.locks import Lock
from pipeline.serving.server_folder import folder_for, prune_server_folders

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset
def plain() -> None:
    """An asset without partitions."""


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def parted() -> None:
    """An asset with two."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def made(instance: dg.DagsterInstance, *assets: dg.AssetsDefinition, partition: str | None = None) -> str:
    return dg.materialize(assets, instance=instance, partition_key=partition, run_config=QUIET).run_id


def hour(ahead: int) -> datetime:
    return datetime.now(UTC) + timedelta(hours=ahead)


def test_runs_whose_work_was_done_again_go_and_the_latest_of_each_partition_stay(instance: dg.DagsterInstance) -> None:
    old = [made(instance, plain), made(instance, parted, partition="a"), instance.create_run_for_job(purge_old_runs, status=_FAILED).run_id]
    kept = [made(instance, plain), made(instance, parted, partition="a"), made(instance, parted, partition="b")]
    running = instance.create_run_for_job(purge_old_runs, status=dg.DagsterRunStatus.STARTED).run_id
    purged = purge(instance, before=hour(1))
    assert (purged.deleted, purged.kept) == (len(old), len(kept))
    assert {run.run_id for run in instance.get_runs()} == {*kept, running}
    assert instance.get_materialized_partitions(parted.key) == {"a", "b"}
    latest = instance.get_latest_materialization_event(plain.key)
    assert latest is not None
    assert latest.run_id == kept[0]


def test_runs_that_are_not_old_stay(instance: dg.DagsterInstance) -> None:
    runs = {made(instance, plain), made(instance, plain)}
    purged = purge(instance, before=hour(-1))
    assert (purged.deleted, purged.kept) == (0, 0)
    assert {run.run_id for run in instance.get_runs()} == runs


def test_the_files_of_a_deleted_run_go_with_it(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    gone, stays = made(instance, plain), made(instance, plain)

    def names() -> set[str]:
        return {part for path in tmp_path.rglob("*") for part in path.relative_to(tmp_path).parts}

    assert {gone, f"{gone}.db"} <= names()
    purge(instance, before=hour(1))
    assert not {gone, f"{gone}.db"} & names()
    assert {stays, f"{stays}.db"} <= names()
    assert instance.all_logs(stays)


def test_deleting_a_run_loses_a_partition_but_not_the_last_materialisation(instance: dg.DagsterInstance) -> None:
    """What the docs say of Dagster, and why some runs are kept."""
    for run_id in (made(instance, plain), made(instance, parted, partition="a")):
        instance.delete_run(run_id)
    assert set(instance.all_asset_keys()) == {plain.key, parted.key}
    assert instance.get_latest_materialization_event(plain.key) is not None
    assert instance.get_materialized_partitions(parted.key) == set()


def test_the_job_deletes_what_its_days_say(instance: dg.DagsterInstance, workspace: Path) -> None:
    made(instance, plain)
    made(instance, plain)
    result = purge_old_runs.execute_in_process(instance=instance, run_config={**QUIET, "ops": {"delete_old_runs": {"config": {"days": 1}}}})
    assert result.success
    assert len(instance.get_runs()) == 3, "none is a day old"
    later = {**QUIET, "ops": {"delete_old_runs": {"config": {"days": -1}}}}  # what is older than tomorrow
    assert purge_old_runs.execute_in_process(instance=instance, run_config=later).success
    assert len(instance.get_runs()) == 2, "the latest materialisation, and the job's own run, which is not over"


def test_the_schedule_is_on_and_asks_for_the_job() -> None:
    definitions = retention_definitions()
    (schedule,) = definitions.schedules or []
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 26, 3, 40, tzinfo=UTC))
    requests = schedule.evaluate_tick(context).run_requests
    assert len(requests or []) == 1
    assert definitions.resolve_job_def("purge_old_runs").name == schedule.job_name


def test_the_days_are_90_or_what_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DAYS, raising=False)
    assert kept_days() == 90
    monkeypatch.setenv(DAYS, "7")
    assert kept_days() == 7


@pytest.mark.parametrize("said", ["0", "-3", "a week", "1.5"])
def test_other_days_are_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DAYS, said)
    with pytest.raises(ProjectError, match="expected is a whole number of days"):
        kept_days()


def test_folders_of_servers_that_nobody_used_for_long_go_unless_one_runs(workspace: Path) -> None:
    old, running, recent = (folder_for({"model": name}) for name in ("old", "running", "recent"))
    month_ago = time.time() - 30 * 86_400
    for folder in (old, running, recent):
        folder.make()
        folder.users_lock.touch()
    for folder in (old, running):
        os.utime(folder.users_lock, (month_ago, month_ago))
    keeper = Lock.take(running.keeper_lock)
    assert keeper is not None
    assert prune_server_folders(time.time() - 86_400) == 1
    assert [folder.path.exists() for folder in (old, running, recent)] == [False, True, True]
    keeper.release()
    assert prune_server_folders(time.time() - 86_400) == 1


_FAILED = dg.DagsterRunStatus.FAILURE
