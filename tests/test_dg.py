"""The `dg` commands at the root of the repository, on a tiny workspace; each costs seconds, so that one test has them all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.stages import STAGES
from pipeline.store import Store
from tests.tiny import tiny_rows, write_project

ROOT = Path(__file__).parent.parent
DG = Path(sys.executable).parent / "dg"

pytestmark = pytest.mark.skipif(not DG.exists(), reason="dagster-dg-cli is not installed (pip install '.[dev]')")


def dg(workspace: Path, *arguments: str) -> str:
    state = workspace / ".linnaeus" / "dagster"
    state.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ, "LINNAEUS_HOME": str(workspace), "LINNAEUS_DAGSTER_STATE": str(state), "DAGSTER_HOME": str(ROOT),
        "DAGSTER_DISABLE_TELEMETRY": "1", "PATH": f"{DG.parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run([str(DG), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_definitions_are_checked_listed_and_launched(workspace: Path) -> None:
    write_project(workspace)
    assert "All definitions loaded successfully." in dg(workspace, "check", "defs")

    listed = json.loads(dg(workspace, "list", "defs", "--json"))
    assert {asset["asset_key"] for asset in listed["assets"]} == {f"tiny/{stage}" for stage in STAGES}
    assert "tiny" in {job["name"] for job in listed["jobs"]}

    dg(workspace, "launch", "--assets", "tiny/documents")
    store = Store.open(workspace / ".linnaeus" / "projects" / "tiny")
    assert store.query("select count(*) from documents")[1][0][0] == len(tiny_rows())
