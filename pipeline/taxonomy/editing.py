"""What a person does to a taxonomy: the edits between two versions by stable ids, and the version that comes of them.

A person may do anything, to locked and frozen categories too: locks hold against the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from pipeline.choosing import NONE_FITS
from pipeline.ids import content_id
from pipeline.records import Category, CategoryStatus, Change, ChangeKind, Taxonomy
from pipeline.settings import MAIN, Project
from pipeline.taxonomy.naming import CATCH_ALL, GENERIC_WORDS, PROMPT_WORDS
from pipeline.taxonomy.versions import Version
from pipeline.taxonomy_files import tidied
from pipeline.text import content_words, name_key

__all__ = ["apply_edits", "diff", "seeded", "why_no_name"]

COMPARED = ("name", "description", "cues", "exclusions", "examples", "near_misses")
BY_HAND = "edited by a person"
NOTHING = Category("", "", "")  # what a new category was before


def why_no_name(name: str) -> str | None:
    """Say why a person's name for a category is refused, or None where it is none of a rest that has nothing in common."""
    if name_key(name) == name_key(NONE_FITS.name):
        return "it is what a text gets that fits no category"
    words = content_words(name)
    empty = words <= CATCH_ALL | PROMPT_WORDS | GENERIC_WORDS  # "General Ledger" says something
    return "it is a catch-all" if words & CATCH_ALL and empty else None


def diff(
    before: Taxonomy,
    after: Sequence[Category],
    *,
    merged: Mapping[str, str] | None = None,
    split: Mapping[str, str] | None = None,
    taxonomy_id: str = "",
    reason: str = BY_HAND,
) -> list[Change]:
    """List the edits that lead from a version to some categories, by their ids; members, and the order of siblings, are none.

    A change of description, card or status is a rename, to the same name where that stays.

    :param merged: the successor of each category that went into another one, by ids.
    :param split: the origin of each new category that was taken out of another one, by ids.
    :param taxonomy_id: id of the version that the edits lead to.
    """
    old = {category.category_id: category for category in tidied(before.categories)}
    new = {category.category_id: category for category in tidied(after)}
    edits = _Edits(old, new, merged or {}, split or {})
    found = [edit for category in new.values() for edit in edits.of_present(category)]
    found += [edits.of_gone(category) for category in old.values() if category.category_id not in new]
    return [Change(taxonomy_id, kind, key, was, now, ": ".join(part for part in (reason, how) if part)) for kind, key, was, now, how in found]


Edit = tuple[ChangeKind, str, str | None, str | None, str]


@dataclass(frozen=True)
class _Edits:
    """Finds the edits of one category, given all of both sides."""

    old: Mapping[str, Category]
    new: Mapping[str, Category]
    merged: Mapping[str, str]
    split: Mapping[str, str]

    def of_present(self, category: Category) -> Iterator[Edit]:
        """Find what was done to a category that is there afterwards."""
        key, above = category.category_id, self._name(self.new, category.parent_id)
        was = self.old.get(key)
        if was is None:
            origin = self.old.get(self.split.get(key, ""))
            yield "split" if origin else "add", key, origin.name if origin else None, category.name, f"below {above}" if above else ""
            return
        parts = [part.replace("_", " ") for part in COMPARED if getattr(was, part) != getattr(category, part)]
        parts += [f"{was.status} is now {category.status}"] if was.status != category.status else []
        if parts:
            yield "rename", key, was.name, category.name, ", ".join(parts)
        if self._place(self.old, was) != self._place(self.new, category):
            yield "move", key, self._name(self.old, was.parent_id), above, ""

    def of_gone(self, category: Category) -> Edit:
        """Find what became of a category that is not there any more."""
        into = self.new.get(self.merged.get(category.category_id, ""))
        return "merge" if into else "drop", category.category_id, category.name, into.name if into else None, ""

    def _place(self, side: Mapping[str, Category], category: Category) -> str | None:
        return category.parent_id if category.parent_id in side else None

    def _name(self, side: Mapping[str, Category], key: str | None) -> str | None:
        return side[key].name if key is not None and key in side else None


def apply_edits(
    parent: Taxonomy, edited: Sequence[Category], *, merged: Mapping[str, str] | None = None, split: Mapping[str, str] | None = None, note: str = ""
) -> Version:
    """Make the version that a person's edits lead to; where there are none it is the parent itself, without changes.

    Members stay with their categories: those of a merged one go to its successor, those of a dropped one are cited by none. A text
    that is newly given as an example becomes a member, and one that is newly given as a near miss stops being one.

    :param merged: the successor of each category that goes into another one, by ids.
    :param split: the origin of each new category that is taken out of another one, by ids.
    """
    if not diff(parent, edited, merged=merged, split=split):
        return Version(parent)
    categories = tuple(_with_members(parent, tidied(edited), merged or {}))
    taxonomy_id = content_id("tax", ["apply", parent.taxonomy_id, [asdict(category) for category in categories]])
    changes = diff(parent, categories, merged=merged, split=split, taxonomy_id=taxonomy_id)
    step, inherited = parent.step + 1, {"method": parent.method, "facet": parent.facet, "candidate": parent.candidate, "guide": parent.guide}
    made = Taxonomy(taxonomy_id, "apply", step, parent.taxonomy_id, parent.use_case, categories=categories, note=note, **inherited)  # type: ignore[arg-type]
    return Version(made, changes)


def _with_members(parent: Taxonomy, edited: Sequence[Category], merged: Mapping[str, str]) -> list[Category]:
    old = {category.category_id: category for category in parent.categories}
    cited = {category.category_id: list(old[category.category_id].members if category.category_id in old else ()) for category in edited}
    for gone, into in merged.items():
        if gone in old and gone not in cited and into in cited:
            cited[into] += old[gone].members
    claimed: dict[str, str] = {}
    for category in edited:
        key, was = category.category_id, old.get(category.category_id, NOTHING)
        new = [text for text in category.examples if text not in was.examples and text not in cited[key]]
        refused = {text for text in category.near_misses if text not in was.near_misses}
        cited[key] = [*new, *(text for text in cited[key] if text not in refused)]
        claimed |= dict.fromkeys(new, key)
    members = {key: tuple(text for text in texts if claimed.get(text, key) == key) for key, texts in cited.items()}
    return [replace(category, members=members[category.category_id]) for category in edited]


def seeded(
    categories: Sequence[Category], *, project: Project, facet: str = MAIN, candidate: int = 0, status: CategoryStatus = "seed", note: str = ""
) -> Version:
    """Make the first version of a taxonomy from categories that a person gave.

    :param status: what becomes of an open category.
    """
    given = tuple(replace(category, status=status) if category.status == "open" else category for category in tidied(categories))
    about = [facet, candidate, project.use_case, project.taxonomy.method, [asdict(category) for category in given]]
    taxonomy_id = content_id("tax", ["given", *about])
    nothing = Taxonomy(taxonomy_id, "given", 0, None, project.use_case, project.taxonomy.method, (), facet=facet, candidate=candidate, note=note)
    changes = diff(nothing, given, taxonomy_id=taxonomy_id, reason="given by a person")
    return Version(replace(nothing, categories=given), changes)
