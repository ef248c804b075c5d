"""What the commands share: where they write, how a project is named, and how its tables are opened."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from pipeline.errors import ProjectError
from pipeline.settings import MAIN, Project
from pipeline.stages import project_state
from pipeline.store import Store
from pipeline.store.querying import querying
from pipeline.workspace import find_project, find_workspace

__all__ = ["Facet", "Json", "Name", "errors", "facet_option", "facet_project", "facet_store", "open_store", "output", "published_store", "short_id"]

SHORT_ID = 8  # digits of an id that are shown
PIPE_WIDTH = 150  # characters of a line where standard output is no terminal
output = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True, highlight=False)

Name = Annotated[str, typer.Argument(help="Name of the project: a file in projects/, without .yaml.")]
Facet = Annotated[str, typer.Option(help="Which of the project's taxonomies: a key of `facets`.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, for machines.")]


def open_store(project: Project) -> Store:
    """Open the tables of a project that has been run.

    :raises ProjectError: where it has not.
    """
    folder = project_state(project)
    if not (folder / "labels.duckdb").exists():
        raise ProjectError(f"Project {project.name} has not been run yet: `linnaeus run {project.name}`.")
    return Store.open(folder)


def published_store(name: str, facet: str) -> Store:
    """Give the store of a project that has been run, of which the published copy alone is to be read; nobody who writes is waited for.

    :raises ProjectError: where there is no such project or facet, or it has not been run.
    """
    project = facet_project(name, facet)
    store = Store(project_state(project))
    if store.published.exists():
        with querying(store.published) as asking:
            current = asking.is_current()
    if not store.published.exists() or not current:
        store = open_store(project)
    return store if facet == MAIN else store.of_facet(facet)


def facet_project(name: str, facet: str) -> Project:
    """Load a project that has a facet.

    :raises ProjectError: where there is no such project, or it has no such facet.
    """
    project = find_project(name, find_workspace())
    if facet not in project.facet_names:
        raise ProjectError(f"Project {name} has no facet {facet!r}; there are {', '.join(project.facet_names)}.")
    return project


def facet_store(name: str, facet: str) -> Store:
    """Open the tables of a project that has been run, as one facet sees them."""
    store = open_store(facet_project(name, facet))
    return store if facet == MAIN else store.of_facet(facet)


def facet_option(facet: str) -> str:
    """Spell the option that names a facet, for a command that is to be typed."""
    return "" if facet == MAIN else f" --facet {facet}"


def short_id(long: str) -> str:
    """Shorten an id to what is typed."""
    kind, _, digits = long.rpartition(":")
    return f"{kind}:{digits[:SHORT_ID]}" if kind else long
