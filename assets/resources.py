"""What the assets of one run share."""

import atexit
from pathlib import Path

import dagster as dg

from pipeline.errors import LinnaeusError
from pipeline.settings import Project
from pipeline.stages import Progress, Session, finish_run, open_session
from pipeline.workspace import find_project

__all__ = ["Sessions", "close_all", "show_progress"]


class Sessions(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens one session for each run and project, so that a model server outlives the step that started it.

    A run is one process (in-process executor); its sessions close when it ends, or when `close_all` is called.
    """

    workspace: str

    def open(self, project: Project, run_id: str) -> Session:
        """Give the run's session on a project, from the project file as it is now.

        :raises ProjectError: when the file has mistakes.
        """
        key = (self.workspace, project.name, run_id)
        if key not in _OPEN:
            close_all()  # an earlier run of this process is over
            found = find_project(project.name, Path(self.workspace))
            _OPEN[key] = open_session(found, run_id=run_id, progress=_PROGRESS[-1] if _PROGRESS else None)
            _OPEN[key].store.start_run(run_id, project.name)
        return _OPEN[key]


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
