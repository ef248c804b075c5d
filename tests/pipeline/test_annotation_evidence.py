"""Evidence is a substring of the document, whatever the model says, and every span that it may choose can be told from the others."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.evidence import evidence_occurs, find_evidence
from pipeline.annotation.spans import MOST_SPANS, spans_of
from pipeline.ids import text_hash
from pipeline.records import Category, Document, Label, Outcome, Taxonomy
from pipeline.serving.contract import Answer, Chat, Choice, Line
from pipeline.settings import Project
from pipeline.testing import ScriptedChat
from pipeline.text import Keep, cut_words
from tests.spans import KEEPS, LETTER, OPTION_BYTES, TEXT, changed, option, options
from tests.tiny import last_text

TAXONOMY = Taxonomy("tax:1", "review", 2, None, "what", "tnt", (Category("cat:a", "Late Parcels", "come late"), Category("cat:b", "Refunds", "")))


def document(text: str) -> Document:
    return Document(f"d:{text[:20]}", text_hash(text), text, "x")


def label(text: str, category: str | None = "cat:b") -> Label:
    return Label(text_hash(text), "tax:1", "annotator:1", category, 0.8)


def find(project: Project, chat: Chat, *texts: str, category: str | None = "cat:b") -> list[Outcome[Label]]:
    labels = [label(text, category) for text in texts]
    return list(find_evidence(labels, [document(text) for text in reversed(texts)], taxonomy=TAXONOMY, chat=chat, project=project))


def picking(beginning: str) -> ScriptedChat:
    return ScriptedChat(lambda question: option(question, beginning))


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
