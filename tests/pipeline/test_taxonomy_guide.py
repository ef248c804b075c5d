"""A labelling guide holds the cards and what tells confusable categories apart, in the language asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml

from pipeline.ids import text_hash
from pipeline.records import Category
from pipeline.serving.contract import Choice
from pipeline.taxonomy.cards import describe
from pipeline.taxonomy.cards_contrast import Contrast
from pipeline.taxonomy.cards_cues import Terms
from pipeline.taxonomy.cards_guide import break_ties
from pipeline.taxonomy.cards_wording import Wording, wording
from pipeline.taxonomy.versions import Draft
from pipeline.testing import ScriptedChat
from tests.cards import EMBEDDER, GROUPS, PROJECT, TIE, a_project, card, judged, make_texts, parent_of, reply, run, taxonomy_of

# Cues


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
