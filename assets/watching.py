"""The sensors that tell people: of runs that failed, and of checks that want a look. They send nothing themselves (pipeline/alerts.py)."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from assets.partitions import run_partitions
from assets.proposal import proposal_job, proposal_job_name
from pipeline.alerts import Alert, tell
from pipeline.settings import Project
from pipeline.stages.checks import CHECKS
from pipeline.stages.drift_checks import DRIFT_CHECKS

__all__ = ["UI_URL", "check_sensor", "failure_sensor"]

UI_URL = "LINNAEUS_UI_URL"
PROJECT = "linnaeus/project"
EACH_SECONDS = 60
LONGEST_SECONDS = 30.0  # a sensor that takes more than a minute is ended, and would begin anew
Failing = dict[str, int]  # checks that were told of and still fail, each with the event that it was told for


def failure_sensor(projects: Sequence[Project]) -> dg.SensorDefinition:
    """Make the sensor that tells of each failed run of the projects, once."""
    known = {project.name: project for project in projects}

    @dg.run_failure_sensor(
        name="tell_of_failed_runs",
        description="Tells of each failed run: in the log, the file and the webhook that the project names (alerts).",
        default_status=_status(any(_has_alerts(project) for project in projects)),
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        project = known.get(context.dagster_run.tags.get(PROJECT, ""))
        if project is None:
            return dg.SkipReason(f"Run {context.dagster_run.run_id} belongs to no project.")
        for trouble in tell([failed_run(context, project)], project):
            context.log.error(trouble)
        return None

    return sensor


def failed_run(context: dg.RunFailureSensorContext, project: Project) -> Alert:
    """Say of a failed run what failed and why, by the messages that say what to do."""
    run = context.dagster_run
    stages = [{"stage": (event.step_key or "").split("__")[-1], "message": _reason(event)} for event in context.get_step_failure_events()]
    why = "; ".join(f"{one['stage']}: {one['message']}" for one in stages) or (context.failure_event.message or "its process ended")
    partitions = run_partitions(project, run, context.instance)
    of_what = f" of {partitions[0]}{f' to {partitions[-1]}' if len(partitions) > 1 else ''}" if partitions else ""
    message = f"The run {run.run_id[:8]} of {run.job_name}{of_what} failed. {why}"
    return Alert("run_failed", project.name, message, run.run_id, run.job_name, partitions, stages, link=_link(run.run_id))


def check_sensor(projects: Sequence[Project], proposals: Mapping[str, dg.JobDefinition] | None = None) -> dg.SensorDefinition:
    """Make the sensor that tells of each check that newly fails, and asks for a proposal where one of drift does.

    :param proposals: the jobs that propose a taxonomy, by project; made here when absent, for projects with schedule.propose.
    """
    wanting = [project for project in projects if project.schedule.propose is not None]
    jobs = {project.name: proposal_job(project) for project in wanting} if proposals is None else proposals

    @dg.sensor(
        name="tell_of_checks",
        description="Tells once of each check that newly fails, until it holds again, and asks for a proposed taxonomy where drift is found.",
        minimum_interval_seconds=EACH_SECONDS,
        jobs=[jobs[project.name] for project in wanting if project.name in jobs] or None,
        default_status=_status(any(_has_alerts(project) for project in projects) or bool(wanting)),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        failing: Failing = json.loads(context.cursor) if context.cursor else {}
        requests, until = list[dg.RunRequest](), time.monotonic() + LONGEST_SECONDS
        for project in projects:
            if time.monotonic() > until:  # the rest is looked at the next time
                break
            newly = list(_newly_failing(project, context.instance, failing))
            for trouble in tell(newly, project):
                context.log.error(trouble)
            drifted = [alert for alert in newly if alert.about["check"] in {rule.name for rule in DRIFT_CHECKS}]
            if drifted and project in wanting and project.name in jobs:
                requests.append(_proposal_request(project, drifted[0]))
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(failing))

    return sensor


def _newly_failing(project: Project, instance: dg.DagsterInstance, failing: Failing) -> Iterator[Alert]:
    """Give an alert for each check that fails now and did not; note in `failing` what fails from now on."""
    keys = [dg.AssetCheckKey(dg.AssetKey([project.name, stage]), rule.name) for stage, rules in CHECKS.items() for rule in rules]
    for key, record in instance.event_log_storage.get_latest_asset_check_execution_by_key(keys).items():
        event = record.event.dagster_event if record.event is not None else None
        evaluation = event.event_specific_data if event is not None else None
        if not isinstance(evaluation, dg.AssetCheckEvaluation):  # it is running, or was broken off, which is told of as a failed run
            continue
        name = key.to_user_string()
        if evaluation.passed:
            failing.pop(name, None)
        elif name not in failing:
            failing[name] = record.id
            yield _failed_check(project, key, evaluation, record.run_id, record.id)


def _failed_check(project: Project, key: dg.AssetCheckKey, evaluation: dg.AssetCheckEvaluation, run_id: str, event: int) -> Alert:
    told = {name: value.value for name, value in evaluation.metadata.items() if isinstance(value.value, str | int | float)}
    stage = key.asset_key.path[-1]
    message = f"{stage}, {key.name}: {told.get('found', '')}. Expected: {told.get('expected', '')} {told.get('remedy', '')}".strip()
    about = {"check": key.name, "stage": stage, "severity": evaluation.severity.value, "event": event, **told}
    return Alert("check_failed", project.name, message, run_id, about=about, link=_link(run_id))


def _proposal_request(project: Project, alert: Alert) -> dg.RunRequest:
    """Ask for one proposal for one drift, however often it is looked at."""
    key = f"{project.name}:{alert.about['check']}:{alert.about['event']}"
    return dg.RunRequest(run_key=key, job_name=proposal_job_name(project), tags={PROJECT: project.name, "linnaeus/because": alert.about["check"]})


def _reason(event: dg.DagsterEvent) -> str:
    """Give our own message of a failed step, or the innermost one that there is."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    innermost = data.error.cause or data.error if data.error is not None else None
    return innermost.message.strip() if innermost is not None else event.message or "no reason was recorded"


def _link(run_id: str) -> str | None:
    address = os.environ.get(UI_URL)
    return f"{address.rstrip('/')}/runs/{run_id}" if address else None


def _has_alerts(project: Project) -> bool:
    return project.alerts.file is not None or project.alerts.webhook is not None


def _status(running: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED
