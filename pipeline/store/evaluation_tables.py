"""The tables of evaluation that are described in files of their own."""

from pipeline.store.check_tables import CHECK_TABLES
from pipeline.store.history_tables import HISTORY_TABLES
from pipeline.store.mistake_tables import MISTAKE_TABLES
from pipeline.store.review_tables import REVIEW_TABLES

__all__ = ["EVALUATION_TABLES"]

EVALUATION_TABLES = (*REVIEW_TABLES, *HISTORY_TABLES, *MISTAKE_TABLES, *CHECK_TABLES)
