"""What the Dagster UI shows of a stage: counts, tokens, seconds, and the tables and histograms worth a look."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from assets.described import column_lineage
from assets.laid_out import as_picture, as_table
from pipeline.call_records import StageServing
from pipeline.evaluation.figure_pictures import confusion_picture, quality_picture
from pipeline.evaluation.pictures import calibration_picture, drift_picture, label_picture, learning_picture, stacked_picture
from pipeline.report import verdict
from pipeline.settings import MAIN
from pipeline.stages import ROLE_OF, Report, Session
from pipeline.stages.drift import drift_of
from pipeline.stages.judgements import judged_findings
from pipeline.stages.overview import (
    curve_points,
    evaluation_table,
    facet_table,
    label_counts,
    measure_table,
    part_warnings,
    sample_labels,
    taxonomy_table,
)
from pipeline.stages.past import failed_calls, failure_kinds, learning_points, partition_labels, stage_seconds
from pipeline.stages.plan import plan
from pipeline.stages.report import REPORT, latest_confusions, read_contents
from pipeline.stages.student_history import find_student, latest_decision, student_details
from pipeline.stages.taxonomy_findings import definition_table, finding_table, flip_table
from pipeline.store.mistake_rows import confused_pair_rows, mistake_rows

__all__ = ["describe", "described_plan"]

BAR = 24  # characters of the longest bar
PARTS_SHOWN, RUNS_SHOWN, WORST_SHOWN = 31, 10, 20
FIGURES = ["metric", "slice", "value", "low", "high", "n", "judge"]
JUDGED = """
select d.text, c.name as label, coalesce(o.name, j.other_id) as other, j.question, j.place, j.verdict, j.probability, j.model
from judgements j join (select text_hash, any_value(text) as text from documents where active group by text_hash) d using (text_hash)
left join categories c on c.taxonomy_id = j.taxonomy_id and c.category_id = j.category_id
left join categories o on o.taxonomy_id = j.taxonomy_id and o.category_id = j.other_id
order by j.verdict, j.probability, j.judgement_id limit 20
"""
REJECTS = "select reason, count(*) as rows from rejects group by reason order by rows desc"
LEAST_ALIKE = "select similarity, text, original from near_copies order by similarity, doc_id limit 10"
LANGUAGES = """
select coalesce(language, '(not known)') as language, named_by, count(*) as documents from document_languages
group by all order by documents desc, language limit 30
"""


def describe(report: Report, session: Session) -> dict[str, Any]:
    """Describe what a stage did."""
    about: dict[str, Any] = {
        "dagster/row_count": report.total,
        "made_in_this_run": report.made,
        "seconds": round(report.seconds, 2),
        "model_calls": report.calls,
        "tokens_in": report.tokens_in,
        "tokens_out": report.tokens_out,
        "store": dg.MetadataValue.path(str(session.folder / "labels.duckdb")),
    }
    about |= _all_served(report)
    if report.stopped is not None:
        about["stopped"] = report.stopped
    about |= _failed(report, session) if report.stage in ROLE_OF else {}
    return about | column_lineage(session.whole, report.stage) | (SHOWN[report.stage](session) if report.stage in SHOWN else {})


def described_plan(session: Session) -> dict[str, Any]:
    """Describe what a run would do; no model is asked."""
    made = plan(session, probing=False)
    columns = ["stage", "rows", "calls", "tokens_in", "tokens_out", "seconds", "cost", "note"]
    rows = [{name: getattr(row, name) for name in columns} for row in made.stages]
    return {"plan": as_table(columns, rows), "planned_calls": sum(row.calls for row in made.stages)}


def _all_served(report: Report) -> dict[str, Any]:
    """Say how models answered: one by itself; of several the sums, and a table with a row for each."""
    if len(report.served) < 2:
        return _served(report.served[0]) if report.served else {}
    each = [_served(served) for served in report.served]
    costs = [one["cost"] for one in each if "cost" in one]
    sums = {name: sum(one[name] for one in each) for name in ("answered_from_ledger", "failed_calls")}
    return sums | ({"cost": round(sum(costs), 4)} if costs else {}) | {"models": as_table(list(each[0] | each[1]), each)}


def _failed(report: Report, session: Session) -> dict[str, Any]:
    """Count what failed by kind: texts without an answer, and calls of the run."""
    texts, calls = failure_kinds(session, report.stage), failed_calls(session) if report.calls else []
    shown: dict[str, Any] = {"texts_without_answer": sum(row["texts"] for row in texts)}
    shown |= {"failures": as_table(list(texts[0]), texts)} if texts else {}
    return shown | ({"failed_calls_of_the_run": as_table(list(calls[0]), calls)} if calls else {})


def _served(served: StageServing) -> dict[str, Any]:
    """Say at which rates a model answered, and how busy its server was kept."""
    seconds, answered = served.seconds or 1e-9, served.calls - served.failed_calls
    shown: dict[str, Any] = {
        "model": served.model,
        "server": served.server,
        "answers_per_second": round(answered / seconds, 2),
        "tokens_per_second": round((served.tokens_in + served.tokens_out) / seconds, 1),
        "prefix_cache_share": round(served.tokens_cached / served.tokens_in, 3) if served.tokens_in else None,
        "server_busy_share": round(served.busy_seconds / seconds, 3),
        "in_flight": round(served.in_flight, 1),
        "queue_depth": None if served.queued is None else round(served.queued, 1),
        "answered_from_ledger": served.from_ledger,
        "failed_calls": served.failed_calls,
        "cost": None if served.cost is None else round(served.cost, 4),
    }
    return {key: value for key, value in shown.items() if value is not None}


def _taxonomy(session: Session) -> dict[str, Any]:
    rows = taxonomy_table(session.store)
    current = session.store.taxonomy(session.store.current("taxonomy_id") or "")
    shown: dict[str, Any] = {"taxonomy": as_table(["name", "description", "documents"], rows), "categories": len(rows), "note": current.note}
    return shown | ({"guide": dg.MetadataValue.md(current.guide)} if current.guide else {})


def _facets(session: Session) -> dict[str, Any]:
    return {"questions": as_table(["name", "question", "examples", "source"], facet_table(session.store))}


def _candidates(session: Session) -> dict[str, Any]:
    return {"measures": as_table(["stage", "candidate", "metric", "value", "low", "high", "n", "judge"], measure_table(session.store))}


def _student(session: Session) -> dict[str, Any]:
    """Show, for each facet, the candidates of the student that was decided on last, why it was chosen, and whether it is in use."""
    shown: dict[str, Any] = {}
    for facet in session.project.facet_names:
        store = session.view(facet).store
        decision, of_facet = latest_decision(store), "" if facet == MAIN else f"_of_{facet}"
        about = student_details(store, find_student(store, decision.classifier_id if decision else None))
        trials = as_table(["candidate", "chosen", "agreement", "low", "high", "n", "macro_f1", "log_loss", "seconds"], about["trials"])
        shown |= {f"candidates{of_facet}": trials, f"promoted{of_facet}": about["in_use"]}
        shown |= {f"model_card{of_facet}": dg.MetadataValue.path(about["card"])}
        shown |= {f"chosen_because{of_facet}": about["reason"]} if about["reason"] else {}
        points = learning_points(session.view(facet))
        shown |= {f"learning_curve{of_facet}": as_picture("learning curve", learning_picture(points))} if len(points) > 1 else {}
        shown |= {f"decision{of_facet}": f"by {decision.decided_by}: {decision.reason}"} if decision else {}
    return shown


def _histogram(session: Session) -> dict[str, Any]:
    rows = label_counts(session.store)
    most = max((row["documents"] for row in rows), default=0) or 1
    bars = [{**row, "category": row["category"] or "(none)", "": "█" * round(BAR * row["documents"] / most)} for row in rows]
    shown = {"label_histogram": as_table(["category", "documents", "", "mean_probability"], bars)}
    counts = {row["category"]: row["documents"] for row in bars}
    return shown | ({"label_picture": as_picture("labels", label_picture(counts))} if counts else {})


def _examples(session: Session) -> dict[str, Any]:
    """Show some of the texts that a model wrote, the latest first."""
    columns, rows = session.store.query(
        "select c.name as written_as, a.name as annotator_says, w.text, w.reason from written_examples w"
        " left join categories c on c.taxonomy_id = w.taxonomy_id and c.category_id = w.category_id"
        " left join categories a on a.taxonomy_id = w.taxonomy_id and a.category_id = w.annotated_id order by w.created_at desc limit 20"
    )
    return {"examples": as_table(columns, [dict(zip(columns, row, strict=True)) for row in rows])} if rows else {}


def _labelled(session: Session) -> dict[str, Any]:
    examples = as_table(["text", "category", "probability", "labelled_by"], sample_labels(session.store, 10))
    return _histogram(session) | _parts(session) | _drift(session) | {"examples": examples}


def _drift(session: Session) -> dict[str, Any]:
    """Show how far the latest parts of the corpus are from those before them."""
    parts = drift_of(session)[-PARTS_SHOWN:]
    return {"drift": as_picture("drift", drift_picture(parts))} if len(parts) > 1 else {}


def _parts(session: Session) -> dict[str, Any]:
    """Show how many documents the latest partitions have, and how their labels are shared out."""
    counted = partition_labels(session, most=PARTS_SHOWN)
    if not counted:
        return {}
    rows = [{"partition": part, "documents": sum(labels.values()), **labels} for part, labels in counted.items()]
    columns = dict.fromkeys(name for row in rows for name in row)
    drawn = stacked_picture(counted, title="Labels by partition, with their documents", unit="share of the documents", shares=True)
    return {"partitions": as_table(list(columns), rows), "partition_picture": as_picture("partitions", drawn)}


def _definitions(session: Session) -> dict[str, Any]:
    """Show how each category's definition does by itself, and the figures of the taxonomy, for each facet."""
    shown: dict[str, Any] = {}
    for facet in session.project.facet_names:
        view, of_facet = session.view(facet), "" if facet == MAIN else f"_of_{facet}"
        rows = definition_table(view)
        shown |= {f"definitions{of_facet}": as_table(list(rows[0]), rows)} if rows else {}
        figures = finding_table(view)
        shown |= {f"figures{of_facet}": as_table(FIGURES, figures)} if figures else {}
    return shown


