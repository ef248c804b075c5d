"""The assets of one project: a stage each, in the project's group."""

import dagster as dg

from assets.metadata import describe
from assets.resources import Sessions
from pipeline.errors import LinnaeusError
from pipeline.settings import Project
from pipeline.stages import ROLE_OF, STAGES, run_stage

__all__ = ["project_assets"]


def project_assets(project: Project) -> list[dg.AssetsDefinition]:
    """Make an asset for each stage."""
    return [_stage_asset(project, stage) for stage in STAGES]


def _stage_asset(project: Project, stage: str) -> dg.AssetsDefinition:
    function, needs = STAGES[stage]

    @dg.asset(
        key=dg.AssetKey([project.name, stage]),
        deps=[dg.AssetKey([project.name, need]) for need in needs],
        group_name=project.name,
        description=function.__doc__,
        kinds={"duckdb", project.engine_of(ROLE_OF[stage]).kind if stage in ROLE_OF else "python"},
        tags={"linnaeus/project": project.name},
    )
    def asset(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:  # type: ignore[type-arg]
        try:
            session = sessions.open(project, context.run.run_id)
            report = run_stage(stage, session)
        except LinnaeusError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        context.log.info(f"{stage}: {report.made} made, {report.total} there, {report.calls} model calls, {report.seconds:.1f} s")
        return dg.MaterializeResult(metadata=describe(report, session))

    return asset
