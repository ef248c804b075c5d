"""What the tables of a project say of it: read from the published copy, so that it can be asked while a run is writing."""

import json
from typing import Any

from pipeline.evaluation.slices import say_much_worse
from pipeline.records import Evaluation
from pipeline.store import Store
from pipeline.trust_records import CurvePoint

__all__ = [
    "curve_points",
    "evaluation_table",
    "facet_table",
    "label_counts",
    "measure_table",
    "part_warnings",
    "plan_comparison",
    "sample_labels",
    "stage_costs",
    "status",
    "taxonomy_table",
]

ALL = 100_000
FIGURES = {"ari": ("ari", "all"), "nmi": ("nmi", "all"), "purity": ("purity", "all")}
STATUS = """
select
    (select count(*) from documents where active) as documents,
    (select count(*) from summaries s where s.summary_spec = (select value from current where key = 'summary_spec')) as sampled,
    (select count(*) from labels l where l.taxonomy_id = (select value from current where key = 'taxonomy_id')
        and l.annotator_id = (select value from current where key = 'teacher_annotator_id')) as labelled,
    (select count(*) from labels l where l.truncated and l.taxonomy_id = (select value from current where key = 'taxonomy_id')
        and l.annotator_id = (select value from current where key = 'teacher_annotator_id')) as labelled_in_part,
    (select count(*) from predictions p join documents d using (text_hash) where d.active
        and p.classifier_id = (select value from current where key = 'classifier_id')) as predicted,
    (select count(*) from rejects where stage <> 'review') as rejected,
    (select count(*) from categories c where c.taxonomy_id = (select value from current where key = 'taxonomy_id')) as categories
"""
LAST_RUN = "select run_id, status, seconds, started_at from runs order by started_at desc limit 1"
STAGE_SECONDS = """
select stage, round(seconds, 2), counts from stage_runs
where run_id = (select run_id from runs order by started_at desc limit 1) order by started_at
"""
CALLS = "select count(*) from llm_calls where run_id = (select run_id from runs order by started_at desc limit 1)"
EVALUATIONS = """
select subject, metric, slice, value, low, high, n, judge from evaluations
where evaluation_id = (select value from current where key = 'evaluation_id') order by subject, slice, metric
"""
CURVES = """
select subject_id, curve, position, x, y, n, low, high from curves
where subject_id = (select value from current where key = 'evaluation_id') order by curve, position
"""
PLANNED = """
select plan_id, run_id, stage, planned_calls, calls, planned_tokens, tokens, planned_seconds, seconds, note
from plan_against_run where plan_id = (
    select plan_id from plans where exists (select 1 from runs where runs.started_at >= plans.created_at) order by created_at desc limit 1
)
"""
MEASURES = """
select t.stage, t.candidate + 1 as candidate, m.metric, m.value, m.low, m.high, m.n, m.judge
from taxonomy_measures m join taxonomies t using (taxonomy_id)
where m.size < 0 and t.method <> 'clusters' order by t.seq desc, m.metric limit 60
"""
SAMPLE = """
select text, category, probability, labelled_by from labelled_documents where category is not null
order by hash(text_hash || 'sample') limit {count}
"""


def status(store: Store) -> dict[str, Any]:
    """Sum a project up: counts, the last run's calls and seconds by stage, the last plan beside its run, and the evaluation with its baseline."""
    columns, rows = store.query(STATUS)
    summary: dict[str, Any] = dict(zip(columns, rows[0], strict=True))
    figures = {(row[0], row[1], row[2]): {"value": row[3], "low": row[4], "high": row[5], "n": row[6]} for row in store.query(EVALUATIONS)[1]}
    summary["coverage"] = (figures.get(("teacher", "coverage", "all")) or {}).get("value")
    summary["model_calls"] = store.query(CALLS)[1][0][0]
    last = store.query(LAST_RUN)[1]
    summary["last_run"] = {"run_id": last[0][0], "status": last[0][1], "seconds": last[0][2], "started_at": str(last[0][3])} if last else None
    summary["seconds"] = {row[0]: row[1] for row in store.query(STAGE_SECONDS)[1]}
    summary["plan"] = plan_comparison(store)
    summary["evaluation"] = {
        **{name: figures.get(("student", *place)) for name, place in FIGURES.items()},
        "teacher_accuracy": figures.get(("teacher", "accuracy", "held_out")),
        "student_accuracy": figures.get(("student", "accuracy", "held_out")),
        "student_agreement": figures.get(("student", "agreement", "held_out")),
        "citation_coverage": figures.get(("taxonomy", "citation_coverage", "sample")),
        "baseline": {
            **{name: figures.get(("baseline", *place)) for name, place in FIGURES.items()},
            "teacher_accuracy": figures.get(("baseline", "accuracy", "held_out")),
            "student_accuracy": figures.get(("baseline", "accuracy", "held_out")),
        },
    }
    summary["warnings"] = part_warnings(store)
    return summary


def taxonomy_table(store: Store) -> list[dict[str, Any]]:
    """List the categories of the current taxonomy with their documents, in tree order."""
    return _dicts(store, "select depth, name, description, documents from taxonomy_tree")


def facet_table(store: Store) -> list[dict[str, Any]]:
    """List the questions that the use cases became, with the answers of their examples."""
    rows = _dicts(store, "select name, question, examples, source from facets order by created_at")
    return [row | {"examples": ", ".join(example["answer"] for example in json.loads(row["examples"]))} for row in rows]


def measure_table(store: Store) -> list[dict[str, Any]]:
    """List what the candidates were chosen by, and the figures of the one that was selected."""
    return _dicts(store, MEASURES)


def label_counts(store: Store) -> list[dict[str, Any]]:
    """List how many documents bear each label, most first."""
    return _dicts(store, "select category, documents, share, mean_probability from label_counts order by documents desc, category")


def curve_points(store: Store) -> list[CurvePoint]:
    """Give the curves of the evaluation: how far the probabilities of teacher and student can be believed."""
    return [CurvePoint(*row) for row in store.query(CURVES)[1]]


def evaluation_table(store: Store) -> list[dict[str, Any]]:
    """List the figures of the current evaluation."""
    return _dicts(store, EVALUATIONS)


def part_warnings(store: Store) -> list[str]:
    """Say which parts of the corpus the current evaluation found to be much worse than the rest, the worst first."""
    return say_much_worse([Evaluation(evaluation_id="", **row) for row in evaluation_table(store)])


def sample_labels(store: Store, count: int) -> list[dict[str, Any]]:
    """Take some labelled documents, the same ones each time."""
    return _dicts(store, SAMPLE.format(count=int(count)))


def stage_costs(store: Store) -> list[dict[str, Any]]:
    """List what each stage of the last run made, asked and took."""
    return [{"stage": row[0], "seconds": row[1], **json.loads(row[2] or "{}")} for row in store.query(STAGE_SECONDS)[1]]


def plan_comparison(store: Store) -> list[dict[str, Any]]:
    """List, stage by stage, what the last plan that a run followed predicted, beside what the run did."""
    return _dicts(store, PLANNED)


def _dicts(store: Store, sql: str) -> list[dict[str, Any]]:
    columns, rows = store.query(sql, limit=ALL)
    return [dict(zip(columns, row, strict=True)) for row in rows]