def _flips(session: Session) -> dict[str, Any]:
    """Show how often labels come out otherwise, by how they were asked again."""
    rows = [row for facet in session.project.facet_names for row in flip_table(session.view(facet))]
    return {"flips": as_table(FIGURES, rows)} if rows else {}


def _evaluation(session: Session) -> dict[str, Any]:
    figures = as_table(["subject", "metric", "slice", "value", "low", "high", "n", "judge"], evaluation_table(session.store))
    points = curve_points(session.store)
    seconds = stage_seconds(session, most=RUNS_SHOWN)
    drawn = {"seconds_picture": as_picture("seconds", stacked_picture(seconds, title="Seconds a stage in the latest runs", unit="seconds"))}
    warnings = part_warnings(session.store)
    shown = {"figures": figures} | (drawn if seconds else {}) | _pictures(session)
    shown |= {"warnings": dg.MetadataValue.md("\n".join(f"- {warning}" for warning in warnings))} if warnings else {}
    return shown | ({"calibration": as_picture("calibration", calibration_picture(points))} if points else {})


def _pictures(session: Session) -> dict[str, Any]:
    """Draw what the report draws: how good labels are beside baselines, what is confused, and how labels are shared out."""
    figures = session.store.evaluations_of(session.store.current("evaluation_id") or "")
    confused, judge = latest_confusions(session)
    counts = {row["category"] or "(none)": row["documents"] for row in label_counts(session.store)}
    drawn = {
        "quality_picture": quality_picture(figures) if figures else None,
        "confusions_picture": confusion_picture({(one.truth, one.label): one.n for one in confused}, judge=judge) if confused else None,
        "label_picture": label_picture(counts) if counts else None,
    }
    return {name: as_picture(name.replace("_", " "), png) for name, png in drawn.items() if png is not None}


