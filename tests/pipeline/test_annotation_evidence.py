"""Evidence is a substring of the document, whatever the model says, and every span that it may choose can be told from the others."""

import time
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.annotation.evidence import evidence_occurs, find_evidence, first_words
from pipeline.annotation.spans import LONGEST_SPAN, MOST_SPANS, Span, candidate_spans, spans_of, word_count
from pipeline.ids import text_hash
from pipeline.prompts import as_data, load_prompt
from pipeline.records import Category, Document, Label, Outcome, Taxonomy
from pipeline.serving.contract import Answer, Chat, Choice, Line, Question
from pipeline.settings import AnnotationSettings, Project
from pipeline.testing import ScriptedChat
from pipeline.text import Keep, cut_words
from tests.tiny import last_text

TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", (Category("cat:a", "Late Parcels", "come late"), Category("cat:b", "Refunds", "")))
LETTER = (
    "Good morning,\nI bought two lamps on 3.5. from your shop, e.g. a red one. One came broken!\n"
    "Please send me back what I paid for it. Please send me back the other one, too?\nThanks"
)
KEEPS: tuple[Keep, ...] = ("head", "tail", "both_ends")
SIGNS = (
    'aB9 .!?,;:\n\r\t\u2028\u3000\u3002\uff01\uff1f\u061f\u0964\u060c\u65e5\u0e01\u0915\u094d\u0301\u200d\u200b\U0001f469\U0001f44d\x85\xa0"()<|>/-'
)
TEXT = st.text(max_size=300) | st.text(alphabet=SIGNS, max_size=600) | st.lists(st.text(alphabet=SIGNS, max_size=40), max_size=40).map(" and ".join)
OPTION_BYTES = load_prompt("evidence").about.max_tokens


def document(text: str) -> Document:
    return Document(f"d:{text[:20]}", text_hash(text), text, "x")


def label(text: str, category: str | None = "cat:b") -> Label:
    return Label(text_hash(text), "tax:1", "annotator:1", category, 0.8)


def find(project: Project, chat: Chat, *texts: str, category: str | None = "cat:b") -> list[Outcome[Label]]:
    labels = [label(text, category) for text in texts]
    return list(find_evidence(labels, [document(text) for text in reversed(texts)], taxonomy=TAXONOMY, chat=chat, project=project))


def changed(project: Project, **annotation: object) -> Project:
    return project.model_copy(update={"annotation": project.annotation.model_copy(update=annotation)})


def options(question: Question) -> tuple[str, ...]:
    assert isinstance(question.form, Choice)
    return question.form.options


def option(question: Question, beginning: str) -> str:
    """Find the option that begins so; where there is none, one that is not allowed."""
    return next((option for option in options(question) if option.startswith(beginning)), f"no {beginning}")


def picking(beginning: str) -> ScriptedChat:
    return ScriptedChat(lambda question: option(question, beginning))


# --- spans


@given(TEXT)
@example("")
@example(" \n\t\u3000")
@example("..., !!! ---")
@example("a" * 5000)
@example("\U0001f469\u200d\U0001f467" * 400)
@example("e\u0301" * 900)
@example("\u0915\u094d\u0937 " * 300)
@example("\u65e5\u672c\u8a9e" * 300)
@settings(max_examples=50, deadline=None)
def test_spans_are_substrings_in_order_that_do_not_overlap(text: str) -> None:
    found = spans_of(text)
    assert all(text[span.start : span.start + len(span.text)] == span.text for span in found)
    assert all(span.text == span.text.strip() != "" for span in found)
    assert all(first.end <= second.start for first, second in pairwise(found))
    assert bool(found) == bool(text.strip())
    assert all(word_count(span.text) <= LONGEST_SPAN for span in found)
    left_out = "".join(text[first.end : second.start] for first, second in pairwise([Span(0, ""), *found, Span(len(text), "")]))
    assert len(found) < 2 or not any(character.isalnum() for character in left_out), "words of the text are in no span"


