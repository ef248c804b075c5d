"""A model that groups by itself: what it answers is checked, told back to it, and kept as far as it is valid."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import TaxonomyError
from pipeline.serving.contract import Answer
from pipeline.settings import Project, SizeRange
from pipeline.taxonomy.grounded import generate_grounded, minibatch_bounds, update_grounded
from pipeline.testing import ScriptedChat
from tests.grounding import EMBEDDER, GROUPS, SAMPLE, edits, generated, groups, members, sample_of, sized, told


def test_categories_cite_the_documents_of_their_numbers(a_project: Project) -> None:
    version, questions = generated(sized(a_project, 2, 4), [groups(GROUPS)])
    assert members(version) == {
        "Parcels": {"late parcel", "lost parcel"}, "Refunds": {"invoice refund", "double charge"}, "Logins": {"login password", "locked account"},
        "Shop Hours": {"opening hours", "shop address"},
    }  # fmt: skip
    assert [len(category.members) for category in version.taxonomy.categories] == [11, 7, 4, 2]
    assert (version.taxonomy.stage, version.taxonomy.step, version.taxonomy.note) == ("generate", 0, "")
    assert [(change.kind, change.reason) for change in version.changes[:1]] == [("add", "11 documents with the phrases late parcel, lost parcel")]
    assert [(measure.metric, measure.value, measure.n, measure.judge) for measure in version.measures] == [
        ("citation_coverage", 1.0, 24, "citations")
    ]
    assert told(questions[0]).startswith("1. late parcel (6)\n2. lost parcel (5)\n3. invoice refund (4)")
    assert told(questions[0]).endswith("Group all 8 into 2 to 4 categories.")
    assert "it was asked: What is it?" in questions[0].messages[0].content


WRONG: list[tuple[dict[str, list[int]], str]] = [
    ({**GROUPS, "Parcels": [1, 2, 99]}, "Category 'Parcels' covers 99, and the numbers go from 1 to 8."),
    ({**GROUPS, "Post": [1, 2]}, "Category 'Post' covers no number that no other category covers."),
    ({**GROUPS, "Nothing": []}, "Category 'Nothing' covers no number"),
    ({"Parcels": [1, 2], "Refunds": [3, 4], "Other": [5, 6]}, "Category 3, 'Other': it is a catch-all."),
    ({"Parcels": [1, 2], "Refunds": [3, 4], "": [5, 6]}, "Category 3, '': it says nothing."),
    ({"Parcels": [1, 2], "Refunds": [3, 4], "What the Customer Writes": [5, 6]}, "it only repeats the question"),
    ({"Parcels": [1, 2], "Refunds": [3, 4], "x" * 99: [5, 6]}, "it is longer than 60 characters"),
    ({"Parcels": [1, 2], "Refunds": [3, 4], "Логины": [5, 6]}, "it is in Cyrillic script, and must be in English"),
    ({"Parcels": [1, 2], "Refunds": [3, 4], "The Parcel": [5, 6, 7, 8]}, "The names 'Parcels' and 'The Parcel' say the same"),
    ({"Parcels": [1], "Lost Ones": [2], "Refunds": [3], "Logins": [5], "Hours": [7]}, "There are 5 categories, and at most 4 may be."),
    ({"Late Goods": [1, 2, 3, 4, 5, 6, 7, 8]}, "Valid categories: 1; at least 2 are needed."),
    ({"Parcels": [1, 2], "Refunds": [3]}, 'No valid category covers 4 "double charge", 5 "login password", 6 "locked account"'),
]


@pytest.mark.parametrize(("found", "said"), WRONG)
def test_what_is_wrong_is_told_and_the_next_answer_is_taken(a_project: Project, found: dict[str, list[int]], said: str) -> None:
    version, questions = generated(sized(a_project, 2, 4), [groups(found), groups(GROUPS)])
    assert set(members(version)) == set(GROUPS)
    assert said in told(questions[1])
    assert questions[1].messages[-2].role == "assistant"
    assert json.loads(questions[1].messages[-2].content) == json.loads(groups(found)), "it is shown what it wrote"
    assert [round(question.temperature, 1) for question in questions] == [0.0, 0.1]
    assert len({question.key("m") for question in questions}) == 2


def test_all_that_is_wrong_is_told_at_once(a_project: Project) -> None:
    bad = groups({"Parcels": [1, 77], "Other": [2], "Parcel": [3], "Refunds": [1], "Miscellaneous Things": [4]})
    _, questions = generated(sized(a_project, 3, 4), [bad, groups(GROUPS)])
    mistakes = [line for line in told(questions[1]).splitlines() if line.startswith("- ")]
    assert len(mistakes) == 9
    kinds = (
        "at most 4",
        "catch-all",
        "catch-all",
        "covers 77",
        "say the same",
        "covers 1, which",
        "covers no number",
        "at least 3",
        "No valid category",
    )
    assert all(kind in mistake for kind, mistake in zip(kinds, mistakes, strict=True))


def test_a_number_cited_twice_counts_where_it_is_cited_first_and_is_not_asked_about(a_project: Project) -> None:
    version, questions = generated(sized(a_project, 2, 4), [groups({**GROUPS, "Refunds": [2, 3, 4, 4]})])
    assert len(questions) == 1
    assert members(version)["Refunds"] == {"invoice refund", "double charge"}
    assert "covers 2, which a category before it covers" in version.taxonomy.note


def test_two_categories_of_one_name_become_one_where_the_model_insists(a_project: Project) -> None:
    answer = groups({"Parcels": [1], "The Parcel": [2], "Refunds": [3, 4], "Parcel": [5, 6, 7, 8]})
    version, questions = generated(sized(a_project, 2, 4), [answer, answer])
    assert len(questions) == 2
    assert set(members(version)) == {"Parcels", "Refunds"}
    assert len(version.taxonomy.by_name("Parcels").members) == 17


def test_a_model_that_leaves_numbers_out_is_asked_once_more_and_then_they_wait(a_project: Project) -> None:
    answer = groups({"Parcels": [1, 2], "Refunds": [3]})
    version, questions = generated(sized(a_project, 2, 4), [answer, answer])
    assert len(questions) == 2
    assert version.measures[0].value == pytest.approx(15 / 24)
    assert "No valid category covers" in version.taxonomy.note


def test_after_all_repairs_what_is_valid_of_the_best_answer_is_kept(a_project: Project) -> None:
    worse = groups({"Parcels": [1], "Refunds": [3], "Other": [2, 4, 5, 6, 7, 8]})
    best = groups({"Late Ones": [1, 2, 77], "Refunds": [3, 4], "Other": [5, 6, 7, 8], "General": [88]})  # covers more, and has more wrong with it
    version, questions = generated(sized(a_project, 2, 4), [worse, worse, best, worse, worse, worse])
    assert [round(question.temperature, 1) for question in questions] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert set(members(version)) == {"Late Ones", "Refunds"}
    assert version.measures[0].value == pytest.approx(18 / 24)
    assert "it is a catch-all" in version.taxonomy.note


@pytest.mark.parametrize(
    ("reply", "asked", "said"),
    [
        (groups({"Other": [1, 2, 3], "General": [4, 5]}), 6, "Category 1, 'Other': it is a catch-all"),
        (groups({}), 6, "There is no valid category, and at least 2 are needed"),
        (groups({"Посылки": [1, 2], "Возвраты": [3, 4]}), 6, "Cyrillic script"),
        ("no json", 2, "the answer could not be read"),
        (Answer("truncated", error="the answer was cut off"), 2, "the answer was cut off"),
    ],
)
def test_where_nothing_valid_comes_the_error_says_what_was_wrong(a_project: Project, reply: "str | Answer", asked: int, said: str) -> None:
    chat = ScriptedChat(lambda _: reply)
    with pytest.raises(TaxonomyError, match="found no valid category for 8 phrases") as caught:
        generate_grounded(SAMPLE, chat=chat, embedder=EMBEDDER, project=sized(a_project, 2, 4), version_id="tax:1")
    assert said in str(caught.value)
    assert "taxonomy.grouping" in str(caught.value)
    assert len(chat.questions) == asked


def test_a_model_that_always_says_the_same_ends_with_what_is_valid_of_it(a_project: Project) -> None:
    version, questions = generated(sized(a_project, 2, 4), lambda _: groups({"Parcels": list(range(1, 9)), "Goods": list(range(1, 9))}))
    assert len(questions) == 6
    assert set(members(version)) == {"Parcels"}


def test_of_five_hundred_categories_the_largest_are_kept(a_project: Project) -> None:
    words = ["".join(chr(97 + number // 26**place % 26) for place in range(3)) for number in range(500)]
    answer = groups({f"Kind {word}": [place % 8 + 1] for place, word in enumerate(words)})
    version, questions = generated(sized(a_project, 2, 4), lambda _: answer)
    assert "There are 500 categories, and at most 4 may be." in told(questions[1])
    assert [len(category.members) for category in version.taxonomy.categories] == [6, 5, 4, 3]
    assert len(told(questions[1])) < 4000, "it is not told of each"


def test_names_in_another_language_are_refused_even_where_one_name_alone_shows_none(a_project: Project) -> None:
    german = sized(a_project, 2, 4, language="German")
    wrong = groups(GROUPS, Parcels="What is late and has been lost.", Refunds="Money that they are owed.")
    right = groups({"Pakete": [1, 2], "Geld": [3, 4], "Zugang": [5, 6], "Laden": [7, 8]}, Pakete="Was zu spät ist und nicht ankommt.")
    version, questions = generated(german, [wrong, right])
    assert set(members(version)) == {"Pakete", "Geld", "Zugang", "Laden"}
    assert told(questions[1]).count("it is in English, and must be in German") == 4
    document = sized(a_project, 2, 4, language="document")
    assert len(generated(document, [right, wrong])[1]) == 2, "where phrases are in the language of each document, names are English"


def test_names_of_which_the_language_is_not_known_are_let_pass(a_project: Project) -> None:
    version, questions = generated(sized(a_project, 2, 4, language="Quechua"), [groups(GROUPS)])
    assert (len(version.taxonomy.categories), len(questions)) == (4, 1)


@pytest.mark.parametrize("counts", [{"late parcel": 10}, {"late parcel": 1}, {}])
def test_what_cannot_be_grouped_is_said_before_anything_is_asked(a_project: Project, counts: dict[str, int]) -> None:
    chat = ScriptedChat([])
    if counts:
        with pytest.raises(TaxonomyError, match=f"There are {sum(counts.values())} documents with 1 phrases, and grouping needs at least 2"):
            generate_grounded(sample_of(counts), chat=chat, embedder=EMBEDDER, project=a_project, version_id="tax:1")
    assert chat.questions == []


@given(st.integers(2, 400), st.integers(2, 100), st.integers(0, 60))
def test_a_minibatch_is_asked_for_no_more_than_is_wanted_and_no_more_than_it_holds(phrases: int, low: int, more: int) -> None:
    fewest, most = minibatch_bounds(phrases, SizeRange(min=low, max=low + more))
    assert 1 <= fewest <= most <= min(phrases, low + more)
    assert fewest <= low
    assert phrases < 2 * (low + more) or (fewest, most) == (low, low + more)


def test_only_so_many_phrases_are_asked_for_and_the_others_come_with_the_next_minibatch(a_project: Project) -> None:
    project = sized(a_project, 2, 4)
    version, questions = generated(project, [groups({"Parcels": [1, 2], "Refunds": [3, 4]})], phrases=4)
    assert "4. double charge (3)" in told(questions[0])
    assert "login password" not in told(questions[0])
    later = ScriptedChat([edits({"kind": "add", "covers": [1, 2], "name": "Logins", "description": "Trouble with accounts."}, C1=[3, 4])])
    update = update_grounded(
        version.taxonomy, SAMPLE, start=len(SAMPLE), chat=later, embedder=EMBEDDER, project=project, version_id="tax:2", phrases=4
    )
    assert "1. login password (2)\n2. locked account (2)\n3. opening hours (1)\n4. shop address (1)" in told(later.questions[0])
    assert update.measures[0].value == 1.0
    assert update.taxonomy.rating is None, "there was no new minibatch to rate by"


def test_a_list_that_does_not_fit_the_context_is_shortened_and_so_is_a_repair(a_project: Project) -> None:
    project = sized(a_project, 2, 4)
    whole = ScriptedChat([groups(GROUPS)])
    generate_grounded(SAMPLE, chat=whole, embedder=EMBEDDER, project=project, version_id="tax:1")
    words = sum(len(message.content.split()) for message in whole.questions[0].messages) + whole.questions[0].max_tokens
    tight = ScriptedChat([groups({"Other": [1]}), groups(GROUPS)], context_words=words + 1)
    generate_grounded(SAMPLE, chat=tight, embedder=EMBEDDER, project=project, version_id="tax:1")
    assert [len(question.messages) for question in tight.questions] == [4, 4], "what was wrong is left out where there is no room for it"
    short = ScriptedChat([groups({"Parcels": [1, 2], "Refunds": [3, 4]})], context_words=words - 20)
    generate_grounded(SAMPLE, chat=short, embedder=EMBEDDER, project=project, version_id="tax:1")
    assert told(short.questions[0]).count("\n") < told(whole.questions[0]).count("\n")
