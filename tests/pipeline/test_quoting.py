"""A quotation is found whatever its case, spacing, accents or escaping, and nothing else is blanked."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quoting import MARK, RUN, Quotations, bare_letters

TEXT = 'The café on "Rue 9" lost my order twice; I want my money back now'


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (TEXT, MARK),
        (TEXT.upper(), MARK),
        (f"As one wrote: {TEXT}!", f"As one wrote: {MARK}!"),
        ("He says: lost my order twice; I want my money, and leaves", f"He says: {MARK}, and leaves"),
        ("my money back", "my money back"),
        ("Money that is to be paid back for orders that were lost", "Money that is to be paid back for orders that were lost"),
        ("", ""),
    ],
)
def test_a_run_of_the_text_is_blanked_and_no_more(words: str, expected: str) -> None:
    assert Quotations([TEXT]).blank(words) == expected


@pytest.mark.parametrize("spelled", [json.dumps(TEXT, ensure_ascii=False), repr(TEXT), TEXT.replace('"', '""'), "  ".join(TEXT.split())])
def test_escaping_hides_nothing(spelled: str) -> None:
    assert Quotations([TEXT]).found_in(spelled)


def test_a_text_of_a_few_words_is_found_as_a_whole_and_one_of_two_is_not_looked_for() -> None:
    assert Quotations(["track my late parcel"]).blank("like: Track my late parcel") == f"like: {MARK}"
    assert Quotations(["track my late parcel"]).blank("track my parcel") == "track my parcel"
    assert not Quotations(["late parcel"])


def test_scripts_without_spaces_are_found() -> None:
    text = "我上周订购的紫色包裹至今没有送达而且没有人告诉我它现在到底在哪里请尽快回复"
    assert Quotations([text]).blank(f"例如「{text}」") == f"例如「{MARK}」"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.text(min_size=1, max_size=80), st.text(max_size=60))
def test_law_no_run_of_a_text_is_left(before: str, text: str, after: str) -> None:
    quotations = Quotations([text])
    blanked = quotations.blank(f"{before} {text} {after}")
    assert not quotations.found_in(blanked) or MARK in text or RUN > len(bare_letters(text))
    assert bool(quotations) == (MARK in blanked) or MARK in before + after


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_law_words_that_quote_nothing_stay(words: str) -> None:
    assert Quotations([]).blank(words) == words
