"""What earlier runs and earlier parts of the corpus say beside the present one: for pictures and tables that show a course of things."""

from collections import Counter
from typing import Any

from pipeline.stages.session import Session

__all__ = ["failed_calls", "failure_kinds", "learning_points", "partition_labels", "stage_seconds"]

LABELS = """
select d."partition" as part, coalesce(l.category, '(none)') as category, count(*) as documents
from labelled_documents l join documents d using (doc_id)
where d.active and d."partition" is not null group by all order by part, documents desc, category
"""
SECONDS = """
with latest as (select run_id, started_at from runs order by started_at desc limit ?)
select strftime(latest.started_at, '%m-%d %H:%M:%S'), stage_runs.stage, sum(stage_runs.seconds)
from latest join stage_runs using (run_id) group by latest.run_id, latest.started_at, stage_runs.stage
order by latest.started_at, min(stage_runs.started_at)
"""
FAILURES = """
select reason, count(*), min(message), max(attempts) from failures
where stage = ? or (? = 'annotations' and stage in ('evidence', 'rules')) group by reason order by count(*) desc, reason
"""
FAILED_CALLS = """
select purpose, model, outcome, count(*) from llm_calls where run_id = ? and outcome <> 'ok' group by all order by count(*) desc, purpose, outcome
"""


def learning_points(session: Session) -> list[tuple[int, float, float | None, float | None]]:
    """Give, of each student of the session's facet and its present taxonomy, how many labels it learnt from, and its agreement with its interval."""
    students = session.store.students(session.store.current("taxonomy_id"))
    points = {(one.trained_on, one.metrics["agreement"], one.metrics.get("low"), one.metrics.get("high")) for one in students}
    return sorted(points, key=lambda point: point[:2])


def partition_labels(session: Session, *, most: int) -> dict[str, dict[str, int]]:
    """Count the documents of each of the latest partitions by category; none where the project has no partitions."""
    found: dict[str, dict[str, int]] = {}
    for part, category, documents in session.store.rows(LABELS):
        found.setdefault(part, {})[category] = documents
    return {part: found[part] for part in list(found)[-most:]}


def stage_seconds(session: Session, *, most: int) -> dict[str, Counter[str]]:
    """Give the seconds of each stage in the latest runs, the oldest first, by the time at which they began."""
    found: dict[str, Counter[str]] = {}
    for began, stage, seconds in session.store.rows(SECONDS, [most]):
        found.setdefault(began, Counter())[stage] += seconds
    return found


def failure_kinds(session: Session, stage: str) -> list[dict[str, Any]]:
    """Count the texts that a stage has no answer for, by kind, each with one of its messages."""
    columns = ("kind", "texts", "for example", "most attempts")
    return [dict(zip(columns, row, strict=True)) for row in session.store.rows(FAILURES, [stage, stage])]


def failed_calls(session: Session) -> list[dict[str, Any]]:
    """Count the calls of this run that brought no valid answer, by kind."""
    columns = ("purpose", "model", "outcome", "calls")
    return [dict(zip(columns, row, strict=True)) for row in session.store.rows(FAILED_CALLS, [session.run_id])]
