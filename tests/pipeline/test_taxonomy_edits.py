"""Edits that a model writes are checked and done by code: what cannot be done is refused, told and changes nothing."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.ids import text_hash
from pipeline.records import Category, CategoryStatus, Summary, Taxonomy
from pipeline.serving.contract import Question, Structured
from pipeline.serving.dialects import dialect_of
from pipeline.settings import SizeRange
from pipeline.taxonomy.citations import Item, NameRules, items
from pipeline.taxonomy.edits import Editor
from pipeline.taxonomy.sample import Sample, make_sample
from pipeline.taxonomy.versions import Draft
from pipeline.taxonomy_answers import EditsAnswer, edits_form, groups_form
from tests.tiny import TinyEmbedder

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


HANDLES = st.sampled_from(["C1", "C2", "C3", "C4", "", "cat:Parcels"])
COVERS = st.lists(st.integers(-1, 8), max_size=6)
NAMES = st.sampled_from(
    ["Parcels", "parcels", "Other", "Shop Hours", "Hours of the Shop", "Wrapping", "Gift Wrap", "", "Refund", "Lost Things", "Часы", "x" * 99]
)
PARTS = st.lists(st.builds(part, NAMES, COVERS), max_size=3)
EDIT = st.one_of(
    st.builds(add, NAMES, COVERS),
    st.fixed_dictionaries({"kind": st.just("rename"), "category": HANDLES, "name": NAMES}),
    st.fixed_dictionaries({"kind": st.just("merge"), "category": HANDLES, "into": HANDLES}),
    st.fixed_dictionaries({"kind": st.just("split"), "category": HANDLES, "parts": PARTS}),
    st.fixed_dictionaries({"kind": st.just("drop"), "category": HANDLES}),
    st.fixed_dictionaries({"kind": st.just("move"), "category": HANDLES, "covers": COVERS}),
)
STATUSES = st.fixed_dictionaries({name: st.sampled_from(["open", "seed", "locked", "frozen"]) for name in CITED})


@given(STATUSES, st.lists(st.tuples(HANDLES, COVERS), max_size=3), st.lists(EDIT, max_size=7), st.integers(2, 4))
@settings(max_examples=150, deadline=None)
def test_after_any_edits_the_taxonomy_is_one_that_may_be(
    status: dict[str, CategoryStatus], assignments: list[tuple[str, list[int]]], edits: list[dict[str, Any]], high: int
) -> None:
    parent = taxonomy(status)
    found = editor(parent, low=2, high=high)
    sizes = [found.size]
    for edit in (None, *edits):
        before, told = len(found.draft.changes), len(found.refused)
        known = (dict(found.draft.categories), dict(found.draft.groups))
        found.apply(answer(*([edit] if edit else []), assignments=[] if edit else assignments))
        sizes.append(found.size)
        if len(found.draft.changes) == before:
            assert (found.draft.categories, found.draft.groups) == known, "every edit that changes something is recorded"
        assert edit is None or len(found.draft.changes) > before or len(found.refused) > told or edit.get("parts") == [], "done, or told why not"
    names = [name.casefold() for name in found.draft.names()]
    cited = [index for group in found.draft.groups.values() for index in group.indices]
    assert len(set(names)) == len(names)
    assert len(set(cited)) == len(cited)
    assert set(found.draft.categories) == set(found.draft.groups)
    assert max(sizes) <= max(high, len(CITED))
    assert min(sizes) >= 2
    for category in parent.categories:
        if category.kept:
            assert found.draft.categories[category.category_id] == category
        if category.status == "frozen":
            assert set(found.draft.groups[category.category_id].indices) == set(CITED[category.name])


def test_the_answer_is_closed_for_decoding_and_open_for_reading() -> None:
    form = edits_form(6, ("C1", "C2"))
    schema = form.model_json_schema()
    assert edits_form(6, ("C1", "C2")) is form
    assert schema["$defs"]["MergeAnswer"]["properties"]["into"]["enum"] == ["C1", "C2"]
    assert schema["$defs"]["GroupAnswer"]["properties"]["covers"]["items"] == {"type": "integer", "minimum": 1, "maximum": 6}
    assert len(schema["properties"]["edits"]["items"]["anyOf"]) == 6
    assert "oneOf" not in json.dumps(schema)
    assert "discriminator" not in json.dumps(schema), "servers that are strict refuse it"
    assert list(schema["$defs"]["AddAnswer"]["properties"]) == ["kind", "covers", "name", "description", "reason"], "it cites before it names"
    read = form.model_validate_json('{"assignments": [{"category": "C7", "covers": [99]}], "edits": []}')
    assert read.assignments[0].covers == [99]
    with pytest.raises(ValidationError):
        form.model_validate_json('{"assignments": [], "edits": [{"kind": "explode", "category": "C1", "reason": "x"}]}')


def test_another_list_is_another_question() -> None:
    forms = (groups_form(6, 3), groups_form(7, 3), groups_form(6, 4), groups_form(6, 3))
    asked = [Question("generate", "p", (), Structured(form), 9) for form in forms]
    assert len({question.key("m") for question in asked}) == 3
    sent = dialect_of("embedded").arguments(asked[0].form, max_tokens=9)["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["categories"]["maxItems"] == 3


@given(st.permutations(list(range(len(PHRASES)))))
def test_equal_phrases_are_one_item_and_none_is_lost(order: list[int]) -> None:
    found: tuple[Item, ...] = items(SAMPLE, order)
    assert sorted(index for item in found for index in item.indices) == list(range(len(PHRASES)))
    assert [len(item) for item in found] == sorted((len(item) for item in found), reverse=True)
    assert len({item.phrase for item in found}) == len(found) == 6


def test_phrases_differ_by_more_than_case_and_spaces() -> None:
    sample = sample_of(["Late  Parcel", "late parcel", "opening hours"])
    assert [(item.phrase, item.indices) for item in items(sample, [2, 0, 1])] == [("Late Parcel", (0, 1)), ("opening hours", (2,))]
    assert items(sample, []) == ()
