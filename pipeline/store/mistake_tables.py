"""The tables of mistakes and of the tie-breakers that are proposed for confused pairs."""

from collections.abc import Mapping

from pipeline.mistake_records import Mistake, TieBreaker
from pipeline.store.table import INT, REAL, STR, Table, text_columns

__all__ = ["MISTAKE_RECORDS", "MISTAKE_TABLES"]

MISTAKE_KEYS = ("evaluation_id", "subject", "text_hash")
PAIR_KEYS = ("evaluation_id", "category_id", "other_id")
MISTAKE_TABLES = (
    Table(
        "mistakes",
        MISTAKE_KEYS,
        text_columns(*MISTAKE_KEYS, "kind", "category_id", "gold", "gold_category")
        | {"probability": REAL, "suspicion": REAL, "rank": INT, "evidence": STR},
        frozenset({"evidence"}),
    ),
    Table(
        "tie_breakers",
        PAIR_KEYS,
        text_columns(*PAIR_KEYS) | {"confusions": INT, "by_chance": REAL, "n": INT} | text_columns("sentence", "source"),
    ),
)
MISTAKE_RECORDS: Mapping[type, str] = {Mistake: "mistakes", TieBreaker: "tie_breakers"}
