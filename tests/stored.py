"""Documents and a taxonomy to keep in a store."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pipeline.ids import text_hash
from pipeline.records import Category, Document, Taxonomy
from pipeline.store import Store
from pipeline.store.tables import TABLES

__all__ = [
    "MORNING",
    "everything",
    "make_document",
    "make_taxonomy",
    "save_texts",
]

MORNING = datetime(2026, 1, 1, 6, tzinfo=UTC)


def make_document(doc_id: str, text: str, **fields: Any) -> Document:
    return Document(doc_id, text_hash(text), text, f"file.csv:{doc_id}", **fields)


def make_taxonomy(taxonomy_id: str = "taxonomy:1", **fields: Any) -> Taxonomy:
    categories = (
        Category("cat:a", "Refunds", "Money back", members=("text:1", "text:2")),
        Category("cat:b", "Delivery", "Parcels"),
        Category("cat:c", "Late", "Late parcels", parent_id="cat:b"),
    )
    return replace(Taxonomy(taxonomy_id, "generate", 0, None, "what", "citations", categories), **fields)


def save_texts(store: Store, *texts: str, seen_at: datetime = MORNING) -> list[str]:
    store.save_documents([make_document(f"d{number}", text) for number, text in enumerate(texts)], seed=1, seen_at=seen_at)
    return [text_hash(text) for text in texts]


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Give the rows of every table but for the times at which they were made."""
    tables = {}
    for name, table in TABLES.items():
        columns = ", ".join(column for column in table.columns if column != "created_at")
        tables[name] = sorted(store.rows(f"select {columns} from {name}"), key=repr)  # noqa: S608 - names of TABLES
    return tables
