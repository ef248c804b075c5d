"""Names, versions and edits: what the model says is checked, and every change of a taxonomy is recorded and safe."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TaxonomyError
from pipeline.ids import text_hash
from pipeline.records import Summary, Taxonomy
from pipeline.serving.contract import Choice, Question
from pipeline.settings import Project
from pipeline.taxonomy import Group, Sample, Version, make_sample, version_id
from pipeline.taxonomy.induce import generate, review, update
from pipeline.taxonomy.naming import AlikeNames, Namer, alike_names, why_refused
from pipeline.taxonomy.versions import Draft
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder, knowing_reply, last_text, topic_of

WORDS = {"delivery": "late parcel", "payment": "invoice refund", "account": "login password", "store": "opening hours"}
EMBEDDER = TinyEmbedder()


def make(counts: dict[str, int]) -> Sample:
    """Make a sample of so many documents a topic, in turn."""
    rows = [(f"my {WORDS[topic]} number{place} {topic}", WORDS[topic]) for topic, count in counts.items() for place in range(count)]
    return make_sample([Summary(text_hash(text), "spec", text, phrase, False) for text, phrase in rows], embedder=EMBEDDER)


THREE = make({"delivery": 10, "payment": 9, "account": 8})
FOUR = make({"delivery": 10, "payment": 9, "account": 8, "store": 9})


def category_json(name: str) -> str:
    return json.dumps({"name": name, "description": "What belongs here."})


def sized(project: Project, low: int, high: int) -> Project:
    bounds = {"size": {"min": low, "max": high}}
    return Project.model_validate(project.model_dump() | {"taxonomy": project.taxonomy.model_dump() | bounds})


def cited(taxonomy: Taxonomy) -> list[str]:
    return [text for category in taxonomy.categories for text in category.members]


def first(project: Project, sample: Sample = THREE, reply: Any = knowing_reply) -> Version:
    return generate(sample, chat=ScriptedChat(reply), embedder=EMBEDDER, project=project, version_id="tax:first")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Late Parcels", None),
        ("", "says nothing"),
        ("The And", "says nothing"),
        ("Other", "catch-all"),
        ("General Questions", "catch-all"),
        ("Miscellaneous Parcels", "catch-all"),
        ("Category Name", "repeats the question"),
        ("What the Customer Wants", "repeats the question"),
        ("one two three four five six", "longer than 5 words"),
        ("refunds", "taken"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_reason(name: str, reason: str | None) -> None:
    found = why_refused(name, use_case="what does the customer want", taken=["Refunds"])
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_names_that_say_the_same_are_found() -> None:
    found = alike_names(["Late Parcels", "Opening Hours", "The Late Parcel"], embedder=EMBEDDER)
    assert found == [AlikeNames(0, 2, 1.0, same=True)]
    assert alike_names(["Refunds"], embedder=EMBEDDER) == []


def namer(project: Project, *replies: str) -> Namer:
    return Namer(THREE, ScriptedChat(list(replies)), project, "generate")


def test_a_refused_name_is_asked_for_again_with_the_reason_and_a_higher_temperature(a_project: Project) -> None:
    asking = namer(a_project, category_json("Other"), category_json("Late Parcels"), category_json("Parcels Underway"))
    (named,) = asking.name([Group(tuple(range(10)))], taken=["Late Parcels"])
    questions: list[Question] = asking.chat.questions  # type: ignore[attr-defined]
    assert named.name == "Parcels Underway"
    assert [round(question.temperature, 1) for question in questions] == [0.0, 0.0, 0.1]
    assert "Refused: Other (it is a catch-all)" in questions[1].messages[-1].content
    assert "Refused: Late Parcels (taken by another group)" in questions[2].messages[-1].content
    assert len({question.key("m") for question in questions}) == 3


@pytest.mark.parametrize("reply", [category_json("Other"), "no json", category_json("x" * 41), ""])
def test_a_name_that_is_refused_in_every_round_is_replaced_by_the_phrase_and_says_why(a_project: Project, reply: str) -> None:
    asking = namer(a_project, *[reply] * 4)
    (named,) = asking.name([Group(tuple(range(10)))])
    assert named.name == "Late Parcel"
    assert "named after its most frequent phrase; the model's name" in named.reason
    assert "was refused" in named.reason


def test_groups_that_nothing_names_get_numbers_that_differ(a_project: Project) -> None:
    sample = Sample(THREE.hashes, THREE.texts, ("other",) * len(THREE), THREE.vectors)
    version = generate(sample, chat=ScriptedChat(lambda _: "no json"), embedder=EMBEDDER, project=sized(a_project, 3, 3), version_id="tax:x")
    names = version.taxonomy.names()
    assert len(set(names)) == len(names) == 3
    assert all(name.startswith("Group ") for name in names)


def test_the_first_version_names_each_group_and_cites_its_documents(a_project: Project) -> None:
    project = sized(a_project, 3, 6)
    version = first(project)
    assert sorted(version.taxonomy.names()) == ["Late Parcels", "Login Trouble", "Refunds and Invoices"]
    assert len(cited(version.taxonomy)) == len(set(cited(version.taxonomy))) >= 24
    assert version.taxonomy.stage == "generate"
    assert {change.kind for change in version.changes} <= {"add", "merge"}
    assert version.taxonomy.names() == first(project).taxonomy.names()


def test_groups_that_get_one_name_are_merged_and_the_change_says_why(a_project: Project) -> None:
    def two_names(question: Question) -> str:
        return category_json("Accounts" if topic_of(last_text(question)) == "account" else "Orders")

    version = first(sized(a_project, 2, 6), make({"delivery": 14, "payment": 13, "account": 12, "store": 11}), two_names)
    assert sorted(version.taxonomy.names()) == ["Accounts", "Orders"]
    merges = [change for change in version.changes if change.kind == "merge"]
    assert merges
    assert all("says the same as" in change.reason for change in merges)


@pytest.mark.parametrize("reply", [category_json("Parcels"), "no json"])
def test_a_model_that_always_says_the_same_still_leaves_enough_categories_with_different_names(a_project: Project, reply: str) -> None:
    version = first(a_project, FOUR, lambda _: reply)
    names = [name.casefold() for name in version.taxonomy.names()]
    assert 3 <= len(set(names)) == len(names) <= 6


def test_too_few_documents_are_refused_with_the_numbers(a_project: Project) -> None:
    with pytest.raises(TaxonomyError, match="at least 4 categories needs at least 8 distinct summarised documents; there are 5"):
        first(a_project, THREE.head(5))


def test_documents_that_no_category_fits_become_a_category(a_project: Project) -> None:
    project = sized(a_project, 3, 6)
    parent = first(project).taxonomy
    version = update(parent, FOUR, start=len(THREE), chat=ScriptedChat(knowing_reply), embedder=EMBEDDER, project=project, version_id="tax:second")
    assert "Opening Hours" in version.taxonomy.names()
    added = [change for change in version.changes if change.kind == "add"]
    assert "documents that no category fitted" in added[0].reason
    assert (version.taxonomy.parent_id, version.taxonomy.step, version.taxonomy.rating) == (parent.taxonomy_id, 1, 0.0)
    kept = {category.category_id: category.name for category in version.taxonomy.categories}
    assert all(kept[category.category_id] == category.name for category in parent.categories)


def test_an_update_whose_documents_all_fit_adds_nothing_and_rates_the_parent_full(a_project: Project) -> None:
    parent = first(a_project, THREE.head(20)).taxonomy
    more = make({"delivery": 14})
    joined = Sample(THREE.hashes[:20] + more.hashes[10:], THREE.texts[:20] + more.texts[10:], THREE.phrases[:20] + more.phrases[10:],
                    np.concatenate([THREE.vectors[:20], more.vectors[10:]]))  # fmt: skip
    version = update(parent, joined, start=20, chat=ScriptedChat(knowing_reply), embedder=EMBEDDER, project=a_project, version_id="tax:second")
    assert version.taxonomy.rating == 1.0
    assert sorted(version.taxonomy.names()) == sorted(parent.names())


def test_no_category_is_added_beyond_the_largest_number(a_project: Project) -> None:
    parent = first(sized(a_project, 3, 3)).taxonomy
    version = update(
        parent, FOUR, start=len(THREE), chat=ScriptedChat(knowing_reply), embedder=EMBEDDER, project=sized(a_project, 3, 3), version_id="tax:second"
    )
    assert sorted(version.taxonomy.names()) == sorted(parent.names())


def test_an_answer_that_failed_counts_neither_for_nor_against_the_parent(a_project: Project) -> None:
    def broken(question: Question) -> str:
        return "not an option" if isinstance(question.form, Choice) else knowing_reply(question)

    parent = first(a_project).taxonomy
    version = update(parent, FOUR, start=len(THREE), chat=ScriptedChat(broken), embedder=EMBEDDER, project=a_project, version_id="tax:second")
    assert version.taxonomy.rating is None


def test_the_review_drops_what_is_too_small_but_keeps_enough(a_project: Project) -> None:
    parent = first(a_project, FOUR).taxonomy
    draft = Draft.from_taxonomy("tax:x", parent, FOUR)
    small = draft.add("Wet Boxes", "One text.", Group(()), "a test")
    swollen = draft.finish("update", use_case="x").taxonomy
    version = review(swollen, FOUR, chat=ScriptedChat(knowing_reply), embedder=EMBEDDER, project=a_project, version_id="tax:second")
    assert "Wet Boxes" not in version.taxonomy.names()
    assert [(change.kind, change.category_id) for change in version.changes if change.kind == "drop"] == [("drop", small)]
    assert "cites 0 documents" in version.changes[0].reason
    few = review(swollen, FOUR, chat=ScriptedChat(knowing_reply), embedder=EMBEDDER, project=sized(a_project, 5, 6), version_id="tax:third")
    assert "Wet Boxes" in few.taxonomy.names()


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["add", "split", "below", "rename", "merge", "drop", "cite"]),
        st.integers(0, 9),
        st.integers(0, 9),
        st.sets(st.integers(0, 26), max_size=6),
    ),
    max_size=12,
)


@given(EDITS)
@settings(max_examples=60, deadline=None)
def test_after_any_edits_each_document_is_cited_once_at_most_and_ids_stay(edits: list[tuple[str, int, int, set[int]]]) -> None:
    draft = Draft("tax:law", THREE)
    for kind, one, other, indices in edits:
        apply(draft, kind, one, other, indices)
        all_cited = [index for found in draft.groups.values() for index in found.indices]
        assert len(all_cited) == len(set(all_cited))
        assert set(draft.categories) == set(draft.groups)
        assert sorted([*all_cited, *draft.uncited()]) == list(range(len(THREE)))
        assert {category.parent_id for category in draft.categories.values()} <= {None, *draft.categories}
    version = draft.finish("update", use_case="x")
    again = Draft.from_taxonomy("tax:again", version.taxonomy, THREE)
    assert {key: set(found.indices) for key, found in again.groups.items()} == {key: set(found.indices) for key, found in draft.groups.items()}
    new = [change.category_id for change in version.changes if change.kind in {"add", "split"}]
    assert len(set(new)) == len(new)
    assert len(version.taxonomy.categories) == len(draft.categories), "each category is in the tree once"


def _upwards(draft: Draft, key: str | None) -> list[str]:
    return [] if key is None else [key, *_upwards(draft, draft.categories[key].parent_id)]


def apply(draft: Draft, kind: str, one: int, other: int, indices: set[int]) -> None:
    keys = list(draft.categories)
    if kind == "add":
        draft.add(f"Name {one}", "d", Group(tuple(sorted(indices & set(draft.uncited())))), "law")
    elif keys and kind == "split":
        key = keys[one % len(keys)]
        draft.split(key, f"Part {other}", "d", Group(tuple(sorted(indices & set(draft.groups[key].indices)))), "law")
    elif keys and kind == "below":
        key, above = keys[one % len(keys)], keys[other % len(keys)]
        if key in _upwards(draft, above):
            with pytest.raises(ValueError, match="cannot lie below itself"):
                draft.move_below(key, above, "law")
        else:
            draft.move_below(key, above, "law")
    elif keys and kind == "rename":
        before = set(keys)
        draft.rename(keys[one % len(keys)], f"New {other}", "d", "law")
        assert set(draft.categories) == before, "a renamed category stays the same category"
    elif keys and kind == "drop":
        draft.drop(keys[one % len(keys)], "law")
    elif keys and kind == "cite" and indices:
        draft.cite(keys[one % len(keys)], sorted(indices), "law")
    elif len(keys) > 1 and kind == "merge" and keys[one % len(keys)] != keys[other % len(keys)]:
        draft.merge(keys[one % len(keys)], keys[other % len(keys)], "law")


CHANGES: list[tuple[Callable[[dict[str, Any]], Any], bool]] = [
    (lambda whole: whole.update(use_case="another"), False),
    (lambda whole: whole.update(seed=1), False),
    (lambda whole: whole["taxonomy"].update(sample=99), False),
    (lambda whole: whole["annotation"].update(max_words=50), False),
    (lambda whole: whole["annotation"].update(long_documents="tail"), False),
    (lambda whole: whole["annotation"].update(long_documents="head"), True),
    (lambda whole: whole["annotation"].update(sample=99), True),
    (lambda whole: whole["students"][0].update(folds=3), True),
    (lambda whole: whole["engine"].update(concurrency=9), True),
    (lambda whole: whole.update(name="other"), True),
]


@pytest.mark.parametrize(("change", "same"), CHANGES)
def test_a_version_has_another_id_exactly_when_what_makes_it_changes(a_project: Project, change: Callable[[dict[str, Any]], Any], same: bool) -> None:
    def key(project: Project, *, model: str = "m", stage: str = "generate", sample: Sample = THREE) -> str:
        return version_id(stage, 0, None, sample.seen, project=project, model=model)  # type: ignore[arg-type]

    whole = a_project.model_dump(mode="json")
    change(whole)
    assert (key(Project.model_validate(whole)) == key(a_project)) is same
    assert len({key(a_project), key(a_project, model="n"), key(a_project, stage="review"), key(a_project, sample=FOUR)}) == 4
