"""One check a stage: what must hold of its rows, and what a person should be warned of."""

import dagster as dg

from assets.resources import Sessions
from pipeline.settings import Project
from pipeline.stages.checks import CHECKS

__all__ = ["stage_check"]


def stage_check(project: Project, stage: str) -> dg.AssetChecksDefinition:
    """Make the check of one stage."""
    rule = CHECKS[stage]

    @dg.asset_check(asset=dg.AssetKey([project.name, stage]), name=rule.name, description=rule.claim, blocking=rule.blocking)
    def check(context: dg.AssetCheckExecutionContext, sessions: Sessions) -> dg.AssetCheckResult:
        passed, found = rule.test(sessions.open(project, context.run.run_id))
        severity = dg.AssetCheckSeverity.ERROR if rule.blocking else dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(passed=bool(passed), severity=severity, metadata={"found": found})

    return check