@given(TEXT, st.sampled_from(KEEPS), st.integers(10, 60))
@settings(max_examples=50, deadline=None)
def test_candidates_are_few_and_from_what_is_shown(text: str, keep: Keep, max_words: int) -> None:
    policy = AnnotationSettings(max_words=max_words, long_documents=keep)
    found = candidate_spans(text, policy)
    assert bool(found) == bool(text.strip())
    assert len(found) <= MOST_SPANS
    assert all(text[span.start : span.end] == span.text.strip() != "" for span in found)
    assert all(first.end <= second.start for first, second in pairwise(found))
    if len(found) > 1:
        shown = "".join(cut_words(text, max_words, keep)[0].split())
        assert all("".join(span.text.split()) in shown for span in found)
        assert len("".join(span.text for span in found).split()) <= max_words


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Lawyers for Pfc. Lynndie England sought it. She waits.", ["Lawyers for Pfc. Lynndie England sought it.", "She waits."]),
        ("PeopleSoft Inc. Is this a name alone?", ["PeopleSoft Inc. Is this a name alone?"]),
        (
            "PeopleSoft Inc. is deepening its ties with IBM Corp. Both said so.",
            ["PeopleSoft Inc. is deepening its ties with IBM Corp.", "Both said so."],
        ),
        ("It is on p. 12 of No. 7. We said no. Nobody heard.", ["It is on p. 12 of No. 7. We said no.", "Nobody heard."]),
        ("Mr. and Mrs. Smith vs. St. Louis. Done here.", ["Mr. and Mrs. Smith vs. St. Louis.", "Done here."]),
    ],
)
def test_an_abbreviation_ends_no_sentence(text: str, spans: list[str]) -> None:
    assert [span.text for span in spans_of(text)] == spans


@pytest.mark.parametrize("keep", KEEPS)
def test_a_text_of_ten_thousand_words_without_a_stop_is_cut_into_spans(keep: Keep) -> None:
    text = " ".join(f"word{number}" for number in range(10_000))
    assert all(10 <= word_count(span.text) <= LONGEST_SPAN for span in spans_of(text))
    found = candidate_spans(text, AnnotationSettings(max_words=300, long_documents=keep))
    assert len(found) == MOST_SPANS
    assert sum(word_count(span.text) for span in found) > 240
    numbers = [int(word.removeprefix("word")) for span in found for word in span.text.split()]
    first, last = {"head": (0, 299), "tail": (9700, 9999), "both_ends": (0, 9999)}[keep]
    assert first <= numbers[0] < first + 25
    assert last - 25 < numbers[-1] <= last
    assert keep != "both_ends" or not [number for number in numbers if 200 <= number < 9900]


@pytest.mark.parametrize("piece", [" ", "\n", ".", "x", "\u3042", "\u0301", "no stop ", "a. ", "?!", ", ", "(", "and ", "\U0001f469\u200d"])
def test_two_hundred_thousand_characters_of_anything_are_cut_in_seconds(piece: str) -> None:
    text = f"one{piece * (200_000 // len(piece))}two"
    began = time.process_time()
    found = candidate_spans(text, AnnotationSettings(long_documents="both_ends"))
    assert found
    assert text.startswith(found[-1].text, found[-1].start)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (LETTER, ["Good morning,", "I bought two lamps on 3.5. from your shop, e.g. a red one.", "One came broken!",
                  "Please send me back what I paid for it.", "Please send me back the other one, too?", "Thanks"]),
        ("it broke. i want my money back. thanks a lot", ["it broke.", "i want my money back.", "thanks a lot"]),
        ("Mr. Smith and J. Doe paid 3.50 each. \u201cWhy so much?\u201d They asked.",
         ["Mr. Smith and J. Doe paid 3.50 each.", "\u201cWhy so much?\u201d", "They asked."]),
        ("黒い靴を買いました。返金してください\uff01早くお願いします",
         ["黒い靴を買いました。", "返金してください\uff01", "早くお願いします"]),
        ("أين طلبي؟ أريد استرداد",
         ["أين طلبي؟", "أريد استرداد"]),
        ("मुझे पैसा चाहिए।धन्यवाद आपका",
         ["मुझे पैसा चाहिए।", "धन्यवाद आपका"]),
        ("The board of the company said in a long statement on Monday\nthat nothing had changed.\n\nshares fell by two percent",
         ["The board of the company said in a long statement on Monday\nthat nothing had changed.", "shares fell by two percent"]),
        ("1. Buy some milk\n2. Call the bank\n-----\n\U0001f44d\U0001f44d", ["1. Buy some milk", "2. Call the bank", "-----\n\U0001f44d\U0001f44d"]),
        ("?!?!", ["?!?!"]),
    ],
)  # fmt: skip
def test_sentences_are_found_in_many_scripts(text: str, spans: list[str]) -> None:
    assert [span.text for span in spans_of(text)] == spans


