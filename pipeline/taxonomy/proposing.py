"""What a taxonomy that was made anew changes in the present one: which of its categories are the old ones, by the documents they hold.

Categories made anew have ids of their own. Those that hold mostly the same documents as a present one get its id, so that people see
what was renamed, split, merged, added or dropped, and so that what bears a category keeps bearing it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.ids import content_id
from pipeline.records import Category, Change, Taxonomy
from pipeline.taxonomy.editing import diff
from pipeline.taxonomy.versions import Version
from pipeline.text import name_key

__all__ = ["Proposed", "proposed"]

MOSTLY = 0.5  # share of the documents of one of two categories that the other must hold too for them to be one
Pairs = Counter[tuple[str, str]]  # documents by present and new category


@dataclass(frozen=True)
class Proposed:
    """The proposed version, and how many of the counted documents would be in another category by it."""

    version: Version
    moved: int
    counted: int


def proposed(present: Taxonomy, made: Taxonomy, served: Mapping[str, str], *, counted: Collection[str]) -> Proposed:
    """Hold a version that was made anew against the present one, and spell it as a child of that.

    :param served: the present category of documents, by text hash.
    :param counted: documents chosen at random, of which those that would move are counted.
    """
    cited = {text: category.category_id for category in made.leaves for text in reversed(category.members)}
    known = {category.category_id for category in present.leaves}
    pairs = Counter((served[text], new) for text, new in cited.items() if served.get(text) in known)
    # What a category is, its own documents say; where a student puts new ones says little, as it knows no place for them.
    own = {text: category.category_id for category in present.leaves for text in reversed(category.members)}
    same = _same(present, made, Counter((own[text], new) for text, new in cited.items() if text in own) or pairs)
    categories = [replace(one, category_id=same.get(one.category_id, one.category_id), parent_id=_id(one.parent_id, same)) for one in made.categories]
    renamed = Counter({(old, same.get(new, new)): count for (old, new), count in pairs.items()})
    key = content_id("tax", ["propose", present.taxonomy_id, made.taxonomy_id, sorted(same.items())])
    changes = _changes(present, categories, renamed, key)
    step, note = present.step + 1, "proposed; in place only where a person puts it there"
    taxonomy = replace(made, taxonomy_id=key, stage="propose", step=step, parent_id=present.taxonomy_id, categories=tuple(categories), note=note)
    compared = [text for text in counted if text in cited and served.get(text) in known]
    moved = sum(same.get(cited[text], cited[text]) != served[text] for text in compared)
    return Proposed(Version(taxonomy, tuple(changes)) if changes else Version(present), moved, len(compared))


def _same(present: Taxonomy, made: Taxonomy, pairs: Pairs) -> dict[str, str]:
    """Find the present id of each new category that is a present one: by its id, its documents, or above the leaves its name."""
    old, new = {one.category_id for one in present.categories}, {one.category_id for one in made.categories}
    found = {key: key for key in old & new}
    rows = sorted({row for row, _ in pairs} - found.keys())
    columns = sorted({column for _, column in pairs} - found.keys())
    if rows and columns:
        table = np.array([[pairs[row, column] for column in columns] for row in rows])
        for place, other in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if _mostly(pairs, rows[place], columns[other]):
                found[columns[other]] = rows[place]
    leaves = {one.category_id for one in (*present.leaves, *made.leaves)}
    above = {name_key(one.name): one.category_id for one in present.categories if one.category_id not in leaves}
    for one in made.categories:
        key = above.get(name_key(one.name))
        if one.category_id not in leaves and key is not None and key not in found.values():
            found.setdefault(one.category_id, key)
    return found


def _mostly(pairs: Pairs, row: str, column: str) -> bool:
    both = pairs[row, column]
    sides = (sum(count for (old, _), count in pairs.items() if old == row), sum(count for (_, new), count in pairs.items() if new == column))
    return both > 0 and both >= MOSTLY * min(sides)


def _changes(present: Taxonomy, categories: Sequence[Category], pairs: Pairs, key: str) -> list[Change]:
    """List the edits, each with the documents that speak for it."""
    old, new = {one.category_id for one in present.categories}, {one.category_id for one in categories}
    merged = {row: into for row in old - new if (into := _home(pairs, row, 0)) in new}
    split = {column: origin for column in new - old if (origin := _home(pairs, column, 1)) in old & new}
    found = diff(present, categories, merged=merged, split=split, taxonomy_id=key, reason="")
    return [replace(change, reason="; ".join(part for part in (change.reason, _words(change, pairs)) if part)) for change in found]


def _home(pairs: Pairs, key: str, side: int) -> str:
    """Give the category of the other side that holds most of a category's documents; "" where none holds half of them."""
    shares = Counter({pair[1 - side]: count for pair, count in pairs.items() if pair[side] == key})
    top = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:1]
    return top[0][0] if top and top[0][1] >= MOSTLY * shares.total() else ""


def _words(change: Change, pairs: Pairs) -> str:
    key = change.category_id
    then, now = (sum(count for pair, count in pairs.items() if pair[side] == key) for side in (0, 1))
    if change.kind in {"add", "split"}:
        return f"{now} of the sampled documents go there"
    if change.kind in {"drop", "merge"}:
        return f"{then} of the sampled documents leave it"
    return f"{pairs[key, key]} of its {then} sampled documents stay"


def _id(parent_id: str | None, same: Mapping[str, str]) -> str | None:
    return None if parent_id is None else same.get(parent_id, parent_id)
