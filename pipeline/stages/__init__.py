"""The stages of a run, in order: each reads what is missing, makes it with one step, and saves it batch by batch.

A stage can be run on its own, any number of times, by any shell; what is there already is never made again.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from pipeline.errors import BudgetReachedError, LinnaeusError
from pipeline.stages.annotations import annotations
from pipeline.stages.cascade import cascade
from pipeline.stages.corpus import documents, embeddings
from pipeline.stages.definition_checks import definition_checks
from pipeline.stages.evaluation import baseline, evaluation
from pipeline.stages.exam import check_role
from pipeline.stages.judgements import judgements
from pipeline.stages.labels import labels
from pipeline.stages.mistakes import mistakes
from pipeline.stages.repeated_labels import repeated_labels
from pipeline.stages.report import report
from pipeline.stages.session import ROLE_OF, Progress, Quiet, Report, Session, new_run_id, open_session, opening_sessions, project_state, state_folder
from pipeline.stages.students import classifier, load_current_student, predictions
from pipeline.stages.summaries import facets, summaries
from pipeline.stages.taxonomy import generated_taxonomy, reviewed_taxonomy, selected_taxonomy, taxonomy, updated_taxonomy
from pipeline.stages.written import written_examples

__all__ = [
    "PER_FACET",
    "ROLE_OF",
    "STAGES",
    "Progress",
    "Quiet",
    "Report",
    "Session",
    "finish_run",
    "load_current_student",
    "new_run_id",
    "open_session",
    "opening_sessions",
    "project_state",
    "run_stage",
    "state_folder",
]

log = logging.getLogger(__name__)

# In the order of a run; each stage with the stages whose rows it reads.
STAGES: Mapping[str, tuple[Callable[[Session], tuple[int, int]], tuple[str, ...]]] = {
    "documents": (documents, ()),
    "embeddings": (embeddings, ("documents",)),
    "facets": (facets, ("documents",)),
    "summaries": (summaries, ("facets",)),
    "generated_taxonomy": (generated_taxonomy, ("summaries", "embeddings")),
    "updated_taxonomy": (updated_taxonomy, ("generated_taxonomy",)),
    "reviewed_taxonomy": (reviewed_taxonomy, ("updated_taxonomy",)),
    "selected_taxonomy": (selected_taxonomy, ("reviewed_taxonomy",)),
    "taxonomy": (taxonomy, ("selected_taxonomy",)),
    "annotations": (annotations, ("taxonomy", "documents")),
    "labels": (labels, ("annotations", "embeddings")),
    "written_examples": (written_examples, ("labels",)),
    "classifier": (classifier, ("labels", "written_examples", "embeddings")),
    "predictions": (predictions, ("classifier", "embeddings")),
    "cascade": (cascade, ("predictions",)),
    "definition_checks": (definition_checks, ("labels", "embeddings")),
    "repeated_labels": (repeated_labels, ("annotations",)),
    "baseline": (baseline, ("labels", "embeddings")),
    "judgements": (judgements, ("cascade", "baseline")),
    "evaluation": (evaluation, ("cascade", "definition_checks", "repeated_labels", "baseline", "judgements")),
    "mistakes": (mistakes, ("evaluation",)),
    "report": (report, ("evaluation", "mistakes")),
}
# What is done once for each facet of a project; all other stages are done once.
PER_FACET = frozenset(STAGES) - {"documents", "embeddings", "facets", "summaries", "baseline", "judgements", "evaluation", "mistakes", "report"}


def finish_run(session: Session, *, success: bool | None = None) -> None:
    """Record how a run ended, publish the tables, and close the session.

    :param success: whether it succeeded; taken from its stages where the caller does not know.
    """
    failed = session.store.failed_stages(session.run_id) > 0 if success is None else not success
    session.store.end_run(session.run_id, status="stopped" if session.stopped else "failed" if failed else "done")
    session.store.publish()
    session.close()


def run_stage(name: str, session: Session) -> Report:
    """Run one stage, record it with what it asked of models, and publish the tables for readers, large ones not after every stage.

    :raises BudgetReachedError: the budget of the run is reached, and the stage's part is of no use to the stages that follow.
    :raises ExamFailedError: the project refuses the model that the stage asks.
    """
    stage, _ = STAGES[name]
    began, spent_before, stopped_before = time.monotonic(), session.store.spent(session.run_id), len(session.stopped)
    status = "failed"
    made = total = 0
    try:
        check_role(session, ROLE_OF.get(name))
        for facet in session.project.facet_names if name in PER_FACET else (session.facet,):
            made, total = (before + now for before, now in zip((made, total), stage(session.view(facet)), strict=True))
        status = "done"
    except BudgetReachedError as reached:
        session.stop(str(reached))
        raise
    finally:
        status = "stopped" if len(session.stopped) > stopped_before else status
        report = Report(name, made, total, time.monotonic() - began)
        try:
            with session.store.writer():
                report = _with_spending(report, session, spent_before)
                counts = {"made": made, "total": total, "calls": report.calls, "tokens_in": report.tokens_in, "tokens_out": report.tokens_out}
                session.store.save(report.served)
                session.store.record_stage(session.run_id, name, seconds=report.seconds, status=status, counts=counts)
            session.store.publish(at_once=False)
        except LinnaeusError:
            if status == "done":
                raise
            log.exception("The failed stage %s could not be recorded.", name)  # the stage's own error is on its way already
    return replace(report, stopped=session.stopped[-1] if status == "stopped" else None)


def _with_spending(report: Report, session: Session, spent_before: tuple[float, ...]) -> Report:
    calls, tokens_in, tokens_out = (int(now - before) for now, before in zip(session.store.spent(session.run_id)[:3], spent_before[:3], strict=True))
    return replace(report, calls=calls, tokens_in=tokens_in, tokens_out=tokens_out, served=tuple(session.served(report.stage)))