def test_a_long_sentence_is_cut_at_a_comma_then_at_a_conjunction_then_anywhere() -> None:
    few, many = " ".join(["one"] * 14), " ".join(["two"] * 14)
    assert [span.text for span in spans_of(f"{few}, {many}")] == [f"{few},", many]
    assert [span.text for span in spans_of(f"{few} because {many}")] == [few, f"because {many}"]
    assert [span.text for span in spans_of(f"{few} und {many}")] == [few, f"und {many}"]
    assert "one one" in spans_of(f"yes, {few} {many}")[0].text, "a comma near the edge is no place to cut"


def test_neighbours_are_joined_where_there_are_many_and_never_over_what_is_not_shown() -> None:
    text = " ".join(f"Number {number} is here." for number in range(40))
    found = candidate_spans(text, AnnotationSettings(max_words=300))
    assert len(found) == MOST_SPANS
    assert " ".join(span.text for span in found) == text
    ends = candidate_spans(text, AnnotationSettings(max_words=60, long_documents="both_ends"))
    assert " ".join(span.text for span in ends) == " ".join(f"Number {number} is here." for number in [*range(10), *range(35, 40)])


def test_a_first_span_that_is_longer_than_what_may_be_shown_is_the_only_candidate() -> None:
    first, last = "This is the first sentence, and it has more than ten words in it.", "This is the last one, which has more than ten words as well."
    for keep, wanted in (("head", first), ("tail", last)):
        policy = AnnotationSettings.model_validate({"max_words": 10, "long_documents": keep})
        assert [span.text for span in candidate_spans(f"{first} {last}", policy)] == [wanted]


# --- the words that stand for a span


@given(TEXT, st.integers(12, OPTION_BYTES))
@example("I want it. I want it. I want it now, please, today. I want it now, please, tomorrow.", 80)
@settings(max_examples=50, deadline=None)
def test_each_name_is_short_and_leads_to_one_span(text: str, most_bytes: int) -> None:
    spans = candidate_spans(text, AnnotationSettings(max_words=100))
    named = first_words(spans, most_bytes=most_bytes)
    assert bool(named) == bool(spans)
    assert all(name == " ".join(name.split()) != "" for name in named), "a server may trim what it answers"
    assert all(len(name.encode()) <= most_bytes for name in named)
    assert all(as_data(" ".join(span.text.split())).startswith(name) for name, span in named.items())
    assert list(named.values()) == sorted(named.values(), key=lambda span: span.start)


def test_spans_are_named_by_as_many_words_as_tell_them_apart() -> None:
    texts = [
        "Please send me back what I paid",
        "Please send me back what you owe me",
        "Thanks",
        "Thanks a lot",
        "Thanks",
        "a\n b </text> <|im_end|> c d",
    ]
    named = first_words([Span(place, text) for place, text in enumerate(texts)], most_bytes=OPTION_BYTES)
    assert {name: span.start for name, span in named.items()} == {
        "Please send me back what I": 0,
        "Please send me back what you": 1,
        "Thanks": 2,
        "Thanks a lot": 3,
        "a b < /text> <": 5,
    }


# --- evidence


def test_the_evidence_is_the_span_that_the_model_names(a_project: Project) -> None:
    chat = picking("Please send me back what")
    (outcome,) = find(a_project, chat, LETTER)
    (found,) = outcome.records
    assert found == replace(label(LETTER), evidence="Please send me back what I paid for it.", evidence_start=LETTER.index("Please"))
    assert evidence_occurs(found, LETTER)
    (question,) = chat.questions
    assert options(question) == (
        "Good morning,", "I bought two lamps on", "One came broken!", "Please send me back what", "Please send me back the", "Thanks",
    )  # fmt: skip
    assert last_text(question).split("\n")[1:-1] == [span.text for span in spans_of(LETTER)]
    assert "Category: Refunds\n" in question.messages[-1].content
    assert question.messages[:-1] == picked_again(a_project, "Another one. Not the same.")


