"""The tables of what people are asked and say."""

import pyarrow as pa

from pipeline.store.table import FLAG, INT, REAL, STR, TIME, Table, text_columns

__all__ = ["REVIEW_TABLES"]

SHEET_COLUMNS = text_columns("sheet_id", "taxonomy_id", "facet", "design") | {
    "teaches": FLAG, "raters": pa.list_(STR), "overlap": REAL, "seed": INT, "population": INT, "size": INT, "half_width": REAL, "expected": REAL,
    "created_at": TIME,
}  # fmt: skip
ITEM_COLUMNS = text_columns("sheet_id", "text_hash", "doc_id", "stratum") | {"weight": REAL, "raters": pa.list_(STR)}
RATING_COLUMNS = text_columns("sheet_id", "text_hash", "rater", "category_id", "comment", "source", "sha256") | {
    "also": pa.list_(STR), "position": INT, "created_at": TIME,
}  # fmt: skip
REVIEW_TABLES = (
    Table("review_sheets", ("sheet_id",), SHEET_COLUMNS),
    Table("review_items", ("sheet_id", "text_hash"), ITEM_COLUMNS),
    Table("ratings", ("sheet_id", "text_hash", "rater"), RATING_COLUMNS),
)
