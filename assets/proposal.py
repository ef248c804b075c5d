"""The job that proposes a taxonomy for the corpus as it is now; it never replaces the one in use."""

from typing import Any

import dagster as dg

from assets.metadata import described_plan
from assets.pools import pool_of
from assets.resources import Sessions
from assets.retries import failure
from pipeline.errors import LinnaeusError
from pipeline.settings import MAIN, Project
from pipeline.stages import Session
from pipeline.stages.proposal import Proposal, propose
from pipeline.stages.taxonomy_history import change_rows

__all__ = ["proposal_job", "proposal_job_name"]

COLUMNS = ("change", "category", "before", "after", "cited_before", "cited_after", "reason")


def proposal_job_name(project: Project) -> str:
    """Name the job of a project."""
    return f"{project.name}_propose"


def proposal_job(project: Project) -> dg.JobDefinition:
    """Make the job that proposes a taxonomy for each facet of a project."""

    pool = pool_of(project, "generated_taxonomy")

    @dg.op(name=f"{project.name}_proposal", out=dg.Out(dg.Nothing), pool=pool, tags={"linnaeus/project": project.name})
    def proposal(context: dg.OpExecutionContext, sessions: Sessions) -> None:
        """Make a taxonomy from the corpus as it is now, beside the one in use, and show what it would change."""
        try:
            session = sessions.open(project, context.run_id)
            context.add_output_metadata(described_plan(session) if sessions.dry_run else _proposed(context, session))
        except LinnaeusError as error:
            raise failure(context, error, sessions.retries_of(project)) from error

    tags = {"linnaeus/project": project.name, "linnaeus/kind": "propose"}
    if project.schedule.max_minutes is not None:
        tags["dagster/max_runtime"] = str(60 * project.schedule.max_minutes)

    @dg.job(
        name=proposal_job_name(project),
        description="Propose a taxonomy for the corpus as it is now; the one in use stays.",
        tags=tags,
        resource_defs={"sessions": Sessions(workspace=str(project.folder.parent))},  # of its own, so that a sensor may ask for it
    )
    def job() -> None:
        proposal()

    return job


def _proposed(context: dg.OpExecutionContext, session: Session) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for facet in session.project.facet_names:
        found = propose(session.view(facet))
        context.log.info(f"{found.words} {f'To put it in place: {found.command}' if found.changes else ''}")
        shown |= described_proposal(found)
    return shown


def described_proposal(found: Proposal) -> dict[str, Any]:
    """Describe a proposal: in words, with the table of its changes and the command that puts it in place."""
    of_facet = "" if found.facet == MAIN else f"_of_{found.facet}"
    rows = change_rows(found.present, found.version, found.changes)
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(_cell(row[column]) for column in COLUMNS) + " |" for row in rows]
    shown: dict[str, Any] = {"note": found.words, "is_new": found.is_new, "version": found.version.taxonomy_id}
    if rows:
        shown |= {"changes": dg.MetadataValue.md("\n".join(lines)), "to_put_it_in_place": found.command}
    return {f"{name}{of_facet}": value for name, value in shown.items()}


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")[:200]
