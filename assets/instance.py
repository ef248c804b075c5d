"""Prepares the Dagster instance before its processes start: `python -m assets.instance`.

Migrates its tables, or makes them, and ends runs whose process is gone: nobody else would, and as one run of a project is taken
from the queue at a time, such a run would keep out all that follow.
"""

import json
import os
import sys

import dagster as dg

__all__ = ["end_lost_runs", "prepare"]

GRPC_INFO = ".dagster/grpc_info"  # where the code server is that a run was launched by; `linnaeus run` needs none and has none
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CODE_HOST = "LINNAEUS_CODE_HOST"  # what others call this machine, where the web server and the daemon are on others
ANSWER_SECONDS = 5
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
REASON = "The process of this run is gone: the machine or its code server was ended. What was finished is kept; launch it again."


def prepare() -> None:
    """Migrate the instance that DAGSTER_HOME names, and end its lost runs."""
    with dg.DagsterInstance.get() as instance:
        instance.upgrade()
        for run_id in end_lost_runs(instance):
            sys.stdout.write(f"WARNING: run {run_id} was under way when its process ended; it is marked as failed\n")


def end_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed the runs that a code server of this machine launched and does not know any more; give their ids."""
    lost = [run for run in instance.get_runs(filters=dg.RunsFilter(statuses=UNDER_WAY)) if _is_lost(run)]
    for run in lost:
        instance.report_run_failed(run, message=REASON)
    return [run.run_id for run in lost]


def _is_lost(run: dg.DagsterRun) -> bool:
    """Say whether a run's code server is on this machine and does not answer, or does not know the run."""
    from dagster._core.errors import DagsterUserCodeUnreachableError  # Dagster has no public way to ask a code server of a run
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult

    where = json.loads(run.tags.get(GRPC_INFO, "{}"))
    if where.get("host") not in (*LOOPBACK, os.environ.get(CODE_HOST, LOOPBACK[0])):
        return False
    client = DagsterGrpcClient(port=where.get("port"), socket=where.get("socket"), host=where["host"])
    try:
        said = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=ANSWER_SECONDS)
        return not dg.deserialize_value(said, CanCancelExecutionResult).can_cancel
    except DagsterUserCodeUnreachableError:
        return True


if __name__ == "__main__":
    prepare()
