"""Deletes old runs each night; Dagster itself only ever deletes old ticks (`retention` in dagster.yaml).

Deleting a run deletes its events. The entry of an asset in the catalog and its last materialisation outlive that, but a partition
whose materialisation is gone counts as missing, and would be made again: runs that made what is the latest are kept.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from pipeline.errors import ProjectError
from pipeline.serving.server_folder import prune_server_folders

__all__ = ["DAYS", "Purged", "delete_old_runs", "kept_days", "purge", "purge_old_runs", "retention_definitions"]

DAYS, DEFAULT_DAYS = "LINNAEUS_KEEP_RUNS_DAYS", 90
NIGHTLY = "40 3 * * *"
AT_ONCE = 200
OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Purged:
    """How many runs were deleted, and how many as old were kept because they made what is the latest."""

    deleted: int
    kept: int


class PurgeConfig(dg.Config):
    """What to delete."""

    days: int | None = None
    """Delete runs older than this; $LINNAEUS_KEEP_RUNS_DAYS or 90 when absent."""


@dg.op(out=dg.Out(dg.Nothing))
def delete_old_runs(context: dg.OpExecutionContext, config: PurgeConfig) -> None:
    """Delete runs that ended long ago, with their events and logs, and the folders of model servers that ran long ago."""
    days = kept_days() if config.days is None else config.days
    before = datetime.now(UTC) - timedelta(days=days)
    purged = purge(context.instance, before=before)
    folders = prune_server_folders(before.timestamp())
    context.log.info(f"Deleted {purged.deleted} runs older than {days} days, and {folders} folders of model servers")
    context.log.info(f"Kept {purged.kept} runs as old, which made the latest materialisation of an asset or of a partition")


@dg.job(tags={"linnaeus/kind": "retention"})
def purge_old_runs() -> None:
    """Delete old runs."""
    delete_old_runs()


def retention_definitions() -> dg.Definitions:
    """Give the job and its schedule, which is on unless somebody turns it off."""
    schedule = dg.ScheduleDefinition(
        name="purge_old_runs_nightly", job=purge_old_runs, cron_schedule=NIGHTLY, default_status=dg.DefaultScheduleStatus.RUNNING
    )
    return dg.Definitions(jobs=[purge_old_runs], schedules=[schedule])


def kept_days() -> int:
    """Give for how many days runs are kept.

    :raises ProjectError: the variable holds no whole number of days, or less than 1.
    """
    said = os.environ.get(DAYS) or str(DEFAULT_DAYS)
    if not said.isdecimal() or int(said) < 1:
        raise ProjectError(f"{DAYS} is {said!r}; expected is a whole number of days, 1 or more. Unset it for {DEFAULT_DAYS}.")
    return int(said)


def purge(instance: dg.DagsterInstance, *, before: datetime) -> Purged:
    """Delete the runs that were created before a time and are over, but for those that made what is the latest."""
    old = instance.get_run_ids(filters=dg.RunsFilter(created_before=before, statuses=OVER))
    latest = set(_runs_of_the_latest(instance)) if old else set()
    gone = [run_id for run_id in old if run_id not in latest]
    for run_id in gone:
        _delete(instance, run_id)
    return Purged(deleted=len(gone), kept=len(old) - len(gone))


def _runs_of_the_latest(instance: dg.DagsterInstance) -> Iterator[str]:
    """Give the runs of each asset's latest materialisation, and of each partition's."""
    for record in instance.get_asset_records():
        key, last = record.asset_entry.asset_key, record.asset_entry.last_materialization_record
        if last is not None:
            yield last.run_id
        by_partition = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        ids = sorted(by_partition.values())
        for start in range(0, len(ids), AT_ONCE):
            asked = dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[start : start + AT_ONCE])
            yield from (found.run_id for found in instance.fetch_materializations(asked, limit=AT_ONCE).records)


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its events, then the files that Dagster leaves behind: what its steps printed, and SQLite's file of its events."""
    instance.delete_run(run_id)
    with contextlib.suppress(OSError):
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    shard = getattr(instance.event_log_storage, "path_for_shard", None)
    if shard is not None:  # the instance is kept in SQLite
        for ending in ("", "-wal", "-shm"):
            Path(f"{shard(run_id)}{ending}").unlink(missing_ok=True)