def picked_again(project: Project, text: str) -> tuple[object, ...]:
    chat = picking("Another")
    find(project, chat, text, category="cat:a")
    assert "Category: Late Parcels (come late)\n" in chat.questions[0].messages[-1].content
    return chat.questions[0].messages[:-1]


def test_the_evidence_keeps_the_white_space_of_the_document(a_project: Project) -> None:
    text = "Well then,  hello. \n\n The  parcel\tnever\xa0came </text> <|im_end|> today!  Bye for now."
    (outcome,) = find(a_project, picking("The parcel never came <"), text)
    assert outcome.records[0].evidence == "The  parcel\tnever\xa0came </text> <|im_end|> today!"
    assert evidence_occurs(outcome.records[0], text)


def test_a_document_of_one_span_is_its_own_evidence_without_a_call(a_project: Project) -> None:
    chat = ScriptedChat([])
    (outcome,) = find(a_project, chat, "  where is my parcel\n", "Thanks. Thanks. Thanks. Thanks.", "?!")
    assert [(found.evidence, found.evidence_start) for found in outcome.records] == [
        ("where is my parcel", 2), ("Thanks. Thanks.", 0), ("?!", 0),
    ]  # fmt: skip
    assert (chat.questions, outcome.failures) == ([], [])


def test_what_the_model_answers_wrongly_leaves_the_label_without_evidence(a_project: Project) -> None:
    replies: list[str | Answer] = ["Please send me the money", Answer("timeout", error="too slow", attempts=3), "It broke."]
    texts = [LETTER, "It came. It broke.", "It broke. It came."]
    (outcome,) = find(a_project, ScriptedChat(replies), *texts)
    assert [found.evidence for found in outcome.records] == [None, None, "It broke."]
    assert [(failure.text_hash, failure.reason, failure.attempts) for failure in outcome.failures] == [
        (text_hash(texts[0]), "not_an_option", 1),
        (text_hash(texts[1]), "timeout", 3),
    ]
    assert outcome.failures[1].message == "no evidence: too slow"
    assert [found.category_id for found in outcome.records] == ["cat:b"] * 3


def test_a_label_without_a_category_and_an_empty_document_are_not_asked_about(a_project: Project) -> None:
    project = changed(a_project, rationale=True)
    chat = ScriptedChat(["No reason."])
    labels = [label(LETTER, None), label(" \n")]
    (outcome,) = find_evidence(labels, [document(LETTER), document(" \n")], taxonomy=TAXONOMY, chat=chat, project=project)
    assert list(outcome.records) == [labels[0], replace(labels[1], rationale="No reason.")]
    assert [(failure.reason, failure.attempts) for failure in outcome.failures] == [("empty", 0)]


def test_of_duplicates_the_place_is_that_in_the_first(a_project: Project) -> None:
    first, second = "It  came. It  broke.", "It came. It broke."
    documents = [document(first), document(second), document("Another one.")]
    (outcome,) = find_evidence([label(second)], documents, taxonomy=TAXONOMY, chat=picking("It broke"), project=a_project)
    assert (outcome.records[0].evidence, outcome.records[0].evidence_start) == ("It  broke.", first.index("It  broke"))


def test_a_text_without_spaces_is_shown_as_far_as_it_is_shown_for_labelling(a_project: Project) -> None:
    text = "".join(chr(0x4E00 + place) for place in range(3600))
    assert not cut_words(text, a_project.annotation.max_words)[1]
    chat = ScriptedChat(lambda question: options(question)[-1])
    (outcome,) = find(a_project, chat, text)
    assert len(options(chat.questions[0])) == MOST_SPANS
    assert text.endswith(outcome.records[0].evidence or "nothing")
    assert {len(name) for name in options(chat.questions[0])} == {10}


def test_batches_are_in_order_and_documents_are_read_as_they_are_needed(a_project: Project) -> None:
    texts = [f"Number {number} came. Number {number} went." if number % 3 else f"Only number {number}" for number in range(40)]
    chat = picking("Number")
    batches = find(a_project, chat, *texts)
    assert [len(batch.records) for batch in batches] == [16, 16, 8]
    records = [found for batch in batches for found in batch.records]
    assert [found.text_hash for found in records] == [text_hash(text) for text in texts]
    assert all(evidence_occurs(found, text) for found, text in zip(records, texts, strict=True))
    assert len(chat.questions) == 26


