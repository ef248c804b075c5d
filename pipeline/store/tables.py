"""How records become rows and rows become records.

Each table is described once, here or in a file that `evaluation_tables.py` names. Table and column names in SQL come from here or from
constants, values are always bound.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa

from pipeline.call_records import Call, ExamResult, PlannedStage, StageServing
from pipeline.check_records import DefinitionCheck
from pipeline.history_records import Confused, EvaluationRun, PageWritten
from pipeline.judgement_records import Judgement
from pipeline.records import Annotator, Change, Evaluation, Facet, Label, Measure, Prediction, Reject, Student, Summary
from pipeline.review_records import Rating, ReviewItem, ReviewSheet
from pipeline.store.evaluation_tables import EVALUATION_TABLES
from pipeline.store.json_columns import from_json, to_json
from pipeline.store.mistake_tables import MISTAKE_RECORDS
from pipeline.store.table import FLAG, INT, REAL, STR, TIME, Table, text_columns
from pipeline.store.warehouse import Connection
from pipeline.student_records import Doubt, Promotion, StudentTrial, WrittenExample
from pipeline.trust_records import AnnotatorQuality, CurvePoint, Drift, Threshold

__all__ = [
    "LISTS",
    "RECORDS",
    "TABLES",
    "Table",
    "arrow_table",
    "from_json",
    "insert_rows",
    "latest_by_key",
    "record_rows",
    "replace_rows",
    "table_for",
    "to_json",
]

DOCUMENT_COLUMNS = text_columns(
    "doc_id", "text_hash", "text", "source", "metadata", "gold", "order_key", "partition", "title", "language"
) | {"words": INT, "last_seen": TIME, "written_at": TIME}  # fmt: skip
LABEL_KEYS = ("text_hash", "taxonomy_id", "annotator_id")
LABEL_COLUMNS = text_columns(*LABEL_KEYS, "category_id") | {
    "probability": REAL, "scores": STR, "truncated": FLAG, "also": pa.list_(STR), "reason": STR, "calibration": STR,
    "evidence": STR, "evidence_start": INT, "rationale": STR, "windows": INT, "window_start": INT, "created_at": TIME,
}  # fmt: skip
SPREAD = {"low": REAL, "high": REAL, "n": INT}
CALL_NUMBERS = {"attempt": INT, "tokens_in": INT, "tokens_cached": INT, "tokens_out": INT, "milliseconds": REAL}
CALL_COLUMNS = (
    text_columns("call_key", "run_id", "purpose", "model", "prompt")
    | CALL_NUMBERS
    | text_columns("finish_reason", "outcome", "error", "answer", "raw", "server", "answer_form", "parameters")
    | {"seed": INT, "cost": REAL, "texts": pa.list_(STR), "created_at": TIME}
)
PLAN_COLUMNS = (
    text_columns("plan_id", "stage")
    | dict.fromkeys(("rows", "calls", "tokens_in", "tokens_out"), INT)
    | {"seconds": REAL, "cost": REAL, "note": STR, "created_at": TIME}
)
EXAM_COLUMNS = text_columns("exam_id", "model", "skill") | {
    "passed": INT, "asked": INT, "needed": REAL, "tokens_per_second": REAL, "created_at": TIME,
}  # fmt: skip
SERVING_COLUMNS = (
    text_columns("run_id", "stage", "model", "server")
    | dict.fromkeys(("questions", "from_ledger", "calls", "failed_calls", "tokens_in", "tokens_cached", "tokens_out"), INT)
    | dict.fromkeys(("cost", "seconds", "busy_seconds", "in_flight"), REAL)
    | {"most_in_flight": INT, "queued": REAL, "most_queued": REAL, "created_at": TIME}
)
TAXONOMY_COLUMNS = (
    text_columns("taxonomy_id", "stage")
    | {"step": INT}
    | text_columns("parent_id", "use_case", "method")
    | {"rating": REAL, "created_at": TIME, "seq": INT, "facet": STR, "candidate": INT, "guide": STR, "note": STR}
)
LISTS = ("members", "cues", "exclusions", "examples", "near_misses")
CATEGORY_COLUMNS = text_columns("taxonomy_id", "category_id", "parent_id", "name", "description", "status") | {
    "position": INT,
    **dict.fromkeys(LISTS, pa.list_(STR)),
}
MEASURE_COLUMNS = text_columns("taxonomy_id", "metric") | {"size": REAL, "value": REAL, "low": REAL, "high": REAL, "n": INT, "judge": STR}
STUDENT_COLUMNS = text_columns("classifier_id", "taxonomy_id", "annotator_id", "embedder_id", "path", "sha256", "settings", "metrics")
PREDICTION_COLUMNS = text_columns("text_hash", "classifier_id", "category_id", "alternatives") | {
    "probability": REAL, "also": pa.list_(STR), "members": pa.list_(STR), "abstained": FLAG, "novelty": REAL,
}  # fmt: skip
DRIFT_COLUMNS = (
    text_columns("classifier_id", "part", "changes", "inputs")
    | dict.fromkeys(("documents", "before", "judged"), INT)
    | dict.fromkeys(("distance", "distance_by_chance", "strangers", "strangers_before", "strangers_by_chance"), REAL)
    | {"probability": REAL, "probability_before": REAL, "agreement": REAL, "created_at": TIME}
)
WRITTEN = ("example_id", "taxonomy_id", "category_id", "model", "prompt", "text", "text_hash", "annotator_id", "annotated_id", "reason")
WRITTEN_COLUMNS = text_columns(*WRITTEN) | {"attempt": INT, "shown": pa.list_(STR), "created_at": TIME}
FIGURES = {"value": REAL, "low": REAL, "high": REAL, "n": INT, "judge": STR, "created_at": TIME}
JUDGEMENTS = ("judgement_id", "model", "prompt", "text_hash", "taxonomy_id", "category_id", "question", "other_id", "reason")
JUDGEMENT_COLUMNS = text_columns(*JUDGEMENTS) | {"place": INT, "repeat": INT, "verdict": FLAG, "probability": REAL, "created_at": TIME}
FACET_COLUMNS = text_columns("facet_id", "name", "use_case", "question", "examples", "source") | {"created_at": TIME}
FORGETTING_COLUMNS = text_columns("forgetting_id", "rows", "students") | {"documents": INT, "texts": INT, "asked_at": TIME}
STAGE_COLUMNS = {"run_id": STR, "stage": STR, "started_at": TIME, "seconds": REAL, "status": STR, "counts": STR}

TABLES = {
    table.name: table
    for table in (
        Table("documents", ("doc_id", "text_hash"), DOCUMENT_COLUMNS, frozenset({"metadata"})),
        Table(
            "summaries",
            ("text_hash", "summary_spec"),
            text_columns("text_hash", "summary_spec", "summary", "phrase") | {"truncated": FLAG, "created_at": TIME},
        ),
        Table(
            "failures",
            ("stage", "text_hash", "spec"),
            text_columns("stage", "text_hash", "spec", "reason", "message") | {"attempts": INT, "created_at": TIME},
        ),
        Table("taxonomies", ("taxonomy_id",), TAXONOMY_COLUMNS),
        Table("categories", ("taxonomy_id",), CATEGORY_COLUMNS),
        Table(
            "taxonomy_changes",
            ("taxonomy_id",),
            text_columns("taxonomy_id", "kind", "category_id", "before", "after", "reason") | {"position": INT},
        ),
        Table("taxonomy_measures", ("taxonomy_id", "metric", "size"), MEASURE_COLUMNS),
        Table("facets", ("facet_id",), FACET_COLUMNS, frozenset({"examples"})),
        Table("annotators", ("annotator_id",), text_columns("annotator_id", "kind", "model", "prompt", "settings"), frozenset({"settings"})),
        Table("labels", LABEL_KEYS, LABEL_COLUMNS, frozenset({"scores"})),
        Table(
            "annotator_quality",
            ("taxonomy_id", "annotator_id"),
            text_columns("taxonomy_id", "annotator_id") | {"accuracy": REAL} | SPREAD | text_columns("judge", "flag"),
        ),
        Table(
            "thresholds",
            ("taxonomy_id", "annotator_id"),
            text_columns("taxonomy_id", "annotator_id")
            | dict.fromkeys(("threshold", "promised", "delta"), REAL)
            | {"checked": INT, "correct": INT, "share": REAL},
        ),
        Table(
            "curves",
            ("subject_id", "curve", "position"),
            text_columns("subject_id", "curve") | {"position": INT, "x": REAL, "y": REAL} | SPREAD,
        ),
        Table("embeddings", ("text_hash", "embedder_id"), text_columns("text_hash", "embedder_id") | {"vector": pa.list_(pa.float32())}),
        Table("classifiers", ("classifier_id",), STUDENT_COLUMNS | {"trained_on": INT}, frozenset({"settings", "metrics"})),
        Table("predictions", ("text_hash", "classifier_id"), PREDICTION_COLUMNS, frozenset({"alternatives"})),
        Table(
            "student_trials",
            ("classifier_id", "candidate"),
            text_columns("classifier_id", "candidate", "settings")
            | {"chosen": FLAG, "agreement": REAL}
            | SPREAD
            | dict.fromkeys(("log_loss", "macro_f1", "seconds"), REAL),
            frozenset({"settings"}),
        ),
        Table("arrivals", ("file",), text_columns("file", "partition") | {"size": INT, "modified": INT, "documents": INT, "read_at": TIME}),
        Table("drift", ("classifier_id", "part"), DRIFT_COLUMNS, frozenset({"changes"})),
        Table(
            "near_signatures",
            ("text_hash", "signature_spec"),
            text_columns("text_hash", "signature_spec") | {"position": INT, "bands": pa.list_(pa.uint32()), "compared": FLAG},
        ),
        Table(
            "near_pairs",
            ("text_hash", "other_hash", "signature_spec"),
            text_columns("text_hash", "other_hash", "signature_spec") | {"similarity": REAL},
        ),
        Table(
            "near_duplicates",
            ("text_hash", "spec"),
            text_columns("text_hash", "spec", "original_hash", "cluster_hash") | {"similarity": REAL},
        ),
        Table("languages", ("text_hash", "detector"), text_columns("text_hash", "detector", "language") | {"probability": REAL}),
        Table("doubts", ("text_hash", "classifier_id"), text_columns("text_hash", "classifier_id", "category_id") | {"quality": REAL}),
        Table(
            "promotions",
            (),
            text_columns("classifier_id", "previous_id", "facet", "decided_by", "reason") | {"promoted": FLAG, "created_at": TIME},
        ),
        Table("written_examples", ("example_id",), WRITTEN_COLUMNS),
        Table(
            "evaluations",
            ("evaluation_id", "subject", "metric", "slice", "judge"),
            text_columns("evaluation_id", "subject", "metric", "slice") | FIGURES,
        ),
        Table("judgements", ("judgement_id",), JUDGEMENT_COLUMNS),
        *EVALUATION_TABLES,
        Table("llm_calls", (), CALL_COLUMNS, frozenset({"parameters"})),
        Table("plans", ("plan_id", "stage"), PLAN_COLUMNS),
        Table("exams", ("exam_id", "model", "skill"), EXAM_COLUMNS),
        Table("stage_serving", ("run_id", "stage", "model"), SERVING_COLUMNS),
        Table(
            "rejects",
            ("stage", "source", "position"),
            text_columns("stage", "reason", "message", "record", "source") | {"position": INT, "created_at": TIME},
        ),
        Table("runs", ("run_id",), {"run_id": STR, "project": STR, "started_at": TIME, "ended_at": TIME, "status": STR, "seconds": REAL}),
        Table("stage_runs", ("run_id", "stage"), STAGE_COLUMNS, frozenset({"counts"})),
        Table("current", ("key",), text_columns("key", "value")),
        Table("lesson_texts", ("classifier_id", "text_hash"), text_columns("classifier_id", "text_hash", "part")),
        Table("forgotten", (), text_columns("id_hash", "text_hash") | {"forgotten_at": TIME}),
        Table("forgettings", ("forgetting_id",), FORGETTING_COLUMNS, frozenset({"rows", "students"})),
        Table("backups", ("path",), {"path": STR, "bytes": INT, "documents": INT, "schema_number": INT, "made_at": TIME}),
    )
}

RECORDS: Mapping[type, str] = {
    Doubt: "doubts",
    Annotator: "annotators",
    AnnotatorQuality: "annotator_quality",
    Call: "llm_calls",
    Change: "taxonomy_changes",
    CurvePoint: "curves",
    Confused: "confusions",
    DefinitionCheck: "definition_checks",
    Drift: "drift",
    Evaluation: "evaluations",
    EvaluationRun: "evaluation_runs",
    ExamResult: "exams",
    Facet: "facets",
    Judgement: "judgements",
    Label: "labels",
    Measure: "taxonomy_measures",
    PageWritten: "reports",
    PlannedStage: "plans",
    Prediction: "predictions",
    Promotion: "promotions",
    Rating: "ratings",
    Reject: "rejects",
    ReviewItem: "review_items",
    ReviewSheet: "review_sheets",
    StageServing: "stage_serving",
    Student: "classifiers",
    StudentTrial: "student_trials",
    Summary: "summaries",
    Threshold: "thresholds",
    WrittenExample: "written_examples",
    **MISTAKE_RECORDS,
}


def table_for(record_type: type) -> Table:
    """Find the table of a record type; TypeError where it has none of its own."""
    if record_type not in RECORDS:
        raise TypeError(f"{record_type.__name__} cannot be saved this way; expected one of {', '.join(kind.__name__ for kind in RECORDS)}")
    return TABLES[RECORDS[record_type]]


def record_rows(records: Iterable[Any], table: Table, **extra: Any) -> list[dict[str, Any]]:
    """Spell records as rows of their table, with further columns that are the same for all."""
    rows = []
    for record in records:
        row = {part.name: getattr(record, part.name) for part in fields(record)} | extra
        rows.append({name: to_json(row[name]) if name in table.json else row[name] for name in table.columns if name in row})
    return rows


def arrow_table(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Make an Arrow table of rows; half characters, which UTF-8 cannot hold, become U+FFFD."""
    schema = pa.schema(list(table.columns.items()))
    try:
        return pa.Table.from_pylist(list(rows), schema=schema)
    except UnicodeEncodeError:
        return pa.Table.from_pylist([{name: whole_characters(value) for name, value in row.items()} for row in rows], schema=schema)


