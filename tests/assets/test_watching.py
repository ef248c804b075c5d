"""The sensors that tell people: each failed run once, each check once until it holds again, and one proposal for one drift."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.proposal import proposal_job
from assets.resources import Sessions, close_all
from assets.watching import check_sensor, failure_sensor
from pipeline.settings import Project, load_project
from pipeline.stages import Session, opening_sessions, project_state
from pipeline.testing import ScriptedChat
from pipeline.testing_server import WireReply, serve_script
from tests.materialising import TELLING_NOBODY
from tests.tiny import knowing_reply, tiny_session, write_project

DRIFT = dg.AssetCheckKey(dg.AssetKey(["tiny", "predictions"]), "labels_are_as_before")
OTHER = dg.AssetCheckKey(dg.AssetKey(["tiny", "documents"]), "few_rejects")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(name="instance")
def _instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings=TELLING_NOBODY) as instance:
        yield instance


def a_project(workspace: Path, **changes: Any) -> Project:
    return load_project(write_project(workspace, **changes))


def told(workspace: Path) -> list[dict[str, Any]]:
    path = workspace / "projects" / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


# --- failed runs -----------------------------------------------------------------------------------------------------


def failing_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
    @dg.op(name="tiny__labels")
    def labels() -> None:
        raise dg.Failure(description="The server at 127.0.0.1:1 is gone. Start it and run again.", allow_retries=False)

    @dg.job(name="tiny", tags=tags)
    def tiny() -> None:
        labels()

    return tiny.execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)


def look_at(result: dg.ExecuteInProcessResult, projects: list[Project], instance: dg.DagsterInstance) -> Any:
    sensor = failure_sensor(projects)
    event = next(event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context("tell_of_failed_runs", event, instance, result.dagster_run).for_run_failure()
    return sensor(context)


def test_a_failed_run_is_told_with_what_failed_and_what_to_do(workspace: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINNAEUS_UI_URL", "http://dagster.example/")
    with serve_script() as server:
        server.script = lambda request, number: WireReply(200)
        parts = {"by": "day", "start": "2026-01-01"}
        project = a_project(workspace, partitions=parts, alerts={"file": "alerts.jsonl", "webhook": f"{server.address}/hook"})
        result = failing_run(instance, {"linnaeus/project": "tiny", "dagster/partition": "2026-01-02"})
        look_at(result, [project], instance)
        (line,), (sent,) = told(workspace), server.requests
    assert line == sent
    assert line["stages"] == [{"stage": "labels", "message": "The server at 127.0.0.1:1 is gone. Start it and run again."}]
    assert (line["project"], line["job"], line["run_id"], line["partitions"]) == ("tiny", "tiny", result.run_id, ["2026-01-02"])
    assert line["link"] == f"http://dagster.example/runs/{result.run_id}"
    assert "of 2026-01-02 failed. labels: The server at 127.0.0.1:1 is gone." in line["message"]


def test_runs_of_no_project_are_passed_over(workspace: Path, instance: dg.DagsterInstance) -> None:
    project = a_project(workspace, alerts={"file": "alerts.jsonl"})
    look_at(failing_run(instance, {}), [project], instance)
    assert told(workspace) == []


def test_a_webhook_that_is_down_fails_no_sensor_and_loses_no_line(
    workspace: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.alerts.PAUSES", (0.01,))
    with serve_script() as server:
        address = server.address
    project = a_project(workspace, alerts={"file": "alerts.jsonl", "webhook": f"{address}/hook"})
    look_at(failing_run(instance, {"linnaeus/project": "tiny"}), [project], instance)
    assert len(told(workspace)) == 1


def test_the_sensors_run_only_where_a_project_wants_them(workspace: Path) -> None:
    plain = a_project(workspace)
    telling = plain.model_copy(update={"alerts": plain.alerts.model_copy(update={"file": "alerts.jsonl"})})
    proposing = plain.model_copy(update={"schedule": plain.schedule.model_copy(update={"propose": "0 6 1 * *"})})
    running, stopped = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED
    assert [failure_sensor([one]).default_status for one in (plain, telling, proposing)] == [stopped, running, stopped]
    assert [check_sensor([one]).default_status for one in (plain, telling, proposing)] == [stopped, running, running]


def test_the_sensors_and_the_job_load_beside_one_another(workspace: Path) -> None:
    project = a_project(workspace, schedule={"propose": "0 6 1 * *"}, alerts={"file": "alerts.jsonl"})
    jobs = {project.name: proposal_job(project)}
    definitions = dg.Definitions(
        jobs=list(jobs.values()),
        sensors=[failure_sensor([project]), check_sensor([project], jobs)],
        resources={"sessions": Sessions(workspace=str(workspace))},
    )
    dg.Definitions.validate_loadable(definitions)
    assert definitions.resolve_job_def("tiny_propose").tags["linnaeus/project"] == "tiny"


# --- checks ----------------------------------------------------------------------------------------------------------


def check_comes_out(instance: dg.DagsterInstance, key: dg.AssetCheckKey, passed: bool) -> None:
    spec = dg.AssetCheckSpec(key.name, asset=key.asset_key)

    @dg.multi_asset_check(specs=[spec], name="check")
    def check() -> Iterator[dg.AssetCheckResult]:
        metadata: dict[str, Any] = {"found": "2026-01-03: far off", "expected": "At most 20 %.", "remedy": "Look.", "distance": 0.4}
        yield dg.AssetCheckResult(check_name=key.name, asset_key=key.asset_key, passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)

    job = dg.define_asset_job("checks", dg.AssetSelection.checks(key))
    dg.Definitions(assets=[dg.AssetSpec(key.asset_key)], asset_checks=[check], jobs=[job]).resolve_job_def("checks").execute_in_process(
        instance=instance, run_config=QUIET
    )


class Watch:
    """Looks again and again, as the daemon does."""

    def __init__(self, project: Project, instance: dg.DagsterInstance) -> None:
        self.sensor, self.instance, self.cursor = check_sensor([project]), instance, ""

    def look(self) -> list[Any]:
        found = self.sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor or None))
        self.cursor = found.cursor  # type: ignore[union-attr, assignment]
        return list(found.run_requests or [])  # type: ignore[union-attr]


def test_a_check_is_told_of_once_until_it_holds_again(workspace: Path, instance: dg.DagsterInstance) -> None:
    watch = Watch(a_project(workspace, alerts={"file": "alerts.jsonl"}), instance)
    assert (watch.look(), told(workspace)) == ([], [])
    check_comes_out(instance, OTHER, False)
    watch.look()
    watch.look()
    check_comes_out(instance, OTHER, False)
    watch.look()
    assert len(told(workspace)) == 1
    line = told(workspace)[0]
    assert line["message"] == "documents, few_rejects: 2026-01-03: far off. Expected: At most 20 %. Look."
    assert (line["about"]["severity"], line["about"]["distance"]) == ("WARN", 0.4)
    check_comes_out(instance, OTHER, True)
    watch.look()
    check_comes_out(instance, OTHER, False)
    watch.look()
    assert len(told(workspace)) == 2


def test_drift_asks_for_one_proposal(workspace: Path, instance: dg.DagsterInstance) -> None:
    watch = Watch(a_project(workspace, schedule={"propose": "0 6 1 * *"}), instance)
    check_comes_out(instance, OTHER, False)
    assert watch.look() == []
    check_comes_out(instance, DRIFT, False)
    (request,) = watch.look()
    assert request.job_name == "tiny_propose"
    assert request.tags["linnaeus/project"] == "tiny"
    assert watch.look() == []
    watch.cursor = ""  # as if the cursor had been lost before it was kept: the key says that it is the same one
    assert [again.run_key for again in watch.look()] == [request.run_key]


def test_drift_asks_for_nothing_where_no_proposal_is_wanted(workspace: Path, instance: dg.DagsterInstance) -> None:
    watch = Watch(a_project(workspace, alerts={"file": "alerts.jsonl"}), instance)
    check_comes_out(instance, DRIFT, False)
    assert watch.look() == []
    assert len(told(workspace)) == 1


# --- the job that proposes -------------------------------------------------------------------------------------------


def opener(reply: Any = knowing_reply) -> Any:
    def open_tiny(project: Project, *, run_id: str | None = None, progress: object = None) -> Session:
        return tiny_session(project, project_state(project), chat=ScriptedChat(reply), run_id=run_id or "run")

    return open_tiny


def propose_in(instance: dg.DagsterInstance, project: Project, reply: Any = knowing_reply) -> dg.ExecuteInProcessResult:
    with opening_sessions(opener(reply)):
        return proposal_job(project).execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)


def test_the_job_shows_what_it_proposes_and_changes_nothing(workspace: Path, copied: Path, instance: dg.DagsterInstance) -> None:
    project = a_project(workspace)
    with opener()(project) as session:
        assert session.folder == copied
        before = session.store.rows("select key, value from current order by key")
    result = propose_in(instance, project)
    assert result.success
    (output,) = [event for event in result.all_events if event.is_successful_output]
    assert "note" in output.event_specific_data.metadata  # type: ignore[union-attr]
    close_all()
    with opener()(project) as session:
        assert session.store.rows("select key, value from current where key not like 'proposal/%' order by key") == before


def test_a_dry_run_of_the_proposal_shows_the_plan_and_asks_nothing(workspace: Path, instance: dg.DagsterInstance) -> None:
    def refuse(question: Any) -> Any:
        raise AssertionError("a dry run asks no model")

    config = QUIET | {"resources": {"sessions": {"config": {"dry_run": True}}}}
    with opening_sessions(opener(refuse)):
        result = proposal_job(a_project(workspace)).execute_in_process(instance=instance, run_config=config)
    (output,) = [event for event in result.all_events if event.is_successful_output]
    metadata = output.event_specific_data.metadata  # type: ignore[union-attr]
    assert metadata["planned_calls"].value > 0


def test_a_proposal_that_cannot_be_made_fails_with_our_message(workspace: Path, instance: dg.DagsterInstance) -> None:
    result = propose_in(instance, a_project(workspace))
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "There is no taxonomy yet" in str(failure.step_failure_data.user_failure_data)
