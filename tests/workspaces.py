"""A folder as the workspace."""

from pathlib import Path

import pytest

__all__ = ["as_workspace"]


def as_workspace(folder: Path, environment: pytest.MonkeyPatch) -> Path:
    """Make a folder the workspace of everything that looks for one."""
    for name, place in {"LINNAEUS_HOME": "", "LINNAEUS_STATE": ".linnaeus", "LINNAEUS_CACHE": "cache"}.items():
        environment.setenv(name, str(folder / place))
    (folder / "projects").mkdir(exist_ok=True)
    return folder
