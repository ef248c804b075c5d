"""Cards and guide: real documents by vectors, cues by counts, and of what the model writes only what holds and helps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.serving.contract import Choice
from pipeline.taxonomy.cards import describe
from pipeline.taxonomy.cards_cues import Terms
from pipeline.taxonomy.cards_definition import Definer, Definitions
from pipeline.taxonomy.sample import Group
from pipeline.testing import ScriptedChat
from tests.cards import EMBEDDER, GROUPS, PROJECT, card, contrast_of, judged, kind, make_points, make_texts, parent_of, reply, run, taxonomy_of

# Cues


def test_cues_are_words_that_members_have_and_siblings_have_not() -> None:
    version, _ = run()
    assert card(version, "Refunds").cues[:2] == ("refund", "invoice")
    assert card(version, "Opening Hours").cues == ("shop open",)
    assert not {"refund", "invoice"} & set(card(version, "Late Parcels").cues)


def test_a_word_that_says_what_kind_of_answer_is_wanted_is_a_cue_and_other_little_words_are_none() -> None:
    texts = [f"{asking} is the thing number{place}" for asking in ("who", "where") for place in range(30)]
    people, places = Group(tuple(range(30))), Group(tuple(range(30, 60)))
    terms = Terms(make_texts({"all": texts}))
    assert terms.cues(people, places) == ["who"]
    assert terms.cues(places, people) == ["where"]


def test_two_words_take_the_place_of_one_where_they_stand_for_the_same_documents() -> None:
    lost = [f"my credit card number{place} is gone" for place in range(8)]
    sample = make_texts({"all": [*lost, *(f"the bus number{place} is late" for place in range(8))]})
    assert Terms(sample).cues(Group(tuple(range(8))), Group(tuple(range(8, 16))))[0] == "credit card"


def test_a_word_that_siblings_have_half_as_often_is_no_cue() -> None:
    inside = ["urgent parcel", "a parcel so urgent"] * 20
    often, seldom = (["urgent invoice letter stamp form"] * count + ["invoice letter stamp form"] * (40 - count) for count in (24, 4))
    cues = [Terms(make_texts({"all": [*inside, *outside]})).cues(Group(tuple(range(40))), Group(tuple(range(40, 80)))) for outside in (often, seldom)]
    assert list(map(sorted, cues)) == [["parcel"], ["parcel", "urgent"]]


def test_a_word_of_the_phrases_alone_is_no_cue() -> None:
    sample = make_texts({"all": [f"a parcel {place}" for place in "abcdefgh"] + [f"an invoice {place}" for place in "abcdefgh"]})
    told = replace(sample, phrases=("zebra",) * 8 + ("other",) * 8)
    assert Terms(told).cues(Group(tuple(range(8))), Group(tuple(range(8, 16)))) == ["parcel"]


@pytest.mark.parametrize("texts", [[], ["...", "?!"], ["the of and", "is it"]])
def test_texts_without_a_telling_word_have_no_cues(texts: list[str]) -> None:
    terms = Terms(make_texts({"all": texts}))
    half = len(texts) // 2
    assert terms.cues(Group(tuple(range(half))), Group(tuple(range(half, len(texts))))) == []
    assert terms.shared(["refund"], Group(tuple(range(len(texts))))) == []


WORDS = st.lists(st.sampled_from("refund invoice parcel courier shop open who when the is".split()), min_size=0, max_size=6).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=12), st.lists(WORDS, min_size=1, max_size=12))
def test_each_cue_is_said_by_members_and_more_often_than_by_siblings(inside: list[str], outside: list[str]) -> None:
    texts = [*inside, *outside]
    sample = replace(make_texts({"all": texts}), phrases=("",) * len(texts))
    cues = Terms(sample).cues(Group(tuple(range(len(inside)))), Group(tuple(range(len(inside), len(texts)))))
    assert len(cues) <= 6
    for cue in cues:
        shares = [sum(f" {cue} " in f" {text} " for text in part) / len(part) for part in (inside, outside)]
        assert shares[0] > shares[1]
    assert cues == Terms(sample).cues(Group(tuple(range(len(inside)))), Group(tuple(range(len(inside), len(texts)))))


# What lies beside a category

TWO = {"east": [0, 1, 2, 3], "north": [4, 5, 6, 7]}
ANGLES = (0, 5, 10, 35, 90, 85, 80, 60)


def at(*degrees: float) -> list[tuple[float, float]]:
    return [(math.cos(math.radians(angle)), math.sin(math.radians(angle))) for angle in degrees]


def test_examples_are_the_members_nearest_to_the_centre_that_are_no_near_duplicates() -> None:
    contrast = contrast_of(make_points(at(*ANGLES)), TWO)
    likeness = contrast.sample.vectors[:4] @ contrast.centres["east"]
    first, second = contrast.examples("east")
    assert first == int(likeness.argmax()) == 2
    assert second == 3, "the other two are nearly the same as the first"
    assert contrast.sample.vectors[first] @ contrast.sample.vectors[second] < 0.93


def test_what_lies_around_a_document_is_not_what_it_says() -> None:
    sample = make_points(at(*ANGLES))
    moved = replace(sample, vectors=make_points(at(*reversed(ANGLES))).vectors, alone=sample.vectors)
    assert contrast_of(moved, TWO).near_miss("east") == contrast_of(sample, TWO).near_miss("east") == 7


def test_identical_members_give_one_example() -> None:
    assert contrast_of(make_points([(1, 0)] * 4 + [(0, 1)] * 4), TWO).examples("east") == [0]


def test_the_near_miss_is_the_nearest_document_of_the_nearest_sibling() -> None:
    contrast = contrast_of(make_points(at(*ANGLES, 180, 185)), TWO | {"west": [8, 9]})
    assert contrast.siblings("east") == ["north", "west"]
    assert contrast.near_miss("east") == 7
    assert contrast.home("text 7") == ("north", True)


def test_a_document_that_lies_nearer_here_than_at_home_is_no_near_miss_while_there_is_another() -> None:
    assert contrast_of(make_points(at(*ANGLES[:7], -15)), TWO).near_miss("east") == 6
    assert contrast_of(make_points(at(0, 30, 6)), {"east": [0, 1], "north": [2]}).near_miss("east") == 2, "there is no other"


def test_a_near_miss_is_no_near_duplicate_of_an_example() -> None:
    contrast = contrast_of(make_points(at(0, 5, 10, 40, 90, 85, 80, 50)), TWO)
    assert contrast.examples("east") == [2, 3]
    assert contrast.near_miss("east") == 6, "the document at 50 degrees shows what the one at 40 shows"


def test_an_uncited_document_may_be_the_near_miss_of_a_category_that_is_not_the_nearest() -> None:
    contrast = contrast_of(make_points(at(*ANGLES)), {"east": [0, 1, 2, 3], "north": [4, 5, 6]})
    assert contrast.near_miss("east") == 7
    assert contrast.home("text 7") == ("north", False)
    assert contrast.near_miss("north") == 3, "an uncited document that is most like a category is none of its near misses"


def test_near_misses_come_from_the_same_parent_first_and_only_leaves_have_them() -> None:
    points = [(1, 0.1, 0), (1, 0.2, 0), (1, 0.3, 0), (0, 0, 1), (0, 0.1, 1), (1, 0, 1)]
    members: dict[str, Sequence[int]] = {"top": [], "a": [0, 1], "b": [3, 4], "other": [2], "last": [5]}
    contrast = contrast_of(make_points(points), members, {"a": "top", "b": "top"})
    assert contrast.groups["top"].indices and set(contrast.groups["top"].indices) == {0, 1, 3, 4}
    assert contrast.rival("a") == "b", "though other is nearer"
    assert contrast.near_miss("a") in {3, 4}
    assert contrast.near_miss("top") is None
    assert contrast.rival("other") == "last"
    only = contrast_of(make_points(points), {"top": [], "a": [0, 1], "other": [2]}, {"a": "top"})
    assert only.rival("a") == "other", "an only child is told from leaves elsewhere"


def test_categories_without_members_are_told_apart_by_their_names() -> None:
    names = {"late parcel": [], "opening hours": [], "parcel delivery": []}
    contrast = contrast_of(make_points([]), names)
    assert contrast.siblings("late parcel") == ["parcel delivery", "opening hours"]
    assert contrast.pairs == []
    assert contrast.examples("late parcel") == []
    assert contrast.near_miss("late parcel") is None


def test_pairs_with_close_calls_are_confusable_and_others_are_not() -> None:
    contrast = contrast_of(make_points(at(0, 5, 10, 40, 90, 85, 80, 50, 225, 220)), TWO | {"away": [8, 9]})
    assert [(pair.first, pair.second) for pair in contrast.pairs] == [("east", "north")]
    assert contrast.pairs[0].calls == pytest.approx(2 / 8)
    assert contrast.confusable("north", "east")
    assert not contrast.confusable("east", "away")


def test_at_most_ten_pairs_are_told_apart() -> None:
    rows = [(1, place / 40) for place in range(12)]
    assert len(contrast_of(make_points(rows), {str(place): [place] for place in range(12)}).pairs) == 10


# Definitions


# What a person keeps, and bad input


def test_what_a_person_keeps_stays_and_only_empty_parts_are_filled() -> None:
    for status in ("locked", "frozen"):
        version, chat = run(answer=judged(0.3, 0.8), status=status, cues=("mine",), near_misses=("text:mine",))
        for category in version.taxonomy.categories:
            assert category.description == f"About {category.name.lower()} here."
            assert (category.cues, category.near_misses) == (("mine",), ("text:mine",))
            assert category.examples
            assert category.exclusions
        assert not [question for question in chat.questions if kind(question) == "card_definition"]


def test_an_open_category_is_described_anew_but_nothing_found_replaces_nothing() -> None:
    version, _ = run(cues=("old",), exclusions=("old.",))
    assert "old" not in card(version, "Refunds").cues
    alone, _ = run({"Refunds": GROUPS["Refunds"]}, cues=("old",), exclusions=("old.",))
    assert (card(alone, "Refunds").cues, card(alone, "Refunds").exclusions) == (("old",), ("old.",))


def test_the_version_goes_on_from_its_parent_and_changes_no_name_member_or_place() -> None:
    version, _ = run()
    parent = parent_of(GROUPS)
    assert version.changes == ()
    assert (version.taxonomy.stage, version.taxonomy.step, version.taxonomy.parent_id) == ("describe", 4, "tax:parent")
    assert (version.taxonomy.taxonomy_id, version.taxonomy.method, version.taxonomy.use_case) == ("tax:new", "clusters", PROJECT.use_case)
    assert {(category.category_id, category.name, category.members) for category in version.taxonomy.categories} == {
        (category.category_id, category.name, category.members) for category in parent.categories
    }


def test_every_document_on_a_card_is_one_of_the_sample_and_examples_are_members() -> None:
    version, _ = run()
    hashes = set(make_texts(GROUPS).hashes)
    for category in version.taxonomy.categories:
        assert set(category.examples) <= set(category.members)
        assert len(category.examples) == 2
        assert len(category.near_misses) == 1
        assert set(category.near_misses) <= hashes - set(category.members)


def test_the_same_answers_give_the_same_version() -> None:
    assert run(answer=judged(0.3, 0.8))[0] == run(answer=judged(0.3, 0.8))[0]


@pytest.mark.parametrize(
    "groups",
    [
        {"Refunds": ["refund please"], "Opening Hours": ["when does the shop open"]},
        {"Refunds": ["same text"] * 1, "Other Refunds": ["same text."]},
        {"Refunds": ["..."], "Hours": ["?"]},
        {"Refunds": ["refund please"]},
        {"Refunds": GROUPS["Refunds"], "Nobody": []},
    ],
)
@pytest.mark.parametrize("answer", ["Yes", "", "{name} {clause} | {text}"])
def test_small_and_odd_taxonomies_get_cards_whatever_the_model_says(groups: Mapping[str, Sequence[str]], answer: str) -> None:
    version, _ = run(groups, answer=lambda question: answer)
    assert sorted(version.taxonomy.names()) == sorted(groups)
    for category in version.taxonomy.categories:
        assert category.description
        assert len(category.examples) == min(1, len(category.members)) or len(groups[category.name]) > 1
        assert len(category.exclusions) == min(1, len(groups) - 1)
        assert f"### {category.name}" in version.taxonomy.guide


def test_two_categories_of_one_name_are_never_put_to_a_choice() -> None:
    categories = [replace(category, name="Money") for category in parent_of(GROUPS).categories[:2]]
    chat = ScriptedChat(reply)
    version = describe(taxonomy_of(categories), make_texts(GROUPS), chat=chat, embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert not [question for question in chat.questions if isinstance(question.form, Choice)]
    assert "Tie-breakers" not in version.taxonomy.guide


def test_a_definer_asks_of_nothing_where_there_is_no_member() -> None:
    chat = ScriptedChat([])
    found = Definer(contrast_of(make_points([]), {"a": [], "b": []}), chat, PROJECT).define()
    assert found == Definitions({"a": "About a.", "b": "About b."})
