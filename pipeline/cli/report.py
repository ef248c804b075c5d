"""The command that writes the report."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipeline.cli.terminal import Name, open_store, output
from pipeline.errors import ProjectError
from pipeline.stages import project_state
from pipeline.workspace import find_project, find_workspace

__all__ = ["report"]


def report(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="File to write; report.html beside the tables when absent.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Write one page that says whether the labels can be trusted, for what, and what to do next; no model is asked."""
    from pipeline.stages.report import REPORT, write_report

    project = find_project(name, find_workspace())
    store = open_store(project)
    path = out or project_state(project) / REPORT
    if path.is_dir() or not path.parent.is_dir():
        found = "is a folder" if path.is_dir() else f"lies in {path.parent}, which is not there"
        raise ProjectError(f"The report cannot be written: {path} {found}. Give --out a file in a folder that there is.")
    size = write_report(store, project, path)
    output.print(f"Wrote {escape(str(path))} ({size / 1e6:.2f} MB): one page, to be opened in any browser, also without a network.", soft_wrap=True)
    if open_ and not webbrowser.open(path.resolve().as_uri()):
        output.print("No browser could be opened here; open the file yourself.")
