"""The checks of one stage, in one step: what must hold of its rows, and what a person should be warned of."""

from collections.abc import Iterator

import dagster as dg

from assets.resources import Sessions
from pipeline.errors import LinnaeusError
from pipeline.settings import Project
from pipeline.stages import Session
from pipeline.stages.check_rules import Rule
from pipeline.stages.checks import CHECKS, examine

__all__ = ["stage_checks"]


def stage_checks(project: Project, stage: str) -> dg.AssetChecksDefinition:
    """Make the checks of one stage."""
    key = dg.AssetKey([project.name, stage])
    rules = {rule.name: rule for rule in CHECKS[stage]}
    specs = [dg.AssetCheckSpec(name, asset=key, description=rule.expectation(project), blocking=rule.blocking) for name, rule in rules.items()]

    @dg.multi_asset_check(specs=specs, name=f"{project.name}__{stage}__checks", can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, sessions: Sessions) -> Iterator[dg.AssetCheckResult]:
        try:
            session = sessions.open(project, context.run.run_id)
            for check in sorted(context.selected_asset_check_keys):
                yield _result(rules[check.name], stage, session)
        except LinnaeusError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    return checks


def _result(rule: Rule, stage: str, session: Session) -> dg.AssetCheckResult:
    """Test a rule; each of its figures is a number of its own, which the UI plots over time."""
    finding = examine(rule, stage, session)
    severity = dg.AssetCheckSeverity.ERROR if rule.blocking else dg.AssetCheckSeverity.WARN
    told = {"found": finding.said, "expected": rule.expectation(session.project), "remedy": rule.remedy}
    figures = {name: float(value) if isinstance(value, float) else int(value) for name, value in finding.figures.items()}
    return dg.AssetCheckResult(check_name=rule.name, passed=bool(finding.passed), severity=severity, metadata={**told, **figures})