@given(st.lists(TEXT, min_size=1, max_size=6), st.randoms(use_true_random=False), st.sampled_from(KEEPS))
@settings(max_examples=40, deadline=None)
def test_evidence_occurs_whatever_the_documents_and_the_choices(a_project: Project, texts: list[str], random: Random, keep: Keep) -> None:
    chat = ScriptedChat(lambda question: random.choice(options(question)))
    unique = list({text_hash(text): text for text in texts}.values())
    (outcome,) = find(changed(a_project, long_documents=keep, max_words=20), chat, *unique)
    assert len(outcome.records) == len(unique)
    for found, text in zip(outcome.records, unique, strict=True):
        assert evidence_occurs(found, text) if text.strip() else found.evidence is None
    for question in chat.questions:
        assert len(set(options(question))) == len(options(question)) > 1
        assert all(option in question.messages[-1].content for option in options(question))
        assert max(len(option.encode()) for option in options(question)) <= question.max_tokens
        assert last_text(question).count("\n") <= MOST_SPANS + 1


@pytest.mark.parametrize(("keep", "place"), [("head", 0), ("tail", -1), ("both_ends", 0)])
def test_a_small_context_shows_fewer_spans(a_project: Project, keep: Keep, place: int) -> None:
    text = ", ".join(" ".join(f"word{10 * run + place}" for place in range(10)) for run in range(30))
    chat = ScriptedChat(lambda question: options(question)[place], context_words=OPTION_BYTES + 230)
    (outcome,) = find(changed(a_project, long_documents=keep), chat, text)
    assert evidence_occurs(outcome.records[0], text)
    assert (outcome.records[0].evidence or "").split()[place] == ("word299" if keep == "tail" else "word0")
    assert 2 <= len(options(chat.questions[0])) < MOST_SPANS
    assert sum(len(message.content.split()) for message in chat.questions[0].messages) <= 230


def test_a_context_without_room_for_two_spans_is_a_failure_that_says_what_to_do(a_project: Project) -> None:
    (outcome,) = find(a_project, ScriptedChat([], context_words=OPTION_BYTES + 20), LETTER)
    assert outcome.records[0].evidence is None
    assert outcome.failures[0].reason == "too_long"
    assert "raise engine.context_tokens" in outcome.failures[0].message


# --- the rationale


def test_a_rationale_is_a_second_question_and_short(a_project: Project) -> None:
    project = changed(a_project, rationale=True)
    long = " ".join(["because"] * 40)
    chat = ScriptedChat(lambda question: option(question, "One came") if isinstance(question.form, Choice) else f"  It   broke, {long}")
    (outcome,) = find(project, chat, LETTER, "where is my parcel")
    letter, parcel = outcome.records
    assert letter.rationale == parcel.rationale == " ".join(["It broke,", *["because"] * 23]) + "\u2026"
    assert (letter.evidence, parcel.evidence) == ("One came broken!", "where is my parcel")
    assert [(question.purpose, type(question.form)) for question in chat.questions] == [
        ("evidence", Choice), ("rationale", Line), ("rationale", Line),
    ]  # fmt: skip
    assert "Say in English why" in chat.questions[1].messages[0].content
    assert chat.questions[1].messages[-1].content == f"Category: Refunds\n<text>{LETTER}</text>"


def test_a_rationale_that_fails_leaves_the_evidence_and_the_first_failure_is_told(a_project: Project) -> None:
    project = changed(a_project, rationale=True)
    chat = ScriptedChat(lambda question: "nothing of it" if isinstance(question.form, Choice) and "lamps" in last_text(question) else " ")
    (outcome,) = find(project, chat, LETTER, "where is my parcel")
    assert [(found.evidence, found.rationale) for found in outcome.records] == [(None, None), ("where is my parcel", None)]
    assert [failure.message.split(":")[0] for failure in outcome.failures] == ["no evidence", "no rationale"]
    assert [failure.reason for failure in outcome.failures] == ["not_an_option", "empty"]
