"""Tests of the metrics on what a project has: its own last labels, held against its gold labels or, where there are none, the teacher's."""

from dataclasses import replace

from pipeline.errors import ProjectError
from pipeline.evaluation.self_tests import SelfTest, self_tests
from pipeline.stages.judged import gather_judged
from pipeline.stages.session import Session

__all__ = ["try_metrics"]

RESAMPLES = 100  # no interval is looked at


def try_metrics(session: Session) -> tuple[list[SelfTest], str]:
    """Test every metric, and say by which labels; no model is asked and nothing is saved.

    :raises ProjectError: where there is no taxonomy or no label yet.
    """
    if session.store.current("taxonomy_id") is None:
        raise ProjectError(f"{session.project.name} has no taxonomy yet, so that there is nothing to measure; run it first.")
    judged, by = gather_judged(session), "the gold labels"
    if not judged.gold:
        by = "the teacher's labels, since there are no gold labels"
        judged = replace(
            judged, gold={text: judged.names[label] for text, label in judged.taught.items() if label is not None and label in judged.names}
        )
    if not judged.gold or not (judged.taught or judged.predicted):
        raise ProjectError(f"{session.project.name} has no labels yet, so that there is nothing to measure; run it first.")
    return self_tests(judged, resamples=RESAMPLES, seed=session.project.seed), by