def _report(session: Session) -> dict[str, Any]:
    """Show where the page lies, and its verdict."""
    path, found = session.folder / REPORT, verdict(read_contents(session.store.rows, session.whole))
    lights = as_table(["for", "trust", "because"], [{"for": one.purpose, "trust": one.word, "because": one.why} for one in found.lights])
    shown = {"verdict": dg.MetadataValue.text(" ".join(found.sentences)), "trust": lights}
    return shown | {"report": dg.MetadataValue.path(str(path)), "page": dg.MetadataValue.url(path.resolve().as_uri())}


def _mistakes(session: Session) -> dict[str, Any]:
    """Show the worst mistakes with what is at fault, and the confused pairs with their proposed tie-breakers."""
    worst, pairs = mistake_rows(session.store, most=WORST_SHOWN), confused_pair_rows(session.store)
    shown = {"worst": as_table(["subject", "rank", "text", "given", "gold", "kind", "probability", "suspicion"], worst)} if worst else {}
    return shown | ({"confused_pairs": as_table(["category", "other", "confusions", "by_chance", "n", "sentence"], pairs)} if pairs else {})


def _documents(session: Session) -> dict[str, Any]:
    """Show what was set aside, and how many documents say what another says, or nearly so, and in which languages."""
    corpus, counts = session.project.corpus, session.store.counts()
    shown = {"rejects": _queried(session, REJECTS) or "none", "exact_copies": counts["documents"] - counts["texts"]}
    if corpus.near_duplicates is not None:
        shown |= {"near_copies": session.store.query("select count(*) from near_copies")[1][0][0]}
        shown |= {"least_alike": _queried(session, LEAST_ALIKE) or "none"}
    if corpus.detect_language or corpus.language is not None:
        shown |= {"languages": _queried(session, LANGUAGES) or "none"}
    return shown


def _queried(session: Session, sql: str) -> dg.MarkdownMetadataValue | None:
    """Lay out the rows of a query; None where there are none."""
    columns, rows = session.store.query(sql)
    return as_table(columns, [dict(zip(columns, row, strict=True)) for row in rows]) if rows else None


def _judged(session: Session) -> dict[str, Any]:
    """Show what the judges said of the labels, and some of their answers, those against a label first."""
    found = [{"subject": one.subject, "metric": one.metric, "judge": one.judge, **vars(one.figure)} for one in judged_findings(session)]
    if not found:
        return {}
    answers = _queried(session, JUDGED) or "none"
    return {"figures": as_table(["subject", "metric", "value", "low", "high", "n", "judge"], found), "answers": answers}


SHOWN: Mapping[str, Callable[[Session], dict[str, Any]]] = {
    "documents": _documents,
    "facets": _facets,
    "selected_taxonomy": _candidates,
    "taxonomy": _taxonomy,
    "labels": _histogram,
    "written_examples": _examples,
    "classifier": _student,
    "predictions": _labelled,
    "definition_checks": _definitions,
    "repeated_labels": _flips,
    "judgements": _judged,
    "evaluation": _evaluation,
    "mistakes": _mistakes,
    "report": _report,
}
