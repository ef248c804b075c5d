"""Edits that a model writes are checked and done by code: what cannot be done is refused, told and changes nothing."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.records import CategoryStatus, Taxonomy
from pipeline.taxonomy.edits import Editor
from tests.edits import CITED, add, answer, editor, part, taxonomy


def done(found: Editor) -> list[tuple[str, str | None, str | None]]:
    return [(change.kind, change.before, change.after) for change in found.draft.changes]


def cites(found: Editor) -> dict[str, set[int]]:
    return {found.draft.categories[key].name: set(group.indices) for key, group in found.draft.groups.items()}


def after(*edits: dict[str, Any], parent: Taxonomy | None = None, low: int = 2, high: int = 5, assignments: Any = ()) -> Editor:
    found = editor(parent or taxonomy(), low=low, high=high)
    found.apply(answer(*edits, assignments=assignments))
    return found


def test_the_numbers_are_as_the_other_tests_take_them_to_be() -> None:
    listed = editor(taxonomy()).listed
    assert [item.phrase for item in listed] == ["opening hours", "gift wrapping", "lost parcel", "late parcel", "invoice refund", "login password"]


def test_each_edit_is_done_and_recorded() -> None:
    found = after(
        add("Shop Hours", [1]),
        {"kind": "rename", "category": "C1", "name": "Late Deliveries"},
        {"kind": "move", "covers": [3], "category": "C1"},
        {"kind": "merge", "category": "C3", "into": "C2"},
        assignments=[("C2", [2])],
    )
    assert found.refused == []
    assert done(found) == [
        ("move", None, "Refunds"), ("add", None, "Shop Hours"), ("rename", "Parcels", "Late Deliveries"), ("move", None, "Late Deliveries"),
        ("merge", "Logins", "Refunds"),
    ]  # fmt: skip
    assert cites(found) == {"Late Deliveries": {0, 1, 2, 11}, "Refunds": {3, 4, 5, 6, 7, 10}, "Shop Hours": {8, 9}}
    assert found.draft.categories["cat:Parcels"].name == "Late Deliveries", "an id stays through a new name"
    assert found.covered == {10, 11}
    assert [change.reason for change in found.draft.changes[1:3]] == ["a reason"] * 2


def test_what_is_dropped_is_cited_by_none_and_comes_again() -> None:
    found = after({"kind": "drop", "category": "C3"}, assignments=[("C1", [1, 2, 3])])
    assert done(found)[-1] == ("drop", "Logins", None)
    assert found.draft.uncited() == [6, 7]


def test_a_split_takes_parts_out_and_ends_a_category_that_nothing_is_left_of() -> None:
    parent = taxonomy(cited={"Orders": (0, 1, 2, 3, 4, 5), "Logins": (6, 7)})
    some = after({"kind": "split", "category": "C1", "parts": [part("Parcels", [4])]}, parent=parent)
    assert cites(some) == {"Orders": {3, 4, 5}, "Logins": {6, 7}, "Parcels": {0, 1, 2}}
    both = after({"kind": "split", "category": "C1", "parts": [part("Parcels", [4]), part("Refunds", [5])]}, parent=parent)
    assert cites(both) == {"Logins": {6, 7}, "Parcels": {0, 1, 2}, "Refunds": {3, 4, 5}}
    assert done(both) == [("split", "Orders", "Parcels"), ("split", "Orders", "Refunds"), ("drop", "Orders", None)]
    kept = after({"kind": "split", "category": "C1", "parts": [part("Parcels", [4, 5])]}, parent=replace_status(parent, "Orders", "locked"))
    assert cites(kept) == {"Orders": set(), "Logins": {6, 7}, "Parcels": {0, 1, 2, 3, 4, 5}}, "a locked category stays, empty or not"


def replace_status(parent: Taxonomy, name: str, status: CategoryStatus) -> Taxonomy:
    changed = [replace(category, status=status) if category.name == name else category for category in parent.categories]
    return replace(parent, categories=tuple(changed))


REFUSED: list[tuple[dict[str, Any], str]] = [
    (add("Other", [1]), "add 'Other': it is a catch-all"),
    (add("What the Customer Wants", [1]), "only repeats the question"),
    (add("parcels", [1]), "add 'parcels': taken by another group"),
    (add("The Refund", [1]), "it says the same as 'Refunds'"),
    (add("Öffnungszeiten", [1], "Zeiten, zu denen der Laden und die Kasse auf sind."), "it is in German, and must be in English"),
    (add("Часы работы", [1]), "Cyrillic script"),
    (add("Shop Hours", []), "covers no number that is in the list and free"),
    (add("Shop Hours", [99]), "covers no number that is in the list and free"),
    ({"kind": "rename", "category": "C9", "name": "Anything Goes"}, "there is no category 'C9'; there are C1, C2, C3"),
    ({"kind": "rename", "category": "C1", "name": "Refunds"}, "taken by another group"),
    ({"kind": "rename", "category": "C1", "name": "Parcels"}, "it has this name"),
    ({"kind": "merge", "category": "C1", "into": "C1"}, "it is the same category"),
    ({"kind": "merge", "category": "C1", "into": "Refunds"}, "there is no category 'Refunds'"),
    ({"kind": "drop", "category": "nothing"}, "there is no category 'nothing'"),
    ({"kind": "move", "covers": [4], "category": "C1"}, "none of its numbers is free and elsewhere"),
    ({"kind": "split", "category": "C1", "parts": [part("Late Ones", [5])]}, "split C1, part 'Late Ones': none of its numbers is in C1 and free"),
]


@pytest.mark.parametrize(("edit", "reason"), REFUSED)
def test_an_edit_that_cannot_be_done_is_refused_with_the_reason_and_changes_nothing(edit: dict[str, Any], reason: str) -> None:
    found = after(edit)
    assert len(found.refused) == 1
    assert reason in str(found.refused[0])
    assert done(found) == []
    assert cites(found) == {name: set(own) for name, own in CITED.items()}


def test_what_is_wrong_with_a_part_of_an_edit_is_told_and_the_rest_is_done() -> None:
    found = after(add("Shop Hours", [1, 99, 0]), assignments=[("C1", [3, 7])])
    assert done(found) == [("move", None, "Parcels"), ("add", None, "Shop Hours")]
    assert [str(refusal) for refusal in found.refused] == [
        "assign to C1: the numbers go from 1 to 6, and it covers 7",
        "add 'Shop Hours': the numbers go from 1 to 6, and it covers 99, 0",
    ]


def test_a_number_counts_where_it_is_cited_first() -> None:
    found = after(add("Shop Hours", [1, 3]), add("Wrapping", [1, 2]), assignments=[("C1", [3, 3]), ("C2", [3])])
    assert cites(found) == {"Parcels": {0, 1, 2, 11}, "Refunds": {3, 4, 5}, "Logins": {6, 7}, "Shop Hours": {8, 9}, "Wrapping": {10}}


def test_to_assign_a_phrase_to_the_category_that_has_it_changes_nothing_and_places_nothing() -> None:
    found = after({"kind": "move", "covers": [4], "category": "C2"}, assignments=[("C1", [4])])
    assert done(found) == [("move", None, "Refunds"), ("drop", "Parcels", None)]


def test_the_size_is_kept_after_every_edit() -> None:
    full = after(add("Shop Hours", [1]), add("Wrapping", [2]), high=4)
    assert len(full.draft.categories) == 4
    assert str(full.refused[0]) == "add 'Wrapping': there are 4 categories, and at most 4 may be"
    room = after({"kind": "drop", "category": "C3"}, add("Shop Hours", [1]), high=3)
    assert room.refused == []
    few = after({"kind": "drop", "category": "C1"}, {"kind": "merge", "category": "C2", "into": "C3"}, low=2)
    assert str(few.refused[0]) == "merge C2 into C3: there are 2 categories, and at least 2 are needed"
    split = after({"kind": "split", "category": "C1", "parts": [part("Late Ones", [4])]}, high=3)
    assert "at most 3 may be" in str(split.refused[0])


KEPT: list[tuple[dict[str, Any], CategoryStatus, bool]] = [
    ({"kind": "rename", "category": "C1", "name": "Late Deliveries"}, "locked", False),
    ({"kind": "merge", "category": "C1", "into": "C2"}, "locked", False),
    ({"kind": "drop", "category": "C1"}, "locked", False),
    ({"kind": "drop", "category": "C1"}, "seed", True),
    ({"kind": "merge", "category": "C2", "into": "C1"}, "locked", True),
    ({"kind": "merge", "category": "C2", "into": "C1"}, "frozen", False),
    ({"kind": "move", "covers": [3], "category": "C1"}, "locked", True),
    ({"kind": "move", "covers": [3], "category": "C1"}, "frozen", False),
    ({"kind": "split", "category": "C1", "parts": [part("Late Ones", [4])]}, "locked", True),
    ({"kind": "split", "category": "C1", "parts": [part("Late Ones", [4])]}, "frozen", False),
    ({"kind": "move", "covers": [4], "category": "C2"}, "locked", True),
    ({"kind": "move", "covers": [4], "category": "C2"}, "frozen", False),
    (add("Late Ones", [4]), "frozen", False),
]


@pytest.mark.parametrize(("edit", "status", "allowed"), KEPT)
def test_what_a_person_has_locked_or_frozen_stays(edit: dict[str, Any], status: CategoryStatus, allowed: bool) -> None:
    found = after(edit, parent=taxonomy({"Parcels": status}))
    assert (found.refused == []) is allowed
    assert bool(found.draft.changes) is allowed


def test_a_document_that_fits_a_frozen_category_counts_as_covered_and_is_not_put_in() -> None:
    found = after(parent=taxonomy({"Parcels": "frozen"}), assignments=[("C1", [3])])
    assert (found.refused, found.covered, done(found)) == ([], {11}, [])
    assert cites(found)["Parcels"] == {0, 1, 2}


def test_a_reason_has_at_most_twelve_words() -> None:
    found = after({"kind": "drop", "category": "C3", "reason": "because " * 40}, {"kind": "drop", "category": "C2", "reason": "  "}, low=2)
    assert found.draft.changes[0].reason.split() == ["because"] * 12
    assert after({"kind": "drop", "category": "C3", "reason": " "}).draft.changes[0].reason == "the model gives no reason"
