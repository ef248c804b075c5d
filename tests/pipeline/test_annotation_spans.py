"""A text is cut into spans that can be quoted, in any script, and each has a name that no other has."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.annotation.evidence import first_words
from pipeline.annotation.spans import LONGEST_SPAN, MOST_SPANS, Span, candidate_spans, spans_of, word_count
from pipeline.prompts import as_data
from pipeline.settings import AnnotationSettings
from pipeline.text import Keep, cut_words
from tests.spans import KEEPS, LETTER, OPTION_BYTES, TEXT

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
