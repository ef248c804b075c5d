"""Reads the given label sets of the labelling benchmark: `label_sets/<corpus>.yaml`, a readable name and a line for each gold label.

They were written from what the labels are documented to mean, by nobody who looked at the texts. A set with two levels names
the parent of each of its entries, which is an entry of the set that PARENTS names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from pipeline.ids import content_id
from pipeline.records import Category, Taxonomy

__all__ = ["PARENTS", "LabelEntry", "category_id", "label_set_names", "read_label_set", "taxonomy_of"]

FOLDER = Path(__file__).resolve().with_name("label_sets")
PARENTS: Mapping[str, str] = {"hwu64_intents": "hwu64", "trec_fine": "trec_questions"}


@dataclass(frozen=True)
class LabelEntry:
    """A gold label as it is shown to a model; `parent` is the gold label above it."""

    gold: str
    name: str
    description: str
    parent: str | None = None


def label_set_names() -> list[str]:
    """List the label sets there are, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_label_set(name: str) -> list[LabelEntry]:
    """Read a label set, that of its parents first where it has two levels.

    :raises KeyError: with the sets there are, where it is none of them.
    """
    if name not in label_set_names():
        raise KeyError(f"no label set is called {name}; the label sets are {', '.join(label_set_names())}")
    above = read_label_set(PARENTS[name]) if name in PARENTS else []
    rows = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return above + [LabelEntry(**row) for row in rows]


def category_id(gold: str) -> str:
    """Give the id of the category that stands for a gold label."""
    return f"gold:{gold}"


def taxonomy_of(entries: Sequence[LabelEntry], use_case: str) -> Taxonomy:
    """Make the taxonomy that a person would have given; labels are given in its leaves.

    :raises ValueError: where an entry names a parent that is none of them.
    """
    if missing := sorted({entry.parent for entry in entries if entry.parent} - {entry.gold for entry in entries}):
        raise ValueError(
            f"the {len(entries)} entries lack {len(missing)} that they name as parents: {', '.join(missing)}; give the upper level as well"
        )
    categories = tuple(
        Category(category_id(entry.gold), entry.name, entry.description, category_id(entry.parent) if entry.parent else None) for entry in entries
    )
    taxonomy_id = content_id("tax", ["given", use_case, [asdict(category) for category in categories]])
    return Taxonomy(taxonomy_id, "given", 0, None, use_case, "given", categories)
