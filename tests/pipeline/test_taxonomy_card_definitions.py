"""A definition takes the place of a description only where it helps to choose, and says nothing that members do not."""

from dataclasses import replace

import pytest

from pipeline.records import Category
from pipeline.serving.contract import Answer, Choice, Question
from pipeline.taxonomy.cards import describe
from pipeline.taxonomy.cards_contrast import Contrast
from pipeline.taxonomy.cards_definition import Definitions, gains_of, why_unfit
from pipeline.taxonomy.versions import Draft, Version
from pipeline.testing import ScriptedChat
from tests.cards import DEFINITION, EMBEDDER, GROUPS, PROJECT, card, judged, kind, make_points, make_texts, parent_of, reply, run, taxonomy_of

# Cues


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
