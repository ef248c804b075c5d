"""Two things have one id exactly where they are the same thing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ids import canonical_json, content_id, normalise_text, order_key, text_hash

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
SPACE = st.text(alphabet=" \t\n\r\u00a0\u2003", min_size=1, max_size=4)
TEXT = st.text(max_size=40)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(backwards) == canonical_json(value)
    assert content_id("x", backwards) == content_id("x", value)


@given(st.lists(st.text(alphabet="abcé", min_size=1, max_size=5), min_size=1, max_size=6), SPACE, SPACE)
def test_white_space_does_not_matter(words: list[str], between: str, around: str) -> None:
    assert text_hash(around + between.join(words) + around) == text_hash(" ".join(words))


@given(TEXT)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise_text(normalise_text(text)) == normalise_text(text)


def test_composed_and_decomposed_letters_are_the_same_text() -> None:
    assert text_hash("Zu\u0308rich") == text_hash("Z\u00fcrich")
    assert text_hash("Zurich") != text_hash("Z\u00fcrich")


@given(JSON, st.sampled_from(["cat", "tax", "text"]))
def test_an_id_is_its_kind_and_32_digits(value: object, kind: str) -> None:
    assert re.fullmatch(rf"{kind}:[0-9a-f]{{32}}", content_id(kind, value))
    assert content_id(kind, value) == content_id(kind, value)


@given(JSON)
def test_kinds_never_share_a_number(value: object) -> None:
    numbers = {content_id(kind, value).split(":")[1] for kind in ("order", "split", "text", "cat")}
    assert len(numbers) == 4, "the split would otherwise follow the order of the samples"


@given(TEXT, TEXT)
def test_different_texts_have_different_hashes(first: str, second: str) -> None:
    assert (text_hash(first) == text_hash(second)) == (normalise_text(first) == normalise_text(second))


@given(st.lists(TEXT, unique=True, min_size=1, max_size=10), st.integers(0, 99))
def test_the_place_of_a_text_depends_on_itself_and_the_seed_alone(texts: list[str], seed: int) -> None:
    alone = [order_key(text, seed) for text in texts]
    assert alone == [order_key(text, seed) for text in [*texts, "another"]][: len(texts)]
    assert sorted(texts, key=lambda text: order_key(text, seed)) == sorted(reversed(texts), key=lambda text: order_key(text, seed))
    assert order_key(texts[0], seed) != order_key(texts[0], seed + 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_lacks_has_no_id(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        content_id("x", value)


def test_a_lone_half_of_a_character_has_an_id() -> None:
    assert text_hash("\ud83d") != text_hash("?")
