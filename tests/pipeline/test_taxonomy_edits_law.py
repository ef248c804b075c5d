"""Whatever edits a model writes, the taxonomy stays one that may be; and the form of its answer is closed."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.records import CategoryStatus
from pipeline.serving.contract import Question, Structured
from pipeline.serving.dialects import dialect_of
from pipeline.taxonomy.citations import Item, items
from pipeline.taxonomy_answers import edits_form, groups_form
from tests.edits import CITED, PHRASES, SAMPLE, add, answer, editor, part, sample_of, taxonomy

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
