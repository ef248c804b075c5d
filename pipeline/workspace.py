"""A workspace: the folder that holds `projects/*.yaml` and, in `.linnaeus`, what their runs leave behind."""

import os
from pathlib import Path

from pipeline.errors import ProjectError
from pipeline.settings import Project, load_project

__all__ = ["find_project", "find_workspace", "project_files"]


def find_workspace(start: Path | None = None) -> Path:
    """Find the workspace: $LINNAEUS_HOME, or the nearest folder upwards that holds `projects`, else the folder itself."""
    own = os.environ.get("LINNAEUS_HOME")
    if own:
        return Path(own).expanduser().resolve()
    here = (start or Path.cwd()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "projects").is_dir()), here)


def project_files(workspace: Path) -> list[Path]:
    """List the project files, by name."""
    return sorted((workspace / "projects").glob("*.yaml"))


def find_project(name: str, workspace: Path) -> Project:
    """Load a project by its name or the path of its file.

    :raises ProjectError: naming the projects there are, or every mistake in the file.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else workspace / "projects" / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(file.stem for file in project_files(workspace)) or "none yet"
        raise ProjectError(f"There is no project {name!r} in {workspace / 'projects'} (there: {known}). `linnaeus init {name}` writes one.")
    project = load_project(path)
    if project.name != path.stem:
        raise ProjectError(f"{path} says name: {project.name}; a project file is called after its project, so rename one of the two.")
    return project
