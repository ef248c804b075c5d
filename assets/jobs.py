"""The jobs of a project: everything, label what is new, train anew and measure; and what asks for them by the clock or by files."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from assets.partitions import batches_name, partitions_of, range_tags
from assets.proposal import proposal_job_name
from pipeline.errors import CorpusError
from pipeline.ids import content_id
from pipeline.settings import Project
from pipeline.stages.arrivals import FileVersion, Waiting, file_versions, settled_files, waiting_partitions
from pipeline.stages.session import project_state
from pipeline.store import Store

__all__ = ["project_jobs", "project_schedules", "project_sensors"]

LABEL = ("documents", "embeddings", "annotations", "labels", "predictions")
EVALUATE = (
    "written_examples", "classifier", "predictions", "cascade", "definition_checks", "repeated_labels", "baseline", "evaluation", "mistakes",
    "report",
)  # fmt: skip
LOOK_SECONDS = 15


def project_jobs(project: Project) -> list[Any]:
    """Make the jobs; each run of one waits until no other run works on the project."""
    chosen = {
        project.name: ("Everything: read, find the taxonomy, label, teach a student, measure.", dg.AssetSelection.groups(project.name)),
        f"{project.name}_label": ("Read in what is new and label it with the student in use.", _stages(project, LABEL)),
        f"{project.name}_evaluate": ("Teach a student anew, let it label everything if it is not worse, and measure.", _stages(project, EVALUATE)),
    }
    return [dg.define_asset_job(name, selection, description=said, tags=_tags(project)) for name, (said, selection) in chosen.items()]


def project_schedules(project: Project) -> list[dg.ScheduleDefinition]:
    """Make the schedules that the project file asks for."""
    wanted = project.schedule
    common: Any = {
        "execution_timezone": wanted.timezone,
        "default_status": dg.DefaultScheduleStatus.RUNNING if wanted.started else dg.DefaultScheduleStatus.STOPPED,
    }
    found = []
    if wanted.label is not None:

        @dg.schedule(name=f"{project.name}_label_schedule", job_name=f"{project.name}_label", cron_schedule=wanted.label, **common)
        def label(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
            """Label what is new, what came late and what failed."""
            yield from _label_requests(context, project)

        found.append(label)
    if wanted.evaluate is not None:

        @dg.schedule(name=f"{project.name}_evaluate_schedule", job_name=f"{project.name}_evaluate", cron_schedule=wanted.evaluate, **common)
        def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
            """Teach a student anew and measure."""
            store = Store.open(project_state(project))
            return dg.RunRequest(tags=range_tags(project, context.instance, store.partition_counts()))

        found.append(evaluate)
    if wanted.propose is not None:

        @dg.schedule(name=f"{project.name}_propose_schedule", job_name=proposal_job_name(project), cron_schedule=wanted.propose, **common)
        def propose(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
            """Propose a taxonomy of the corpus as it is now; the present one stays."""
            return dg.RunRequest()

        found.append(propose)
    return found


def project_sensors(project: Project) -> list[dg.SensorDefinition]:
    """Make the sensor for arriving files where the project file asks for it."""
    if not project.schedule.arrivals or project.corpus_format == "hub":
        return []

    @dg.sensor(
        name=f"{project.name}_arrivals",
        job_name=f"{project.name}_label",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if project.schedule.started else dg.DefaultSensorStatus.STOPPED,
    )
    def arrivals(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Label files as they arrive; half-written ones wait."""
        return _arrived(context, project)

    return [arrivals]


