"""The versions of a project's taxonomies as people look at them: one with its categories, all of them, and the edits between two."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.errors import TaxonomyError
from pipeline.records import Category, Change, Taxonomy
from pipeline.store import Store
from pipeline.taxonomy.editing import diff
from pipeline.taxonomy_files import tidied

__all__ = ["EXAMPLES", "category_rows", "change_rows", "compared", "example_hashes", "find_version", "present_texts", "version_rows"]

SHOWN_VERSIONS = 10  # in a message
EXAMPLES = ("examples", "near_misses")
COUNTS = "select category_id, documents from label_counts where category_id is not null"
VERSIONS = """
select taxonomy_id, created_at, (select count(*) from categories where categories.taxonomy_id = taxonomies.taxonomy_id) as size
from taxonomies where facet = ?
"""


def find_version(store: Store, beginning: str | None = None) -> Taxonomy:
    """Give a version of the store's facet by the beginning of its id, or the current one.

    :raises TaxonomyError: where there is none, or more than one begins so.
    """
    if beginning is None:
        current = store.current("taxonomy_id")
        if current is None:
            raise TaxonomyError("There is no current taxonomy yet; run the project, or give it one with `linnaeus taxonomy apply`.")
        return store.taxonomy(current)
    ids = [version.taxonomy_id for version in store.versions()]
    found = [version for version in ids if version == beginning or version.removeprefix("tax:").startswith(beginning.removeprefix("tax:"))]
    if len(found) != 1:
        listed = ", ".join((found or ids)[-SHOWN_VERSIONS:]) or "none"
        what = f"{len(found)} versions begin with {beginning!r}" if found else f"No version begins with {beginning!r}; there are"
        raise TaxonomyError(f"{what}: {listed}. `linnaeus taxonomy history` lists all.")
    return store.taxonomy(found[0])


def category_rows(store: Store, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Describe the categories of a version in tree order, with their cards and with what they hold.

    `cited` counts the sampled texts that a category was made from; `documents` those that bear it, where the version is the current
    one of the project's own use case.
    """
    is_current = not store.facet and store.current("taxonomy_id") == taxonomy.taxonomy_id
    documents = dict(store.rows(COUNTS)) if is_current else {}
    texts, level = present_texts(store, taxonomy.categories), _levels(taxonomy)
    return [
        {
            "category_id": category.category_id, "parent_id": category.parent_id, "depth": level[category.category_id],
            "name": category.name, "description": category.description, "status": category.status, "cited": len(category.members),
            "documents": documents.get(category.category_id, 0) if is_current else None,
            "cues": list(category.cues), "exclusions": list(category.exclusions),
            **{key: [texts.get(text, text) for text in getattr(category, key)] for key in EXAMPLES},
        }
        for category in tidied(taxonomy.categories)
    ]  # fmt: skip


def version_rows(store: Store) -> list[dict[str, Any]]:
    """Describe the versions of the store's facet in the order of their making."""
    about = {version: (made, size) for version, made, size in store.rows(VERSIONS, [store.facet or "main"])}
    current = store.current("taxonomy_id")
    return [
        {
            "taxonomy_id": version.taxonomy_id, "current": version.taxonomy_id == current, "stage": version.stage, "step": version.step,
            "candidate": version.candidate, "categories": about[version.taxonomy_id][1], "rating": version.rating,
            "made_at": about[version.taxonomy_id][0], "parent_id": version.parent_id, "note": version.note,
        }
        for version in store.versions()
    ]  # fmt: skip


def compared(store: Store, first: str | None = None, second: str | None = None) -> tuple[Taxonomy, Taxonomy, list[Change]]:
    """Find two versions and the edits between them: the current one and its parent, one and the current one, or any two."""
    after = find_version(store, second)
    if first is not None:
        before = find_version(store, first)
    elif after.parent_id is not None:
        before = store.taxonomy(after.parent_id)
    else:
        before = replace(after, taxonomy_id="", categories=())
    merged, split, reasons = _between(store, before, after)
    found = diff(before, after.categories, merged=merged, split=split, taxonomy_id=after.taxonomy_id, reason="")
    return before, after, [replace(change, reason=reasons.get((change.category_id, change.kind), change.reason)) for change in found]


def _between(store: Store, before: Taxonomy, after: Taxonomy) -> tuple[Mapping[str, str], Mapping[str, str], Mapping[tuple[str, str], str]]:
    """Collect from the versions between two what was merged into what, what was split from what, and the reasons."""
    chain = [after]
    while chain[0].taxonomy_id != before.taxonomy_id and chain[0].parent_id is not None:
        chain.insert(0, store.taxonomy(chain[0].parent_id))
    merged: dict[str, str] = {}
    split: dict[str, str] = {}
    reasons: dict[tuple[str, str], str] = {}
    if chain[0].taxonomy_id != before.taxonomy_id:
        chain = chain[:1]
    for parent, version in itertools.pairwise(chain):
        ids = {category.name: category.category_id for category in (*version.categories, *parent.categories)}
        for change in store.changes(version.taxonomy_id):
            reasons[change.category_id, change.kind] = change.reason
            if change.kind == "merge" and change.after in ids:
                merged[change.category_id] = ids[change.after]
            if change.kind == "split" and change.before in ids:
                split[change.category_id] = ids[change.before]
    left = {category.category_id for category in after.categories}
    return {gone: into for gone in merged if (into := _end(merged, gone)) in left}, split, reasons


def _end(merged: Mapping[str, str], gone: str) -> str:
    """Follow merges to the category that is left, which a ring of them never is."""
    seen = {gone}
    while gone in merged and merged[gone] not in seen:
        gone = merged[gone]
        seen.add(gone)
    return gone


def change_rows(before: Taxonomy | None, after: Taxonomy, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Describe edits for people: what was done to which category, from what to what, and how many texts it cites before and after."""
    old = {category.category_id: category for category in (before.categories if before else ())}
    new = {category.category_id: category for category in after.categories}
    rows = []
    for change in changes:
        was, now = old.get(change.category_id), new.get(change.category_id)
        named = now or was
        rows.append(
            {
                "change": "edit" if change.kind == "rename" and change.before == change.after else change.kind,
                "category": named.name if named else "", "before": change.before, "after": change.after,
                "cited_before": len(was.members) if was else None, "cited_after": len(now.members) if now else None,
                "reason": change.reason, "category_id": change.category_id,
            }
        )  # fmt: skip
    return rows


def example_hashes(categories: Iterable[Category]) -> Iterator[str]:
    """Give the hashes of the examples and near misses of categories."""
    for category in categories:
        yield from (*category.examples, *category.near_misses)


def present_texts(store: Store, categories: Sequence[Category]) -> dict[str, str]:
    """Give the texts of examples and near misses that are in the corpus, by hash."""
    present = store.active_hashes(sorted(set(example_hashes(categories))))
    return {document.text_hash: document.text for document in store.texts(present)}


def _levels(taxonomy: Taxonomy) -> dict[str, int]:
    level: dict[str, int] = {}
    for category in tidied(taxonomy.categories):
        level[category.category_id] = level[category.parent_id] + 1 if category.parent_id in level else 0
    return level
