"""The instance before its processes start: tables are made, and runs whose process is gone are told from those that go on."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.instance import GRPC_INFO, end_lost_runs, prepare


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def quick() -> None:
    """A job for runs that are only recorded."""
    nothing()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def recorded(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **where: object) -> str:
    tags = {GRPC_INFO: json.dumps(where)} if where else {}
    return instance.create_run_for_job(quick, status=status, tags=tags).run_id


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_only_runs_under_way_whose_code_server_on_this_machine_is_gone_are_ended(instance: dg.DagsterInstance) -> None:
    port, started = unused_port(), dg.DagsterRunStatus.STARTED
    lost = recorded(instance, started, host="127.0.0.1", port=port)
    kept = [
        recorded(instance, started),  # of `linnaeus run`, in a process of its own
        recorded(instance, started, host="elsewhere.example", port=port),
        recorded(instance, dg.DagsterRunStatus.NOT_STARTED, host="127.0.0.1", port=port),
    ]
    assert end_lost_runs(instance) == [lost]
    after = {run.run_id: run.status for run in instance.get_runs()}
    assert after[lost] == dg.DagsterRunStatus.FAILURE
    assert all(after[run_id] != dg.DagsterRunStatus.FAILURE for run_id in kept)
    assert "its code server was ended" in str(instance.all_logs(lost)[-1].message)
    assert end_lost_runs(instance) == []


def test_the_tag_is_the_one_that_dagster_gives() -> None:
    from dagster._core.storage.tags import GRPC_INFO_TAG

    assert GRPC_INFO == GRPC_INFO_TAG


def test_preparing_makes_the_tables_and_twice_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    prepare()
    prepare()
    assert (tmp_path / "history" / "runs.db").exists()
    assert (tmp_path / "schedules" / "schedules.db").exists()
