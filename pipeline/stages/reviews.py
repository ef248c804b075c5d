"""What a project's people were asked and have said, brought to the present version of its taxonomy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.evaluation.people import Verdict, consensus
from pipeline.ids import content_id
from pipeline.records import Annotator, Label, Taxonomy
from pipeline.review_records import Rating, ReviewSheet
from pipeline.stages.taxonomy_history import compared
from pipeline.store import Store

__all__ = ["PEOPLE", "Carried", "People", "carried_into", "people_of", "rater_annotator", "settle_people"]

# The one who says what people agree on. It never changes, so that labels keep their time.
PEOPLE = Annotator(content_id("annotator", ["people", "consensus"]), "human", None, None, {"name": "people", "of": "consensus"})


@dataclass(frozen=True)
class Carried:
    """What became of the categories of one version in another one, by id; those that are lost with words for it."""

    kept: Mapping[str, str]
    lost: Mapping[str, str]

    def category(self, category_id: str | None) -> str | None:
        """Give what a category is now; None for none. KeyError where it is lost."""
        return None if category_id is None else self.kept[category_id]


@dataclass(frozen=True)
class People:
    """All that people said under the categories of the present taxonomy."""

    sheets: Sequence[ReviewSheet]
    ratings: Sequence[Rating]  # the last word of each rater on each text, those who settle differences aside
    ruled: Sequence[Rating]
    lost: Sequence[Rating]  # in categories that the present version does not have
    verdicts: Mapping[str, Verdict]

    @property
    def raters(self) -> list[str]:
        """List the raters."""
        return sorted({rating.rater for rating in self.ratings})


def carried_into(store: Store, before: Taxonomy, present: Taxonomy) -> Carried:
    """Say what became of the categories that labels are given in: still there by whatever name, merged into another, or lost."""
    leaves = {category.category_id: category for category in present.leaves}
    if before.taxonomy_id == present.taxonomy_id:
        return Carried({key: key for key in leaves}, {})
    changes = compared(store, before.taxonomy_id, present.taxonomy_id)[2]
    merged = {change.category_id: change.after for change in changes if change.kind == "merge"}
    by_name = {category.name: category.category_id for category in present.leaves}
    below: dict[str | None, list[str]] = {}
    for category in present.categories:
        below.setdefault(category.parent_id, []).append(category.name)
    kept: dict[str, str] = {}
    lost: dict[str, str] = {}
    for category in before.leaves:
        key = category.category_id
        if key in leaves:
            kept[key] = key
        elif (into := merged.get(key)) in by_name:
            kept[key] = by_name[into or ""]
        else:
            lost[key] = f"{category.name!r} was {'parted into ' + ', '.join(below[key]) if key in below else 'dropped'}"
    return Carried(kept, lost)


def people_of(store: Store, present: Taxonomy) -> People:
    """Read what people said, under the categories of the present version."""
    with store.reader():
        sheets, given = store.review_sheets(), store.ratings()
        known = {one.sheet_id: carried_into(store, store.taxonomy(one.taxonomy_id), present) for one in sheets}
    designs = {one.sheet_id: one.design for one in sheets}
    latest: dict[tuple[bool, str, str], Rating] = {}
    lost = []
    for rating in given:
        carried = known[rating.sheet_id]
        if rating.category_id is not None and rating.category_id not in carried.kept:
            lost.append(rating)
            continue
        also = tuple(dict.fromkeys(carried.kept[one] for one in rating.also if one in carried.kept))
        now = replace(rating, category_id=carried.category(rating.category_id), also=also)
        latest[designs[rating.sheet_id] == "adjudicate", rating.rater, rating.text_hash] = now
    ratings = [one for (settles, _, _), one in latest.items() if not settles]
    ruled = [one for (settles, _, _), one in latest.items() if settles]
    return People(sheets, ratings, ruled, lost, consensus(ratings, ruled))


def rater_annotator(rater: str) -> Annotator:
    """Give the annotator that a rater is."""
    return Annotator(content_id("annotator", ["rater", rater]), "human", None, None, {"name": rater})


def settle_people(store: Store, present: Taxonomy) -> bool:
    """Keep what people agree on as the labels of people under the present version, and say whether any changed."""
    if not store.review_sheets():
        return False
    people = people_of(store, present)
    labels = [
        Label(
            text, present.taxonomy_id, PEOPLE.annotator_id, verdict.category_id, None, also=verdict.also,
            reason=None if verdict.category_id else "none_fits",
        )
        for text, verdict in sorted(people.verdicts.items())
        if verdict.decided
    ]  # fmt: skip
    changed = store.replace_labels(present.taxonomy_id, PEOPLE.annotator_id, labels)
    if changed:
        store.save([PEOPLE, *(rater_annotator(rater) for rater in people.raters)])
    return changed
