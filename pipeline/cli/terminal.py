"""What the commands share: where they write, how a project is named, and how its tables are opened."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from pipeline.errors import ProjectError
from pipeline.settings import Project
from pipeline.stages import project_state
from pipeline.store import Store

__all__ = ["Json", "Name", "errors", "open_store", "output"]

PIPE_WIDTH = 150  # characters of a line where standard output is no terminal
output = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True, highlight=False)

Name = Annotated[str, typer.Argument(help="Name of the project: a file in projects/, without .yaml.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, for machines.")]


def open_store(project: Project) -> Store:
    """Open the tables of a project that has been run.

    :raises ProjectError: where it has not.
    """
    folder = project_state(project)
    if not (folder / "labels.duckdb").exists():
        raise ProjectError(f"Project {project.name} has not been run yet: `linnaeus run {project.name}`.")
    return Store.open(folder)
