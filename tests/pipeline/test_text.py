"""The small functions on texts that several steps lean on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batches import in_batches
from pipeline.text import content_words, cut_words, tidy_phrase

TEXT = st.text(max_size=200)


@given(TEXT, st.integers(1, 30))
def test_a_text_is_cut_only_where_it_is_too_long_and_then_it_says_so(text: str, most: int) -> None:
    head, cut = cut_words(text, most)
    assert (head == text) or cut
    if cut:
        assert len(head.split()) <= most
        assert len(head) <= 12 * most
        assert text.split()[:1] == head.split()[:1] or len(text.split()[0]) > 12 * most or not head
    assert cut == (len(text.split()) > most or len(text) > 12 * most)


def test_a_text_without_spaces_is_cut_as_well() -> None:
    assert cut_words("x" * 1000, 10) == ("x" * 120, True)
    assert cut_words("one two three", 2) == ("one two", True)
    assert cut_words(" one  two ", 2) == (" one  two ", False)


@pytest.mark.parametrize(
    ("phrase", "tidy"),
    [
        ("Late Parcel.", "late parcel"),
        ('"late parcel"', "late parcel"),
        ("- late  parcel\n", "late parcel"),
        ("a b c d e f g h", "a b c d e f"),
        ("...", ""),
        ("", ""),
        ("Straße 12", "straße 12"),
    ],
)
def test_a_phrase_is_brought_into_one_form(phrase: str, tidy: str) -> None:
    assert tidy_phrase(phrase).strip() == tidy
    assert tidy_phrase(tidy_phrase(phrase)) == tidy_phrase(phrase)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What are the Opening Hours?", {"opening", "hour"}),
        ("glass bus", {"glass", "bus"}),
        ("the a of", set()),
        ("", set()),
        ("größere Straßen", {"größere", "straßen"}),
    ],
)
def test_content_words_leave_out_what_carries_no_meaning(text: str, words: set[str]) -> None:
    assert content_words(text) == words


@given(st.lists(st.integers(), max_size=30), st.integers(1, 7))
def test_batches_hold_everything_in_order(items: list[int], size: int) -> None:
    batches = list(in_batches(items, size))
    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(batches)
