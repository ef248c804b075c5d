"""Point Dagster at a workspace."""

import os
from pathlib import Path

from pipeline.stages import state_folder

__all__ = ["set_up_dagster"]


def set_up_dagster(workspace: Path) -> None:
    """Point Dagster at this workspace before it is imported: its instance, and its state beside the tables."""
    state = state_folder(workspace)
    home = workspace if (workspace / "dagster.yaml").exists() else state / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    (state / "dagster").mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").touch(exist_ok=True)  # an empty one says that its folder is meant
    os.environ.setdefault("LINNAEUS_STATE", str(state))
    os.environ.setdefault("LINNAEUS_DAGSTER_STATE", str(state / "dagster"))
    os.environ.setdefault("LINNAEUS_HOME", str(workspace))
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
