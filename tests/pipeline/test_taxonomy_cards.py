"""Cards and guide: real documents by vectors, cues by counts, and of what the model writes only what holds and helps."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ids import text_hash
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Answer, Choice, Question
from pipeline.settings import Project
from pipeline.taxonomy.cards import describe
from pipeline.taxonomy.cards_contrast import Contrast
from pipeline.taxonomy.cards_cues import Terms
from pipeline.taxonomy.cards_definition import Definer, Definitions, gains_of, why_unfit
from pipeline.taxonomy.cards_guide import break_ties
from pipeline.taxonomy.cards_wording import Wording, wording
from pipeline.taxonomy.sample import Group, Sample, unit
from pipeline.taxonomy.versions import Draft, Version
from pipeline.testing import ScriptedChat
from tests.tiny import TinyEmbedder

EMBEDDER = TinyEmbedder()
GROUPS: Mapping[str, Sequence[str]] = {
    "Late Parcels": [
        "my parcel is late again",
        "the parcel never came to my door",
        "where is the late parcel from monday",
        "the courier lost my parcel",
        "a parcel refund please, the parcel is late",
        "is the parcel refund on its way, courier",
    ],
    "Refunds": [
        "i want a refund for the invoice",
        "the refund is still missing",
        "wrong invoice, send the refund",
        "no refund came for my invoice",
        "refund the parcel, it is on the invoice",
        "an invoice and a refund for the parcel",
    ],
    "Opening Hours": ["when does the shop open", "is the shop open on sunday", "when does the shop close", "how long is the shop open"],
}
DEFINITION = "Parcels that arrive late, at the wrong door, or never."
TIE = json.dumps({"first": "it asks where a parcel stays", "second": "it asks for money of an invoice"})


def a_project(**changes: Any) -> Project:
    given = {"name": "cards", "use_case": "what does the customer write about", "corpus": {"path": "x", "format": "hub"}}
    return Project.model_validate(given | changes)


PROJECT = a_project()


def make_texts(groups: Mapping[str, Sequence[str]]) -> Sample:
    """Represent texts by hashed words, with their first two words as the phrase."""
    texts = tuple(text for members in groups.values() for text in members)
    phrases = tuple(" ".join(text.split()[:2]) for text in texts)
    return Sample(tuple(map(text_hash, texts)), texts, phrases, EMBEDDER.embed(texts))


def make_points(rows: Sequence[Sequence[float]]) -> Sample:
    """Represent documents by vectors alone."""
    names = tuple(f"text {place}" for place in range(len(rows)))
    return Sample(names, names, names, unit(np.array(rows, dtype=np.float32).reshape(len(rows), -1 if rows else 2)))


def taxonomy_of(categories: Sequence[Category]) -> Taxonomy:
    return Taxonomy("tax:parent", "select", 3, None, PROJECT.use_case, "clusters", tuple(categories))


def parent_of(groups: Mapping[str, Sequence[str]], **changes: Any) -> Taxonomy:
    return taxonomy_of(
        [Category(name, name, f"About {name.lower()} here.", members=tuple(map(text_hash, texts)), **changes) for name, texts in groups.items()]
    )


def draft_of(sample: Sample, members: Mapping[str, Sequence[int]], above: Mapping[str, str] | None = None) -> Draft:
    cited = {key: tuple(sample.hashes[index] for index in indices) for key, indices in members.items()}
    categories = [Category(key, key, f"About {key}.", (above or {}).get(key), members=cited[key]) for key in members]
    return Draft.from_taxonomy("tax:new", taxonomy_of(categories), sample)


def contrast_of(sample: Sample, members: Mapping[str, Sequence[int]], above: Mapping[str, str] | None = None) -> Contrast:
    return Contrast(draft_of(sample, members, above), embedder=EMBEDDER)


def kind(question: Question) -> str:
    return question.prompt.split("@")[0]


def reply(question: Question) -> str:
    """Choose the first option, and write what will do."""
    if isinstance(question.form, Choice):
        return question.form.options[0]
    return TIE if kind(question) == "tie_break" else DEFINITION


def run(
    groups: Mapping[str, Sequence[str]] = GROUPS, answer: Callable[[Question], str | Answer] = reply, project: Project = PROJECT, **changes: Any
) -> tuple[Version, ScriptedChat]:
    chat = ScriptedChat(answer)
    parent = parent_of(groups, **changes)
    return describe(parent, make_texts(groups), chat=chat, embedder=EMBEDDER, project=project, version_id="tax:new"), chat


def card(version: Version, name: str) -> Category:
    return version.taxonomy.by_name(name)


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


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (DEFINITION, None),
        ("", "no more than a name"),
        ("Late parcels.", "no more than a name"),
        ("Refunds.", "no more than a name"),
        ("A parcel " + "and another " * 20, "longer than 24 words"),
        ("Texts of customers whose parcel is late.", "speaks of texts"),
        ("This group and category covers late parcels.", "speaks of category and group"),
        ("Parcels here, parcels there and other parcels.", "over and over"),
        ("What the customer writes about.", "only repeats the question"),
        ("Says what does the customer mean with parcels.", "repeats what it was shown"),
        ("Where is my late parcel now, courier.", "repeats what it was shown"),
        ("Pakete, die nicht mit der Post kommen und sich verspäten.", "another language (German)"),
        ("Посылки, которые опаздывают.", "another language (Cyrillic script)"),
    ],
)
def test_a_line_that_is_no_definition_is_refused_with_the_reason(line: str, reason: str | None) -> None:
    found = why_unfit(
        line, name="Late Parcels", use_case=PROJECT.use_case, language="English", beside="Refunds", echoes=["where is my late parcel today"]
    )
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_a_banned_word_that_the_category_is_about_is_none() -> None:
    about = {"name": "Messages", "use_case": "what is wanted", "language": "English"}
    assert why_unfit("Sending and reading text messages.", **about, known=["text message"]) is None  # type: ignore[arg-type]
    assert why_unfit("Reading texts from a friend.", **about) is not None  # type: ignore[arg-type]
    assert why_unfit("Reading texts from a friend.", **about, known=["unread texts"]) is None  # type: ignore[arg-type]


def judged(old: float, new: float) -> Callable[[Question], str | Answer]:
    """Give the right name this probability with the old descriptions and with the new one."""

    def answer(question: Question) -> str | Answer:
        if not isinstance(question.form, Choice):
            return reply(question)
        first, second = question.form.options
        text = question.messages[-1].content.removeprefix("<text>").removesuffix("</text>")
        right = next(name for name, texts in GROUPS.items() if text in texts)
        sure = new if DEFINITION in question.messages[0].content else old
        scores = {name: math.log(sure if name == right else 1 - sure) for name in (first, second)}
        return Answer("ok", text=max(scores, key=lambda name: scores[name]), scores=scores)

    return answer


def measures(version: Version) -> dict[str, tuple[float, int]]:
    return {measure.metric: (round(measure.value, 6), measure.n) for measure in version.measures}


def test_a_definition_that_helps_to_choose_replaces_the_description() -> None:
    version, chat = run(answer=judged(0.3, 0.8))
    assert card(version, "Late Parcels").description == card(version, "Refunds").description == DEFINITION
    found = measures(version)
    assert found["told_apart"] == (0.3, 8)
    assert found["definition_gain"] == (0.5, 2)
    assert found["definition_gain:Refunds"] == (0.5, 4)
    assert found["definitions_kept"] == (1.0, 2)
    assert {measure.judge for measure in version.measures} == {chat.model}
    assert {measure.taxonomy_id for measure in version.measures} == {"tax:new"}


def test_a_definition_that_is_worse_leaves_the_description_as_it_was() -> None:
    version, _ = run(answer=judged(0.3, 0.2))
    assert card(version, "Late Parcels").description == "About late parcels here."
    assert measures(version)["definition_gain"] == (-0.1, 2)
    assert measures(version)["definitions_kept"] == (0.0, 2)


def test_a_description_that_will_do_gives_way_only_to_a_gain_and_an_unfit_one_to_what_is_no_worse() -> None:
    same = judged(0.3, 0.3)
    assert card(run(answer=same)[0], "Refunds").description == "About refunds here."
    parent = taxonomy_of([replace(category, description=f"Texts about {category.name}.") for category in parent_of(GROUPS).categories])
    version = describe(parent, make_texts(GROUPS), chat=ScriptedChat(same), embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert card(version, "Refunds").description == DEFINITION
    worse = ScriptedChat(judged(0.3, 0.29))
    version = describe(parent, make_texts(GROUPS), chat=worse, embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert card(version, "Refunds").description == "Texts about Refunds."


def test_parts_of_a_list_that_say_nothing_new_are_left_out() -> None:
    def listing(question: Question) -> str | Answer:
        return "Late, lost, late lost, and missing parcels, missing" if kind(question) == "card_definition" else judged(0.3, 0.3)(question)

    parent = taxonomy_of([replace(category, description="") for category in parent_of(GROUPS).categories])
    version = describe(parent, make_texts(GROUPS), chat=ScriptedChat(listing), embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert card(version, "Late Parcels").description == "Late, lost, and missing parcels."


def test_a_description_that_tells_all_apart_is_left_as_it_is_and_none_is_written() -> None:
    version, chat = run(answer=judged(0.9, 0.95))
    assert card(version, "Late Parcels").description == "About late parcels here."
    assert not [question for question in chat.questions if kind(question) == "card_definition"]
    assert measures(version) == {"told_apart": (0.9, 8)}


def test_no_text_is_both_shown_to_the_writer_and_used_to_try_its_definition() -> None:
    _, chat = run(answer=judged(0.3, 0.8))
    written = "\n".join(question.messages[-1].content for question in chat.questions if kind(question) == "card_definition")
    tried = {
        question.messages[-1].content.removeprefix("<text>").removesuffix("</text>") for question in chat.questions if kind(question) == "card_check"
    }
    assert tried
    assert not [text for text in tried if text in written]


def test_the_questions_about_a_category_are_few_and_none_is_asked_twice() -> None:
    _, chat = run(answer=judged(0.3, 0.8))
    keys = [question.key("m") for question in chat.questions]
    assert len(set(keys)) == len(keys)
    assert sum(kind(question) == "card_check" for question in chat.questions) <= 12 * 2
    assert all("Opening Hours" not in question.messages[0].content for question in chat.questions), "nothing is mixed up with it"


def test_an_unfit_description_is_written_anew_where_nothing_is_confusable() -> None:
    groups = {"Refunds": GROUPS["Refunds"][:4], "Opening Hours": GROUPS["Opening Hours"]}
    parent = taxonomy_of([replace(category, description="Texts about it.") for category in parent_of(groups).categories])
    chat = ScriptedChat(reply)
    version = describe(parent, make_texts(groups), chat=chat, embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert [category.description for category in version.taxonomy.categories] == [DEFINITION, DEFINITION]
    assert [kind(question) for question in chat.questions] == ["card_definition"] * 2
    assert [measure.metric for measure in version.measures] == ["definitions_kept"]


@pytest.mark.parametrize("answer", ["", "Texts.", "Refunds", "Der Kunde will von uns sein Geld und nicht mehr."])
def test_where_the_model_defines_nothing_the_description_stays_or_the_phrases_say_it(answer: str) -> None:
    def bad(question: Question) -> str:
        return reply(question) if isinstance(question.form, Choice) else answer

    stays, _ = run(answer=bad)
    assert card(stays, "Refunds").description == "About refunds here."
    groups = {name: GROUPS[name] for name in ("Refunds", "Opening Hours")}
    parent = taxonomy_of([replace(category, description="") for category in parent_of(groups).categories])
    version = describe(parent, make_texts(groups), chat=ScriptedChat(bad), embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert card(version, "Opening Hours").description == "When does, is the, how long."


def test_gain_counts_only_what_was_answered_both_times() -> None:
    assert gains_of([0.5, None, 0.1], [0.6, 0.9, None]) == pytest.approx([0.1])
    assert gains_of([None], [0.9]) == []
    assert Definitions({}, {"a": [None]}, {"a": [None]}, 0, 0).measures("t", "m") == []


# Exclusions, tie-breakers and guide


def test_an_exclusion_names_what_both_say_and_where_it_belongs() -> None:
    version, _ = run()
    assert card(version, "Late Parcels").exclusions[0] == "What is mainly about “refund” (belongs in Refunds)."
    assert card(version, "Opening Hours").exclusions == (
        f"{described(version, 'Opening Hours').rstrip('.')} (belongs in {nearest(version, 'Opening Hours')}).",
    )


def nearest(version: Version, name: str) -> str:
    contrast = Contrast(Draft.from_taxonomy("tax:again", version.taxonomy, make_texts(GROUPS)), embedder=EMBEDDER)
    return contrast.siblings(name)[0]


def described(version: Version, name: str) -> str:
    return card(version, nearest(version, name)).description


def test_given_categories_without_members_get_exclusions_by_names_alone_and_no_question() -> None:
    chat = ScriptedChat([])
    given = taxonomy_of([Category("a", "Late Parcels", ""), Category("b", "Lost Parcels", "Never came."), Category("c", "Opening Hours", "")])
    version = describe(given, make_points([]), chat=chat, embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert [category.exclusions for category in version.taxonomy.categories] == [
        ("Never came (belongs in Lost Parcels).",),
        ("What fits Late Parcels better.",),
        ("What fits Late Parcels better.",),
    ]
    assert chat.questions == []
    assert version.taxonomy.guide.count("### ") == 3
    assert [category.cues for category in version.taxonomy.categories] == [()] * 3


def both(first: str, second: str) -> str:
    return json.dumps({"first": first, "second": second})


def ties_of(answer: str, groups: Mapping[str, Sequence[str]] = GROUPS) -> list[Any]:
    draft = Draft.from_taxonomy("tax:new", parent_of(groups), make_texts(groups))
    contrast, terms = Contrast(draft, embedder=EMBEDDER), Terms(draft.sample)
    for key in contrast.groups:
        draft.card(key, cues=tuple(terms.cues(contrast.groups[key], contrast.beside(key))))
    return break_ties(contrast, draft.categories, chat=ScriptedChat(lambda _: answer), project=PROJECT)


def test_a_tie_breaker_has_both_names_and_what_the_model_says_of_each() -> None:
    (tie,) = ties_of(TIE)
    assert tie.line == "**Late Parcels** if it asks where a parcel stays; **Refunds** if it asks for money of an invoice."
    assert tie.by_model


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "it asks where a parcel stays | it asks for money of an invoice",
        both("it asks for an invoice", "it asks for an invoice"),
        both("it asks where a parcel stays", "it says it"),
        both("it asks for late parcels of today", "it asks for money of an invoice"),
        both("it asks for money of an invoice", "it asks where a parcel stays"),
        both("it asks where a parcel stays", "it asks where a courier is"),
        both("it asks for money of an invoice", "it asks for a missing refund"),
        both("er fragt, wo das parcel ist und nicht war", "er will sein Geld von der invoice"),
        both("it asks " + "a " * 20 + "parcel", "it asks for money of an invoice"),
    ],
)
def test_a_tie_breaker_that_tells_nothing_apart_is_made_of_cues(answer: str) -> None:
    (tie,) = ties_of(answer)
    assert not tie.by_model
    assert tie.line.startswith("**Late Parcels** if it says “")
    assert "; **Refunds** if it says “refund” or “invoice”." in tie.line


def test_a_tie_breaker_of_cues_leaves_out_what_both_have_and_falls_back_on_the_descriptions() -> None:
    draft = Draft.from_taxonomy("tax:new", parent_of(GROUPS), make_texts(GROUPS))
    contrast, silent = Contrast(draft, embedder=EMBEDDER), ScriptedChat(lambda _: "")
    cued = {"Late Parcels": ("who", "parcel"), "Refunds": ("who", "refund"), "Opening Hours": ()}
    categories = {key: replace(category, cues=cued[key]) for key, category in draft.categories.items()}
    (tie,) = break_ties(contrast, categories, chat=silent, project=PROJECT)
    assert tie.line == "**Late Parcels** if it says “parcel”; **Refunds** if it says “refund”."
    (tie,) = break_ties(contrast, {key: replace(category, cues=("who",)) for key, category in categories.items()}, chat=silent, project=PROJECT)
    assert tie.line == "**Late Parcels**: About late parcels here; **Refunds**: About refunds here."


def test_the_guide_opens_with_the_use_case_and_holds_cards_and_tie_breakers() -> None:
    version, _ = run()
    guide = version.taxonomy.guide
    opening, cards, ties = guide.partition("## Categories")[0], *guide.partition("## Categories")[2].split("## Tie-breakers")
    assert opening.startswith("# Labelling guide\n\nWhat is to be learned: **what does the customer write about**\n\n1. ")
    assert "**None of these** is for" in opening
    assert cards.count("\n### ") == 3
    for category in version.taxonomy.categories:
        assert f"### {category.name}\n\n{category.description}\n\n- **Look for:** {' · '.join(category.cues)}\n- **Examples:** “" in cards
    assert "- **Near miss:** “refund the parcel, it is on the invoice” (belongs in Refunds)\n- **Not here:** What is" in cards
    assert ties.startswith("\n\n- *Late Parcels* or *Refunds*? **Late Parcels** if ")
    assert guide.endswith(".\n")


def test_the_facet_question_is_in_the_guide() -> None:
    sample = replace(make_texts(GROUPS), question="What is wrong?")
    version = describe(parent_of(GROUPS), sample, chat=ScriptedChat(reply), embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    assert "**what does the customer write about**  \nAsk of each text: **What is wrong?**" in version.taxonomy.guide


def test_a_document_cannot_break_out_of_its_place_in_the_guide() -> None:
    hostile = "# refund\n\n- <script>*boom*</script> [click](http://x) `refund` _now_ \x1b[0m" + " word" * 60
    groups = {"Refunds": [hostile], "Opening *Hours*": ["when does the shop open"]}
    version, _ = run(groups)
    (line,) = [line for line in version.taxonomy.guide.splitlines() if "boom" in line and "Examples" in line]
    assert r"“\# refund - \<script>\*boom\*\</script> [click\](http://x) \`refund\` \_now\_ [0m" in line
    assert line.endswith(" …”")
    assert "### Opening \\*Hours\\*" in version.taxonomy.guide
    assert card(version, "Refunds").examples == (text_hash(hostile),)


def test_the_guide_follows_the_hierarchy() -> None:
    sample = make_texts(GROUPS)
    top = Category("top", "Orders", "Orders and money.")
    leaves = [replace(category, parent_id="top" if category.name != "Opening Hours" else None) for category in parent_of(GROUPS).categories]
    version = describe(taxonomy_of([*leaves, top]), sample, chat=ScriptedChat(reply), embedder=EMBEDDER, project=PROJECT, version_id="tax:new")
    heads = [line for line in version.taxonomy.guide.splitlines() if line.startswith("###")]
    assert heads == ["### Opening Hours", "### Orders", "#### Late Parcels", "#### Refunds"]
    orders = card(version, "Orders")
    assert orders.members == ()
    assert orders.near_misses == ()
    assert len(orders.examples) == 2
    assert set(orders.examples) <= set(map(text_hash, [*GROUPS["Late Parcels"], *GROUPS["Refunds"]]))


def test_card_and_guide_are_in_the_language_asked_for() -> None:
    german = "Pakete, die nicht mit der Post kommen oder sich verspäten."
    project = a_project(taxonomy={"language": "German"})
    version, chat = run(answer=lambda question: judged(0.3, 0.8)(question) if isinstance(question.form, Choice) else german, project=project)
    assert card(version, "Late Parcels").exclusions[0] == "Was vor allem „refund“ betrifft (gehört zu Refunds)."
    assert version.taxonomy.guide.startswith("# Leitfaden zum Zuordnen\n\nWas herausgefunden werden soll: **")
    assert all("in German" in question.messages[0].content for question in chat.questions if not isinstance(question.form, Choice))
    own, _ = run(project=a_project(taxonomy={"language": "document"}))
    assert own.taxonomy.guide.startswith("# Labelling guide")


def test_every_language_has_words_that_take_the_same_places() -> None:
    places = {}
    for language in ("English", "German", "French", "Spanish"):
        words = wording(language)
        given = words.model_dump()
        assert words.listed(["a", "b"]) != words.listed(["a"]) != words.listed([]) == ""
        places[language] = {
            name: sorted(part[1:-1] for part in str(text).split("{")[1:] for part in ["{" + part.split("}")[0] + "}"]) for name, text in given.items()
        }
        assert wording(language.lower()) is words
    assert len({json.dumps(found, sort_keys=True) for found in places.values()}) == 1
    assert wording("Klingon") is wording("English")
    assert set(Wording.model_fields) - {"either"} == set(yaml.safe_load(wording("English").model_dump_json())) - {"either"}


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