def _label_requests(context: dg.ScheduleEvaluationContext, project: Project) -> Iterator[dg.RunRequest | dg.SkipReason]:
    if project.partitions is None:
        yield dg.RunRequest(run_key=f"{project.name}:{context.scheduled_execution_time.isoformat()}")
        return
    store = Store.open(project_state(project))
    waiting = waiting_partitions(project, store)
    known = {one.partition for one in waiting}
    waiting += [Waiting(name, "its last run failed") for name in _failed(project, store, context.instance) if name not in known]
    waiting = _recent(sorted(waiting, key=lambda one: one.partition), project, context.instance)
    busy = _busy(project, context.instance)
    for one in waiting:
        if one.partition not in busy:
            key = f"{project.name}:{one.partition}:{context.scheduled_execution_time.isoformat()}"
            yield dg.RunRequest(run_key=key, partition_key=one.partition, tags={"linnaeus/why": one.why[:200]})
    if not waiting:
        yield dg.SkipReason("Nothing new, nothing late, nothing without a prediction.")


def _arrived(context: dg.SensorEvaluationContext, project: Project) -> dg.SensorResult | dg.SkipReason:
    memory = json.loads(context.cursor) if context.cursor else {"seen": {}, "asked": {}}
    seen, asked = ({name: FileVersion(name, *row) for name, row in memory[part].items()} for part in ("seen", "asked"))
    try:
        present = file_versions(project)
        settled = {name: one for name, one in settled_files(project, present, seen, time.time()).items() if asked.get(name) != one}
    except CorpusError as error:
        return dg.SkipReason(str(error))
    asked = {name: one for name, one in (asked | settled).items() if name in present}
    cursor = json.dumps({"seen": _rows(present.values()), "asked": _rows(asked.values())})
    if not settled:
        context.update_cursor(cursor)
        return dg.SkipReason(f"{len(present)} files, none that is new and whole")
    if project.partitions is None:
        key = content_id("files", sorted(map(asdict, settled.values()), key=str))
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)], cursor=cursor)
    waiting = [one for one in waiting_partitions(project, Store.open(project_state(project)), settled=list(settled.values())) if one.files]
    waiting = _recent(waiting, project, context.instance)
    requests = [
        dg.RunRequest(
            run_key=content_id("arrived", [one.partition, sorted(map(str, map(asdict, one.files)))]),
            partition_key=one.partition, tags={"linnaeus/why": one.why[:200]},
        )
        for one in waiting
    ]  # fmt: skip
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def _recent(waiting: Sequence[Waiting], project: Project, instance: dg.DagsterInstance) -> list[Waiting]:
    """Keep the partitions that Dagster has and that are not too old; new batches are made known to it."""
    definition = partitions_of(project)
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        instance.add_dynamic_partitions(batches_name(project), [one.partition for one in waiting])
        return list(waiting)
    days = definition.get_partition_keys()[-project.schedule.days :] if definition is not None else []
    return [one for one in waiting if one.partition in set(days)]


def _failed(project: Project, store: Store, instance: dg.DagsterInstance) -> list[str]:
    """List the partitions with documents of which a stage failed when it was run last."""
    definition, names = partitions_of(project), list(store.partition_counts())
    if definition is None or not names:
        return []
    failed: set[str] = set()
    for stage in LABEL:
        found = instance.get_status_by_partition(dg.AssetKey([project.name, stage]), names, definition) or {}
        failed |= {name for name, status in found.items() if status is not None and status.value == "FAILED"}
    return sorted(failed)


def _busy(project: Project, instance: dg.DagsterInstance) -> set[str]:
    """Name the partitions that a run is at work on, or waits to."""
    going = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    runs = instance.get_runs(dg.RunsFilter(statuses=going, tags={"linnaeus/project": project.name}))
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}


def _rows(versions: Iterable[FileVersion]) -> dict[str, list[int]]:
    return {one.name: [one.size, one.modified] for one in versions}


def _stages(project: Project, stages: Sequence[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(dg.AssetKey([project.name, stage]) for stage in stages))


def _tags(project: Project) -> dict[str, str]:
    minutes = project.schedule.max_minutes
    return {"linnaeus/project": project.name} | ({"dagster/max_runtime": str(60 * minutes)} if minutes else {})
