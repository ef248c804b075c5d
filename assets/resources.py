"""What the assets of one run share."""

import atexit
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from pipeline.errors import LinnaeusError
from pipeline.settings import Project
from pipeline.stages import Progress, Session, finish_run, open_session
from pipeline.workspace import find_project, find_workspace

__all__ = ["Sessions", "close_all", "show_progress"]


class Sessions(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens one session for each run and project, so that a model server outlives the step that started it.

    A run is one process (in-process executor); its sessions close when it ends, or when `close_all` is called. What is set here at
    launch holds for that run alone.
    """

    workspace: str = Field(default="", description="Folder with projects/; the one that the definitions were loaded from when empty.")
    sample: int | None = Field(default=None, ge=10, description="Documents that the model labels in this run, in place of annotation.sample.")
    model: str | None = Field(default=None, description="Model of this run, in place of engine.model (and of generator's and annotator's).")
    dry_run: bool = Field(default=False, description="Ask and write nothing: the first stage shows the plan, and the others are skipped.")
    retries: int | None = Field(default=None, ge=0, description="Times that a stage is tried again, in place of schedule.retries.")

    def retries_of(self, project: Project) -> int:
        """Say how often a step of this run is tried again."""
        return project.schedule.retries if self.retries is None else self.retries

    def open(self, project: Project, run_id: str, partitions: Sequence[str] = ()) -> Session:
        """Give the run's session on a project, from the project file as it is now.

        :raises ProjectError: when the file has mistakes, or no model can be set for it.
        """
        workspace = Path(self.workspace) if self.workspace else find_workspace()
        key = (str(workspace), project.name, run_id)
        if key not in _OPEN:
            close_all()  # an earlier run of this process is over
            found = _wished(find_project(project.name, workspace), self.sample, self.model)
            _OPEN[key] = open_session(found, run_id=run_id, progress=_PROGRESS[-1] if _PROGRESS else None)
            _OPEN[key].partitions = tuple(partitions)
            _OPEN[key].store.start_run(run_id, project.name)
        return _OPEN[key]


def _wished(project: Project, sample: int | None, model: str | None) -> Project:
    """Give a project as one run wants it."""
    changes: dict[str, Any] = {}
    if sample is not None:
        changes["annotation"] = project.annotation.model_copy(update={"sample": sample})
    if model is not None:
        engines = {"engine": project.engine, "generator": project.generator, "annotator": project.annotator}
        changes |= {name: engine.model_copy(update={"model": model}) for name, engine in engines.items() if engine is not None}
    return project.model_copy(update=changes)


_OPEN: dict[tuple[str, str, str], Session] = {}
_PROGRESS: list[Progress] = []


def show_progress(progress: Progress) -> None:
    """Let the runs of this process show their progress there."""
    _PROGRESS[:] = [progress]


@atexit.register
def close_all(success: bool | None = None) -> list[str]:
    """Finish every run of this process; without `success`, whether one succeeded is taken from its stages.

    :return: why runs stopped at their budget, if any did.
    """
    stopped: list[str] = []
    while _OPEN:
        _, session = _OPEN.popitem()
        stopped += session.stopped
        try:
            finish_run(session, success=success)
        except LinnaeusError:  # the store is gone, and so is what would be closed
            continue
    return stopped
