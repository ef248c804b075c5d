"""Edits by people: what differs is told by stable ids, what comes of it keeps its members, and nothing happens twice."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Category, Change, Taxonomy
from pipeline.settings import Project
from pipeline.taxonomy.editing import apply_edits, diff, seeded, why_no_name
from pipeline.taxonomy_files import read_taxonomy, tidied, write_taxonomy

NAMES = ["Billing", "Refunds", "Parcels", "Opening Hours", "Login", "Complaints", "Späti 😀", "No"]
words = st.sampled_from(["", "money", "late\nparcels", 'a, "b"; c'])


@st.composite
def trees(draw: st.DrawFn, *, members: bool = False) -> tuple[Category, ...]:
    """Make a tree of some of eight categories, each text in one of them."""
    keys = draw(st.lists(st.integers(0, 7), unique=True, min_size=2, max_size=8))
    names = draw(st.permutations(NAMES))
    made = [
        Category(
            f"c{key}", names[key], draw(words), f"c{draw(st.sampled_from(keys[:place]))}" if place and draw(st.booleans()) else None,
            tuple(f"text:{key}{number}" for number in range(draw(st.integers(0, 3)))) if members else (),
            tuple(filter(None, [draw(words)])), status=draw(st.sampled_from(["open", "locked"])),
        )
        for place, key in enumerate(keys)
    ]  # fmt: skip
    return tidied(made)


def of(categories: tuple[Category, ...]) -> Taxonomy:
    return Taxonomy("tax:before", "review", 3, "tax:older", "what is it about", "tnt", categories, 0.9, "intent", 2, "Label the main thing.")


def without_members(categories: Sequence[Category]) -> dict[str, Category]:
    """Give categories by id: their order is none of what a person edits."""
    return {category.category_id: replace(category, members=()) for category in categories}


@given(trees())
def test_nothing_differs_from_itself(categories: tuple[Category, ...]) -> None:
    assert diff(of(categories), categories) == []
    assert apply_edits(of(categories), categories).taxonomy == of(categories)


@settings(max_examples=300)
@given(trees(members=True), trees(), st.data())
def test_applying_what_differs_gives_what_it_differs_from(before: tuple[Category, ...], after: tuple[Category, ...], data: st.DataObject) -> None:
    left = {category.category_id for category in after}
    gone = [category for category in before if category.category_id not in left]
    merged = {category.category_id: data.draw(st.sampled_from(sorted(left))) for category in gone if data.draw(st.booleans())}
    version = apply_edits(of(before), after, merged=merged)
    assert without_members(version.taxonomy.categories) == without_members(after)
    assert diff(version.taxonomy, after, merged=merged) == []
    assert apply_edits(version.taxonomy, after, merged=merged).changes == ()
    lost = {text for category in gone if category.category_id not in merged for text in category.members}
    members = [text for category in version.taxonomy.categories for text in category.members]
    assert sorted(members) == sorted({text for category in before for text in category.members} - lost)
    check_that_changes_alone_tell(before, after, version.changes)


def check_that_changes_alone_tell(before: tuple[Category, ...], after: tuple[Category, ...], changes: Sequence[Change]) -> None:
    """Replay edits by what they say of names and of places."""
    names = {category.category_id: category.name for category in before}
    for change in changes:
        if change.kind in {"add", "split", "rename"}:
            names[change.category_id] = change.after or ""
        elif change.kind in {"drop", "merge"}:
            assert change.before == names.pop(change.category_id)
    assert names == {category.category_id: category.name for category in after}
    moved = {change.category_id: change.after for change in changes if change.kind == "move"}
    was, now = ({category.category_id: category for category in side} for side in (before, after))
    for key in was.keys() & now.keys():
        parent = now[key].parent_id
        assert (key in moved) == (was[key].parent_id != parent)
        assert key not in moved or moved[key] == (now[parent].name if parent else None)


@pytest.mark.parametrize("ending", ["csv", "yaml", "ttl"])
@settings(max_examples=40, deadline=None)
@given(categories=trees(members=True))
def test_a_file_that_was_not_edited_changes_nothing(ending: str, categories: tuple[Category, ...], tmp_path_factory: pytest.TempPathFactory) -> None:
    untidy = tuple(replace(category, description=f" {category.description}\r\n") for category in categories)
    path = tmp_path_factory.getbasetemp() / f"same.{ending}"
    write_taxonomy(of(untidy), path, {})
    found = read_taxonomy(path, before=of(untidy))
    assert apply_edits(of(untidy), found.categories, merged=found.merged, split=found.split).changes == ()


BEFORE = of(
    (
        Category("c1", "Billing", "About money.", None, ("t1", "t2"), examples=("t1",)),
        Category("c2", "Refunds", "Money back.", "c1", ("t3",)),
        Category("c3", "Parcels", "Things sent.", None, ("t4", "t5", "t6"), status="frozen"),
        Category("c4", "Lost Parcels", "", None, ("t7",)),
    )
)
FILE = """\
id,name,description,parent,status,examples,near_misses,merged_into,split_from
c1,Money,About money.,,locked,,,,
c2,Refunds,Money back.,,open,,,,
c3,Parcels,Things sent.,,open,,,,
c4,Lost Parcels,,,,,,Parcels,
,Late Parcels,,Parcels,open,,,,Parcels
,Fees,,Money,open,,,,
"""


def test_each_edit_is_told_with_what_it_leads_from_and_to(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(FILE, encoding="utf-8")
    found = read_taxonomy(tmp_path / "x.csv", before=BEFORE)
    version = apply_edits(BEFORE, found.categories, merged=found.merged, split=found.split, note="from x.csv")
    assert [(change.kind, change.before, change.after, change.reason) for change in version.changes] == [
        ("rename", "Billing", "Money", "edited by a person: name, examples, open is now locked"),
        ("add", None, "Fees", "edited by a person: below Money"),
        ("move", "Billing", None, "edited by a person"),
        ("rename", "Parcels", "Parcels", "edited by a person: frozen is now open"),
        ("split", "Parcels", "Late Parcels", "edited by a person: below Parcels"),
        ("merge", "Lost Parcels", "Parcels", "edited by a person"),
    ]
    made = version.taxonomy
    assert {change.taxonomy_id for change in version.changes} == {made.taxonomy_id}
    assert (made.stage, made.step, made.parent_id, made.note, made.rating) == ("apply", 4, "tax:before", "from x.csv", None)
    assert (made.use_case, made.method, made.facet, made.candidate, made.guide) == (BEFORE.use_case, "tnt", "intent", 2, "Label the main thing.")
    assert [(category.name, category.members) for category in made.categories] == [
        ("Money", ("t1", "t2")), ("Fees", ()), ("Refunds", ("t3",)), ("Parcels", ("t4", "t5", "t6", "t7")), ("Late Parcels", ()),
    ]  # fmt: skip
    again = read_taxonomy(tmp_path / "x.csv", before=made)
    assert apply_edits(made, again.categories, merged=again.merged, split=again.split).changes == ()
    assert apply_edits(BEFORE, found.categories, merged=found.merged, split=found.split).taxonomy.taxonomy_id == made.taxonomy_id


def test_a_dropped_category_leaves_its_members_to_none() -> None:
    version = apply_edits(BEFORE, BEFORE.categories[:3])
    assert [(change.kind, change.before, change.after) for change in version.changes] == [("drop", "Lost Parcels", None)]
    assert "t7" not in {text for category in version.taxonomy.categories for text in category.members}


def test_a_new_example_becomes_a_member_and_a_new_near_miss_stops_being_one() -> None:
    billing, refunds, parcels, lost = BEFORE.categories
    edited = [billing, replace(refunds, examples=("t5", "new", "t3")), replace(parcels, near_misses=("t4",)), lost]
    members = {category.name: category.members for category in apply_edits(BEFORE, edited).taxonomy.categories}
    assert members == {"Billing": ("t1", "t2"), "Refunds": ("t5", "new", "t3"), "Parcels": ("t6",), "Lost Parcels": ("t7",)}


def test_other_content_is_another_version_and_another_parent_as_well() -> None:
    edited = [replace(category, description="Other.") for category in BEFORE.categories]
    first = apply_edits(BEFORE, edited).taxonomy
    assert first.taxonomy_id != apply_edits(BEFORE, [replace(edited[0], description="Third."), *edited[1:]]).taxonomy.taxonomy_id
    assert first.taxonomy_id != apply_edits(replace(BEFORE, taxonomy_id="tax:other"), edited).taxonomy.taxonomy_id
    back = apply_edits(first, BEFORE.categories).taxonomy
    assert back.categories == BEFORE.categories
    assert back.taxonomy_id not in {first.taxonomy_id, BEFORE.taxonomy_id}


def test_given_categories_become_seeds_of_a_first_version(a_project: Project) -> None:
    version = seeded(BEFORE.categories, project=a_project, facet="intent", candidate=1)
    made = version.taxonomy
    assert (made.stage, made.step, made.parent_id, made.facet, made.candidate, made.use_case) == ("given", 0, None, "intent", 1, a_project.use_case)
    assert [category.status for category in made.categories] == ["seed", "seed", "frozen", "seed"]
    assert [category.members for category in made.categories] == [category.members for category in BEFORE.categories]
    assert [(change.kind, change.after) for change in version.changes] == [("add", category.name) for category in BEFORE.categories]
    assert version == seeded(BEFORE.categories, project=a_project, facet="intent", candidate=1)
    others = [seeded(BEFORE.categories, project=a_project), seeded(BEFORE.categories[:3], project=a_project, facet="intent", candidate=1)]
    assert made.taxonomy_id not in {other.taxonomy.taxonomy_id for other in others}
    kept = seeded(BEFORE.categories, project=a_project, status="open").taxonomy
    assert [category.status for category in kept.categories] == ["open", "open", "frozen", "open"]


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("Other", True), ("other", True), ("General", True), ("Miscellaneous", True), ("Misc.", True), ("Other Topics", True),
        ("General Questions", True), ("Other / Unknown", True), ("None of these", True),
        ("General Ledger", False), ("Rest and Sleep", False), ("Unknown Callers", False),
        ("Questions", False), ("Refunds", False), ("😀", False), ("The", False), ("Разное", False),
    ],
)  # fmt: skip
def test_a_name_for_a_rest_that_has_nothing_in_common_is_refused(name: str, refused: bool) -> None:
    assert (why_no_name(name) is not None) == refused
