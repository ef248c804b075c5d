"""Rules in SQL and in Python, and documents for them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.errors import ProjectError
from pipeline.ids import text_hash
from pipeline.records import Category, Document, Taxonomy
from pipeline.rules import LoadedRule, load_rules
from pipeline.settings import RuleSettings

__all__ = [
    "TAXONOMY",
    "document",
    "loaded",
    "mistake",
    "python",
    "sql",
    "write",
]

PLACES = (
    Category("cat:a", "Late Parcels", "a"),
    Category("cat:b", "Refunds", "b"),
    Category("cat:c", "Money", "c"),
    Category("cat:d", "Invoices", "d", parent_id="cat:c"),
)
TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", PLACES)


def document(text: str, **metadata: object) -> Document:
    return Document(f"d:{text}", text_hash(text), text, "mail", metadata)


def sql(condition: str, category: str = "Refunds", name: str = "one") -> RuleSettings:
    return RuleSettings(name=name, category=category, sql=condition)


def python(place: str, name: str = "one") -> RuleSettings:
    return RuleSettings(name=name, python=place)


def loaded(folder: Path, *rules: RuleSettings) -> Sequence[LoadedRule]:
    return load_rules(rules, folder)


def mistake(folder: Path, *rules: RuleSettings) -> str:
    with pytest.raises(ProjectError) as caught:
        load_rules(rules, folder)
    return str(caught.value)


def write(folder: Path, source: str, file: str = "mine.py") -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return path