def whole_characters(value: Any) -> Any:
    """Replace each lone surrogate of a string, or of the strings of a list, by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return [whole_characters(part) for part in value] if isinstance(value, list | tuple) else value


def latest_by_key(table: Table, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the last of the rows that share a key."""
    return list({tuple(row[key] for key in table.keys): row for row in rows}.values())


def replace_rows(connection: Connection, table: Table, data: pa.Table, *, keys: Sequence[str] | None = None) -> int:
    """Delete the rows whose keys are in the data, then insert it; run it inside a transaction."""
    match = " and ".join(f"{table.name}.{key} = incoming.{key}" for key in keys or table.keys)
    wanted = ", ".join(keys or table.keys)
    connection.register("incoming_rows", data)
    connection.execute(
        f"delete from {table.name} using (select distinct {wanted} from incoming_rows) as incoming where {match}"  # noqa: S608 - names are constants of TABLES
    )
    connection.unregister("incoming_rows")
    return insert_rows(connection, table, data)


def insert_rows(connection: Connection, table: Table, data: pa.Table) -> int:
    """Insert the rows of an Arrow table, but those about a text that was forgotten, which a run under way may still give."""
    kept = " anti join (select text_hash from forgotten) using (text_hash)" if "text_hash" in table.columns and table.name != "forgotten" else ""
    connection.register("incoming_rows", data)
    connection.execute(
        f"insert into {table.name} ({table.column_list}) select {table.column_list} from incoming_rows{kept}"  # noqa: S608 - names are constants of TABLES
    )
    connection.unregister("incoming_rows")
    return int(data.num_rows)
