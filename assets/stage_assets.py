"""The assets of one project: a stage each, in the project's group."""

import warnings
from collections.abc import Iterator

import dagster as dg

from assets.described import definition_metadata, stage_description
from assets.metadata import describe, described_plan
from assets.partitions import PARTED, partitions_of, run_partitions
from assets.pools import pool_of
from assets.progress import telling
from assets.resources import Sessions
from assets.retries import failure
from pipeline.errors import LinnaeusError
from pipeline.settings import Project
from pipeline.stages import ROLE_OF, STAGES, Session, run_stage
from pipeline.stages.stage_versions import stage_version

__all__ = ["project_assets"]


def project_assets(project: Project) -> list[dg.AssetsDefinition]:
    """Make an asset for each stage."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # that several partitions may be made in one run
        return [_stage_asset(project, stage) for stage in STAGES]


def _stage_asset(project: Project, stage: str) -> dg.AssetsDefinition:
    _, needs = STAGES[stage]

    @dg.asset(
        key=dg.AssetKey([project.name, stage]),
        deps=[dg.AssetKey([project.name, need]) for need in needs],
        group_name=project.name,
        description=stage_description(project, stage),
        owners=list(project.owners),
        code_version=stage_version(project, stage),
        metadata=definition_metadata(project, stage),
        kinds={"duckdb", project.engine_of(ROLE_OF[stage]).kind if stage in ROLE_OF else "python"},
        tags={"linnaeus/project": project.name},
        partitions_def=partitions_of(project) if stage in PARTED else None,
        backfill_policy=dg.BackfillPolicy.single_run() if stage in PARTED and project.partitions else None,
        pool=pool_of(project, stage),
        output_required=False,  # a dry run makes nothing
    )
    def asset(context: dg.AssetExecutionContext, sessions: Sessions) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        try:
            session = sessions.open(project, context.run.run_id, run_partitions(project, context.run, context.instance))
            if not sessions.dry_run:
                yield _run(context, stage, session)
            elif stage == next(iter(STAGES)):
                context.log_event(dg.AssetObservation(context.asset_key, metadata=described_plan(session)))
        except LinnaeusError as error:
            raise failure(context, error, sessions.retries_of(project)) from error

    return asset


def _run(context: dg.AssetExecutionContext, stage: str, session: Session) -> dg.MaterializeResult:  # type: ignore[type-arg]
    with telling(context, session):
        report = run_stage(stage, session)
    context.log.info(f"{stage}: {report.made} made, {report.total} there, {report.calls} model calls, {report.seconds:.1f} s")
    with session.store.reader():  # opened once for all that is shown
        return dg.MaterializeResult(metadata=describe(report, session))
