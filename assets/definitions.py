"""The one `Definitions`: assets, checks and a job for each project file of the workspace."""

import logging
from pathlib import Path

import dagster as dg

from assets.checks import stage_check
from assets.resources import Sessions
from assets.stage_assets import project_assets
from pipeline.errors import ProjectError
from pipeline.settings import Project, load_project
from pipeline.stages import STAGES
from pipeline.workspace import find_workspace, project_files

__all__ = ["build_definitions", "defs"]

log = logging.getLogger(__name__)


def build_definitions(workspace: Path) -> dg.Definitions:
    """Build the definitions of a workspace; a project file with mistakes is left out with a warning, the others stay."""
    projects = [project for path in project_files(workspace) if (project := _load(path)) is not None]
    return dg.Definitions(
        assets=[asset for project in projects for asset in project_assets(project)],
        asset_checks=[stage_check(project, stage) for project in projects for stage in STAGES],
        jobs=[
            dg.define_asset_job(project.name, dg.AssetSelection.groups(project.name), tags={"linnaeus/project": project.name}) for project in projects
        ],
        resources={"sessions": Sessions(workspace=str(workspace))},
        # One process a run: a step each costs seconds of imports, and the model server would start once a step.
        executor=dg.in_process_executor,
    )


def _load(path: Path) -> Project | None:
    try:
        return load_project(path)
    except ProjectError as error:
        log.warning("Left out: %s", error)
        return None


defs = build_definitions(find_workspace())
