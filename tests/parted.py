"""A project by day or by batch in Dagster: documents that come, runs, and what schedules and sensors ask for."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context

from assets.definitions import build_definitions
from assets.partitions import END, START
from assets.resources import close_all
from pipeline.settings import Project
from pipeline.stages import Session, opening_sessions, project_state
from pipeline.store import Store
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, tiny_rows, tiny_session, write_project

__all__ = [
    "WHOLE",
    "arrived",
    "asked_for",
    "drop",
    "drop_three_days",
    "materialised",
    "run",
    "store_of",
    "write_parted",
]

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WHOLE = {START: "2026-01-01", END: "2026-01-03"}


def drop(workspace: Path, name: str, day: str, first: int, count: int, *, age: float = 3600) -> Path:
    """Write documents of a day into the folder of the corpus, as if they had lain there for a while."""
    folder = workspace / "projects" / "data" / "drops"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    rows = [row | {"at": day} for row in tiny_rows()[first : first + count]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.utime(path, (time.time() - age,) * 2)
    return path


def drop_three_days(workspace: Path) -> Path:
    """Write a project by day of which three days have come, and give its workspace."""
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
