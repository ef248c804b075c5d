"""The tiny project as a run in Dagster, in this process, with the scripted model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.definitions import build_definitions
from pipeline.settings import Project
from pipeline.stages import Session, opening_sessions, project_state
from pipeline.testing import ScriptedChat
from tests.tiny import knowing_reply, tiny_session

__all__ = ["QUIET", "TELLING_NOBODY", "Materialised", "materialize", "opener"]

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TELLING_NOBODY = {"telemetry": {"enabled": False}}  # otherwise an instance writes what it does into DAGSTER_HOME


@dataclass(frozen=True)
class Materialised:
    """A run that is over, the instance that has seen it, and the workspace that it left."""

    workspace: Path
    instance: dg.DagsterInstance
    result: dg.ExecuteInProcessResult


def opener(reply: Any = knowing_reply) -> Any:
    def open_tiny(project: Project, *, run_id: str | None = None, progress: object = None) -> Session:
        return tiny_session(project, project_state(project), chat=ScriptedChat(reply), run_id=run_id or "run")

    return open_tiny


def materialize(
    workspace: Path,
    *,
    reply: Any = knowing_reply,
    only: list[str] | None = None,
    opened_by: Any = None,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """Run all stages, or some, in an instance or in one of its own."""
    job = build_definitions(workspace).resolve_job_def("tiny")
    selection = [dg.AssetKey(["tiny", stage]) for stage in only] if only else None
    with opening_sessions(opened_by or opener(reply)):
        if instance is not None:
            return job.execute_in_process(instance=instance, asset_selection=selection, raise_on_error=False, run_config=QUIET)
        with dg.DagsterInstance.ephemeral(settings=TELLING_NOBODY) as own:
            return job.execute_in_process(instance=own, asset_selection=selection, raise_on_error=False, run_config=QUIET)
