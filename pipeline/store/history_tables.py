"""The tables of what was measured when."""

from pipeline.store.table import INT, TIME, Table, text_columns

__all__ = ["HISTORY_TABLES"]

POINTED = ("facet", "taxonomy_id", "teacher_annotator_id", "classifier_id", "baseline_id", "models", "prompts")
CONFUSED = ("evaluation_id", "subject", "judge", "truth", "label")
HISTORY_TABLES = (
    Table(
        "evaluation_runs",
        ("evaluation_id", "run_id"),
        text_columns("evaluation_id", "run_id", *POINTED) | {"created_at": TIME},
        frozenset({"models", "prompts"}),
    ),
    Table("confusions", CONFUSED, text_columns(*CONFUSED) | {"n": INT}),
    Table("reports", ("path",), text_columns("path", "evaluation_id", "sha256") | {"bytes": INT, "created_at": TIME}),
)
