"""Runs a project's job in this process, with the run recorded in the Dagster instance like one from the UI."""

from pathlib import Path

import dagster as dg

from assets.definitions import build_definitions
from assets.partitions import range_tags
from assets.resources import close_all, show_progress
from pipeline.errors import BudgetReachedError, CorpusError, LinnaeusError
from pipeline.settings import Project
from pipeline.stages import Progress, project_state
from pipeline.stages.arrivals import waiting_partitions
from pipeline.store import Store

__all__ = ["RunFailedError", "run_project"]


class RunFailedError(LinnaeusError):
    """Report the stages that failed, each with its reason."""


def run_project(project: Project, *, workspace: Path, stages: list[str] | None, progress: Progress) -> list[str]:
    """Materialise a project's assets, or some of them, and run their checks.

    :return: why the run stopped early and went on with what it had, where it reached its budget.
    :raises BudgetReachedError: when the budget was reached before there was anything to go on with.
    :raises RunFailedError: when a stage failed or a blocking check did not hold.
    """
    show_progress(progress)
    job = build_definitions(workspace).resolve_job_def(project.name)
    selection = [dg.AssetKey([project.name, stage]) for stage in stages] if stages else None
    # A person is there to read what went wrong: nothing is tried again after a pause.
    wishes = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "resources": {"sessions": {"config": {"retries": 0}}}}
    with dg.DagsterInstance.get() as instance:
        tags = range_tags(project, instance, _partitions(project))
        if project.partitions is not None and not tags:
            raise CorpusError(f"{project.corpus_path} holds no document of any partition yet. Check corpus.path, and partitions.start and column.")
        result = job.execute_in_process(instance=instance, run_config=wishes, asset_selection=selection, raise_on_error=False, tags=tags)
    stopped = close_all(result.success)
    if not result.success and stopped:
        raise BudgetReachedError("\n".join(stopped))
    if not result.success:
        raise RunFailedError("\n".join(_reasons(result)) or "The run failed; see it in the Dagster UI.")
    return stopped


def _partitions(project: Project) -> list[str]:
    """Name the partitions that something waits in; the latest one where nothing does, since a run has to be about some."""
    store = Store.open(project_state(project))
    return [one.partition for one in waiting_partitions(project, store)] or list(store.partition_counts())[-1:]


def _reasons(result: dg.ExecuteInProcessResult) -> list[str]:
    reasons = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            message = data.user_failure_data.description if data.user_failure_data else None
            if message is None and data.error is not None:
                innermost = data.error.cause or data.error
                message = innermost.message.strip()
            reasons.append(f"{event.node_name.split('__')[-1]}: {message}")
    return reasons
