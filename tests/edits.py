"""A taxonomy of three categories, three new phrases, and the edits that a model may write of them."""

from collections.abc import Sequence
from typing import Any

from pipeline.ids import text_hash
from pipeline.records import Category, CategoryStatus, Summary, Taxonomy
from pipeline.settings import SizeRange
from pipeline.taxonomy.citations import NameRules, items
from pipeline.taxonomy.edits import Editor
from pipeline.taxonomy.sample import Sample, make_sample
from pipeline.taxonomy.versions import Draft
from pipeline.taxonomy_answers import EditsAnswer
from tests.tiny import TinyEmbedder

__all__ = [
    "CITED",
    "PHRASES",
    "SAMPLE",
    "add",
    "answer",
    "editor",
    "part",
    "sample_of",
    "taxonomy",
]

EMBEDDER = TinyEmbedder()
PHRASES = ["late parcel"] * 3 + ["invoice refund"] * 3 + ["login password"] * 2 + ["opening hours"] * 2 + ["gift wrapping", "lost parcel"]
CITED = {"Parcels": (0, 1, 2), "Refunds": (3, 4, 5), "Logins": (6, 7)}  # and opening hours, gift wrapping and lost parcels are new
RULES = NameRules("what does the customer want", "English", EMBEDDER)


def sample_of(phrases: Sequence[str]) -> Sample:
    summaries = [Summary(text_hash(f"{place}"), "spec", f"{phrase} {place}", phrase, False) for place, phrase in enumerate(phrases)]
    return make_sample(summaries, embedder=EMBEDDER)


SAMPLE = sample_of(PHRASES)


def taxonomy(status: dict[str, CategoryStatus] | None = None, cited: dict[str, tuple[int, ...]] | None = None) -> Taxonomy:
    categories = [
        Category(f"cat:{name}", name, f"About {name}.", members=tuple(SAMPLE.hashes[index] for index in own), status=(status or {}).get(name, "open"))
        for name, own in (CITED if cited is None else cited).items()
    ]
    return Taxonomy("tax:parent", "generate", 0, None, "x", "tnt", tuple(categories))


def editor(parent: Taxonomy, *, low: int = 2, high: int = 5) -> Editor:
    """Start with the new phrases as 1 opening hours, 2 gift wrapping, 3 lost parcel; then 4 late parcel, 5 invoice refund, 6 login password."""
    draft = Draft.from_taxonomy("tax:new", parent, SAMPLE)
    members = [item for category in parent.categories for item in items(SAMPLE, draft.groups[category.category_id].indices)]
    handles = {f"C{place}": category.category_id for place, category in enumerate(parent.categories, 1)}
    return Editor(draft, [*items(SAMPLE, draft.uncited()), *members], handles, SizeRange(min=low, max=high), RULES)


def answer(*edits: dict[str, Any], assignments: Sequence[tuple[str, list[int]]] = ()) -> EditsAnswer:
    told = [{"category": handle, "covers": covers} for handle, covers in assignments]
    return EditsAnswer.model_validate({"assignments": told, "edits": [{"reason": "a reason"} | edit for edit in edits]})


def add(name: str, covers: list[int], description: str = "What belongs here.") -> dict[str, Any]:
    return {"kind": "add", "covers": covers, "name": name, "description": description}


def part(name: str, covers: list[int]) -> dict[str, Any]:
    return {"covers": covers, "name": name, "description": "A part."}
