"""The stages of a run, in order: each reads what is missing, makes it with one step, and saves it batch by batch.

A stage can be run on its own, any number of times, by any shell; what is there already is never made again.
"""

import logging
import time
from collections.abc import Callable, Mapping

from pipeline.errors import LinnaeusError
from pipeline.stages.corpus import documents, embeddings
from pipeline.stages.evaluation import baseline, evaluation
from pipeline.stages.labels import annotations, labels
from pipeline.stages.session import ROLE_OF, Progress, Quiet, Report, Session, new_run_id, open_session, opening_sessions, project_state, state_folder
from pipeline.stages.students import classifier, load_current_student, predictions
from pipeline.stages.taxonomy import generated_taxonomy, summaries, taxonomy, updated_taxonomy

__all__ = [
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
    "summaries": (summaries, ("documents",)),
    "generated_taxonomy": (generated_taxonomy, ("summaries", "embeddings")),
    "updated_taxonomy": (updated_taxonomy, ("generated_taxonomy",)),
    "taxonomy": (taxonomy, ("updated_taxonomy",)),
    "annotations": (annotations, ("taxonomy",)),
    "labels": (labels, ("annotations",)),
    "classifier": (classifier, ("labels", "embeddings")),
    "predictions": (predictions, ("classifier",)),
    "baseline": (baseline, ("taxonomy", "embeddings")),
    "evaluation": (evaluation, ("predictions", "baseline")),
}


def finish_run(session: Session, *, success: bool | None = None) -> None:
    """Record how a run ended, publish the tables, and close the session.

    :param success: whether it succeeded; taken from its stages where the caller does not know.
    """
    failed = session.store.failed_stages(session.run_id) > 0 if success is None else not success
    session.store.end_run(session.run_id, status="failed" if failed else "done")
    session.store.publish()
    session.close()


def run_stage(name: str, session: Session) -> Report:
    """Run one stage, record it in the table `stage_runs`, and publish the tables for readers."""
    stage, _ = STAGES[name]
    began, calls_before = time.monotonic(), session.store.spent(session.run_id)
    status = "failed"
    made = total = 0
    try:
        made, total = stage(session)
        status = "done"
    finally:
        seconds = time.monotonic() - began
        spent = tuple(now - before for now, before in zip(session.store.spent(session.run_id), calls_before, strict=True))
        counts = {"made": made, "total": total, "calls": spent[0], "tokens_in": spent[1], "tokens_out": spent[2]}
        try:
            session.store.record_stage(session.run_id, name, seconds=seconds, status=status, counts=counts)
            session.store.publish()
        except LinnaeusError:
            if status == "done":
                raise
            log.exception("The failed stage %s could not be recorded.", name)  # the stage's own error is on its way already
    return Report(name, made, total, seconds, calls=spent[0], tokens_in=spent[1], tokens_out=spent[2])
