"""The tables of what a model says of a taxonomy's definitions."""

from pipeline.store.table import REAL, TIME, Table, text_columns

__all__ = ["CHECK_TABLES"]

CHECKED = ("text_hash", "taxonomy_id", "category_id", "annotator_id")
CHECK_TABLES = (
    Table(
        "definition_checks",
        CHECKED,
        text_columns(*CHECKED, "answer") | {"probability": REAL} | text_columns("reason", "message") | {"created_at": TIME},
    ),
)
