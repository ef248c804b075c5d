"""The one `Definitions`: assets, checks, jobs, schedules and sensors for each project file of the workspace."""

import logging
from pathlib import Path

import dagster as dg

from assets.checks import stage_checks
from assets.jobs import project_jobs, project_schedules, project_sensors
from assets.proposal import proposal_job
from assets.resources import Sessions
from assets.retention import retention_definitions
from assets.stage_assets import project_assets
from assets.watching import check_sensor, failure_sensor
from pipeline.errors import ProjectError
from pipeline.settings import Project, load_project
from pipeline.stages import STAGES
from pipeline.workspace import find_workspace, project_files

__all__ = ["build_definitions", "defs"]

log = logging.getLogger(__name__)


def build_definitions(workspace: Path) -> dg.Definitions:
    """Build the definitions of a workspace; a project file with mistakes shows what they are, and the others stay."""
    loaded = {path: _load(path) for path in project_files(workspace)}
    projects = [project for project in loaded.values() if isinstance(project, Project)]
    proposals = {project.name: proposal_job(project) for project in projects}
    own = dg.Definitions(
        assets=[
            *(asset for project in projects for asset in project_assets(project)),
            *(_broken(path, error) for path, error in loaded.items() if isinstance(error, ProjectError)),
        ],
        asset_checks=[stage_checks(project, stage) for project in projects for stage in STAGES],
        jobs=[*(job for project in projects for job in project_jobs(project)), *proposals.values()],
        schedules=[schedule for project in projects for schedule in project_schedules(project)],
        sensors=[
            *(sensor for project in projects for sensor in project_sensors(project)),
            failure_sensor(projects),
            check_sensor(projects, proposals),
        ],
        resources={"sessions": Sessions(workspace=str(workspace))},
        # One process a run: a step each costs seconds of imports, and the model server would start once a step.
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(own, retention_definitions())


def _load(path: Path) -> Project | ProjectError:
    try:
        return load_project(path)
    except ProjectError as error:
        log.warning("Left out: %s", error)
        return error


def _broken(path: Path, error: ProjectError) -> dg.AssetSpec:
    """Show the mistakes of a project file where its graph would be."""
    name = "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    said = f"**This project file cannot be used.** Correct it and reload the definitions.\n\n```\n{error}\n```"
    return dg.AssetSpec([name, "broken_project_file"], description=said, group_name=name, kinds={"yaml"}, metadata={"error": str(error)})


defs = build_definitions(find_workspace())
