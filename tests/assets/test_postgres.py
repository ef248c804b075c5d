"""The deploy file for Postgres against a real one: a run made through one instance is there, with its events, through another."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_definitions
from assets.instance import prepare
from assets.resources import close_all
from assets.retention import purge
from pipeline.settings import Project
from pipeline.stages import Session, opening_sessions, project_state
from pipeline.testing import ScriptedChat
from tests.postgres import postgres_server, why_not
from tests.tiny import knowing_reply, tiny_session, write_project

FILE = Path(__file__).parent.parent.parent / "deploy" / "dagster.postgres.yaml"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
STAGES = ("documents", "embeddings")

pytestmark = pytest.mark.skipif(why_not() is not None, reason=f"no Postgres: {why_not()}")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres_server() as address:
        yield address


@pytest.fixture
def deployed(url: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose instance is as the deploy file says."""
    (workspace / "dagster.yaml").write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(workspace))
    monkeypatch.setenv("LINNAEUS_DAGSTER_STATE", str(workspace / ".linnaeus" / "dagster"))
    monkeypatch.setenv("LINNAEUS_POSTGRES_URL", url)
    return workspace


def open_tiny(project: Project, *, run_id: str | None = None, progress: object = None) -> Session:
    return tiny_session(project, project_state(project), chat=ScriptedChat(knowing_reply), run_id=run_id or "run")


def run_tiny(workspace: Path, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_definitions(workspace).resolve_job_def("tiny")
    selection = [dg.AssetKey(["tiny", stage]) for stage in STAGES]
    try:
        with opening_sessions(open_tiny):
            return job.execute_in_process(instance=instance, asset_selection=selection, raise_on_error=False, run_config=QUIET)
    finally:
        close_all()


def test_a_run_and_its_events_are_seen_through_a_second_instance(deployed: Path) -> None:
    write_project(deployed)
    prepare()
    prepare()  # a start after an upgrade finds tables
    with dg.DagsterInstance.get() as first:
        again = [run_tiny(deployed, first) for _ in range(2)]
    assert all(result.success for result in again)
    with dg.DagsterInstance.get() as second:
        assert {run.run_id: run.status for run in second.get_runs()} == {result.run_id: dg.DagsterRunStatus.SUCCESS for result in again}
        made = {event.asset_key.path[-1] for event in _materialisations(second, again[1].run_id) if event.asset_key}
        assert made == set(STAGES)
        assert second.get_latest_materialization_event(dg.AssetKey(["tiny", "documents"])) is not None
        purged = purge(second, before=datetime.now(UTC) + timedelta(hours=1))
        assert (purged.deleted, purged.kept) == (1, 1)
        assert [run.run_id for run in second.get_runs()] == [again[1].run_id]
        assert second.all_logs(again[1].run_id)
        assert not second.all_logs(again[0].run_id)
    assert not list((deployed / ".linnaeus").rglob("runs.db")), "nothing of it is in SQLite"


def _materialisations(instance: dg.DagsterInstance, run_id: str) -> list[dg.DagsterEvent]:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return [entry.dagster_event for entry in entries if entry.dagster_event]
