"""The small functions on texts that several steps lean on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batches import in_batches
from pipeline.text import ELLIPSIS, Keep, content_words, cut_words, tidy_phrase

TEXT = st.text(max_size=200).filter(lambda text: ELLIPSIS not in text)


@given(TEXT, st.integers(1, 30), st.sampled_from(["head", "tail", "both_ends"]))
def test_a_text_is_cut_only_where_it_is_too_long_and_then_it_says_so(text: str, most: int, keep: Keep) -> None:
    shown, cut = cut_words(text, most, keep)
    words = [word for word in shown.split() if word != ELLIPSIS]
    assert len(words) <= most
    assert sum(map(len, words)) <= 12 * most
    assert cut == (shown.split() != text.split())
    assert (shown == text) or len(text) > 12 * most or len(text.split()) > most


def test_a_text_without_spaces_is_cut_as_well() -> None:
    assert cut_words("x" * 1000, 10) == ("x" * 120, True)
    assert cut_words("one two three", 2) == ("one two", True)
    assert cut_words(" one  two ", 2) == (" one  two ", False)
    assert cut_words(" one" + " " * 99, 2) == ("one", False), "white space is nothing to miss"


@pytest.mark.parametrize(("keep", "shown"), [("head", "1 2 3 4 5 6"), ("tail", "5 6 7 8 9 10"), ("both_ends", f"1 2 3 4 {ELLIPSIS} 9 10")])
def test_the_head_the_tail_or_both_ends_stay(keep: Keep, shown: str) -> None:
    text = "1 2 3 4 5 6 7 8 9 10"
    assert cut_words(text, 6, keep) == (shown, True)
    assert cut_words(text, 10, keep) == (text, False)
    assert cut_words("x" * 30 + "y" * 30, 3, keep, characters=6)[0].replace(f" {ELLIPSIS} ", "") in {"x" * 6, "y" * 6, "xxxxyy"}
    assert cut_words(text, 6, keep, characters=0) == ("", True)


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
