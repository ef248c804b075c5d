"""What the Dagster UI shows of a stage: counts, tokens, seconds, and the tables and histograms worth a look."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from pipeline.call_records import StageServing
from pipeline.evaluation.pictures import calibration_picture
from pipeline.settings import MAIN
from pipeline.stages import Report, Session
from pipeline.stages.overview import curve_points, evaluation_table, facet_table, label_counts, measure_table, sample_labels, taxonomy_table
from pipeline.stages.student_history import find_student, latest_decision, student_details

__all__ = ["describe"]

BAR = 24  # characters of the longest bar


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
    for served in report.served:
        about |= _served(served)
    if report.stopped is not None:
        about["stopped"] = report.stopped
    return about | (SHOWN[report.stage](session) if report.stage in SHOWN else {})


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
    shown: dict[str, Any] = {"taxonomy": _table(["name", "description", "documents"], rows), "categories": len(rows), "note": current.note}
    return shown | ({"guide": dg.MetadataValue.md(current.guide)} if current.guide else {})


def _facets(session: Session) -> dict[str, Any]:
    return {"questions": _table(["name", "question", "examples", "source"], facet_table(session.store))}


def _candidates(session: Session) -> dict[str, Any]:
    return {"measures": _table(["stage", "candidate", "metric", "value", "low", "high", "n", "judge"], measure_table(session.store))}


def _student(session: Session) -> dict[str, Any]:
    """Show, for each facet, the candidates of the student that was decided on last, why it was chosen, and whether it is in use."""
    shown: dict[str, Any] = {}
    for facet in session.project.facet_names:
        store = session.view(facet).store
        decision, of_facet = latest_decision(store), "" if facet == MAIN else f"_of_{facet}"
        about = student_details(store, find_student(store, decision.classifier_id if decision else None))
        trials = _table(["candidate", "chosen", "agreement", "low", "high", "n", "log_loss", "seconds"], about["trials"])
        shown |= {f"candidates{of_facet}": trials, f"promoted{of_facet}": about["in_use"]}
        shown |= {f"chosen_because{of_facet}": about["reason"]} if about["reason"] else {}
        shown |= {f"decision{of_facet}": f"by {decision.decided_by}: {decision.reason}"} if decision else {}
    return shown


def _histogram(session: Session) -> dict[str, Any]:
    rows = label_counts(session.store)
    most = max((row["documents"] for row in rows), default=0) or 1
    bars = [{**row, "category": row["category"] or "(none)", "": "█" * round(BAR * row["documents"] / most)} for row in rows]
    return {"label_histogram": _table(["category", "documents", "", "mean_probability"], bars)}


def _labelled(session: Session) -> dict[str, Any]:
    return _histogram(session) | {"examples": _table(["text", "category", "probability", "labelled_by"], sample_labels(session.store, 10))}


def _evaluation(session: Session) -> dict[str, Any]:
    figures = _table(["subject", "metric", "slice", "value", "low", "high", "n", "judge"], evaluation_table(session.store))
    points = curve_points(session.store)
    return {"figures": figures} | ({"calibration": _picture("calibration", calibration_picture(points))} if points else {})


def _rejects(session: Session) -> dict[str, Any]:
    columns, rows = session.store.query("select reason, count(*) as rows from rejects group by reason order by rows desc")
    return {"rejects": _table(columns, [dict(zip(columns, row, strict=True)) for row in rows])} if rows else {"rejects": "none"}


SHOWN: Mapping[str, Callable[[Session], dict[str, Any]]] = {
    "documents": _rejects,
    "facets": _facets,
    "selected_taxonomy": _candidates,
    "taxonomy": _taxonomy,
    "labels": _histogram,
    "classifier": _student,
    "predictions": _labelled,
    "evaluation": _evaluation,
}


def _picture(name: str, png: bytes) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")


def _table(columns: list[str], rows: list[dict[str, Any]]) -> dg.MarkdownMetadataValue:
    """Lay rows out as a Markdown table, which the UI shows in place."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(column)) for column in columns) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")[:200]
