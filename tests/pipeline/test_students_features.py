"""Features: what a student sees of vectors, words and metadata, in any script and with anything missing."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, issparse
from scipy.special import softmax

from pipeline.students.features import FEATURES, TEXT_FEATURES, MetadataColumns, feature_step
from pipeline.students.inputs import Inputs, join_inputs
from pipeline.students.products import lengths, probabilities_of, products
from tests.lessons import clouds, unit

CARDS = np.eye(2, 8, dtype=np.float32)


def dense(found: Any) -> npt.NDArray[np.float64]:
    return np.asarray(found.toarray() if issparse(found) else found, dtype=np.float64)


def of_texts(texts: Sequence[str]) -> Inputs:
    return Inputs(np.zeros((len(texts), 2), dtype=np.float32), texts)


def of_metadata(rows: Sequence[Mapping[str, Any]]) -> Inputs:
    return Inputs(np.zeros((len(rows), 2), dtype=np.float32), (), rows)


def columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return MetadataColumns().transform(of_metadata([row]))[0]


def words_of(texts: Sequence[str]) -> list[str]:
    """List the terms that a student learns; every text is given twice, so that each of its terms is in two."""
    union = feature_step(["words"]).fit(of_texts([*texts, *texts]))
    return sorted(union.transformer_list[0][1].steps[-1][1].vocabulary_)


# --- every feature ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_gives_the_same_rows_alone_beside_others_and_of_a_part(feature: str) -> None:
    inputs, _ = clouds([10, 10])
    alone = feature_step([feature], cards=CARDS).fit(inputs)
    found = dense(alone.transform(inputs))
    assert found.shape[0] == 20
    assert (found != found[0]).any(), "it tells documents apart"
    part = np.array([7, 3, 3])
    assert dense(alone.transform(inputs.take(part))) == pytest.approx(found[part])
    beside = feature_step(["embedding", feature] if feature != "embedding" else ["embedding", "cards"], cards=CARDS).fit(inputs)
    both = dense(beside.transform(inputs))
    assert both[:, 8:] == pytest.approx(found if feature != "embedding" else inputs.vectors @ CARDS.T, abs=1e-6)
    assert both[:, :8] == pytest.approx(inputs.vectors)


def test_an_unknown_feature_and_missing_cards_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no feature is called 'colour'; the features are embedding, words, characters, cards, metadata"):
        feature_step(["embedding", "colour"])
    with pytest.raises(ValueError, match=r"The feature cards needs the vectors of the category cards\."):
        feature_step(["embedding", "cards"])


def test_likeness_to_the_cards_is_the_cosine_to_the_last_digit_of_double_precision() -> None:
    random = np.random.default_rng(0)
    vectors, cards = unit(random.normal(size=(700, 384))), unit(random.normal(size=(20, 384)))
    found = feature_step(["cards"], cards=cards).fit_transform(Inputs(vectors))
    exact = np.array([math.fsum(one * other for one, other in zip(vectors[699].tolist(), card, strict=True)) for card in cards.tolist()])
    assert found[699] == pytest.approx(exact, abs=1e-15)
    assert np.abs(vectors[699] @ cards.T - exact).max() > 1e-9, "single precision would not pass"


# --- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", TEXT_FEATURES)
def test_words_without_texts_are_refused_with_the_numbers(feature: str) -> None:
    inputs, _ = clouds([5, 5])
    union = feature_step([feature]).fit(inputs)
    for do in (union.transform, feature_step([feature]).fit):
        with pytest.raises(ValueError, match=r"reads words: it needs the texts of all 10 documents, and has 0\."):
            do(Inputs(inputs.vectors))
    with pytest.raises(ValueError, match=r"needs the texts of all 10 documents, and has 3\."):
        union.transform(Inputs(inputs.vectors, inputs.texts[:3]))


@pytest.mark.parametrize("feature", TEXT_FEATURES)
@pytest.mark.parametrize("text", ["", "   ", "?!", "\U0001f600", "entirely unknown vocabulary"])
def test_a_text_without_a_known_word_is_a_row_of_zeros(feature: str, text: str) -> None:
    union = feature_step([feature]).fit(of_texts(["late parcel"] * 5))
    found = dense(union.transform(of_texts([text, "late parcel"])))
    assert not found[0].any()
    assert found[1].any()


def test_words_and_pairs_that_two_texts_have_count_whatever_their_case() -> None:
    union = feature_step(["words"]).fit(of_texts(["Late parcel", "late PARCEL today", "tomorrow"]))
    assert sorted(union.transformer_list[0][1].steps[-1][1].vocabulary_) == ["late", "late parcel", "parcel"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("包裹丢了", ["丢", "丢 了", "了", "包", "包 裹", "裹", "裹 丢"]),
        ("3章节 USB口", ["3", "3 章", "usb", "usb 口", "口", "章", "章 节", "节", "节 usb"]),
        ("ガス", ["ガ", "ガ ス", "ス"]),
        ("ที่", ["ท", "ท ี", "ี", "ี ่", "่"]),
        ("हिन्दी भाषा", ["भाषा", "हिन्दी", "हिन्दी भाषा"]),
        ("кто там", ["кто", "кто там", "там"]),
        ("عَرَبِيّ", ["عَرَبِيّ"]),
        ("한국어 문장", ["문장", "한국어", "한국어 문장"]),
        ("cafe\u0301 au", ["au", "cafe\u0301", "cafe\u0301 au"]),
        ("don't x_1", ["don", "don t", "t", "t x_1", "x_1"]),
    ],
)
def test_words_are_found_in_every_script(text: str, terms: list[str]) -> None:
    assert words_of([text]) == sorted(terms)


@given(st.lists(st.text(max_size=30), min_size=2, max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_finite_rows_of_length_one_or_zero(texts: list[str]) -> None:
    union = feature_step(["words", "characters"]).fit(of_texts(["late parcel", *texts] * 3))
    found = dense(union.transform(of_texts([*texts, "late parcel"])))
    assert np.isfinite(found).all()
    squares = (found[:, : len(union.transformer_list[0][1].steps[-1][1].vocabulary_)] ** 2).sum(axis=1)
    assert np.all((np.abs(squares - 1) < 1e-5) | (squares == 0))


# --- metadata --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (3, {"c": 3.0}),
        (-2.5, {"c": -2.5}),
        (True, {"c": 1.0}),
        (False, {"c": 0.0}),
        (np.float32(1.5), {"c": 1.5}),
        (np.int64(7), {"c": 7.0}),
        (np.bool_(True), {"c": 1.0}),
        (Decimal("0.25"), {"c": 0.25}),
        (None, {}),
        ("", {}),
        (" ", {}),
        (math.nan, {}),
        (math.inf, {}),
        (Decimal("NaN"), {}),
        (10**400, {}),
        ("north", {"c": "north"}),
        ("007", {"c": "007"}),
        ("12.5", {"c": 12.5, "c as text": "12.5"}),
        ("-3", {"c": -3.0, "c as text": "-3"}),
        ("nan", {"c": "nan"}),
        (["a", 1], {"c": "['a', 1]"}),
        ("2026-13-45", {"c": "2026-13-45"}),
        ("20260105123", {"c": 20260105123.0, "c as text": "20260105123"}),
    ],
)
def test_values_become_columns_by_what_they_are(value: Any, parts: dict[str, Any]) -> None:
    assert columns({"c": value}) == parts


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 5, 6),
        datetime(2026, 1, 5, 6, tzinfo=UTC),
        "2026-01-05T06:00:00",
        "2026-01-05 06:59:59",
        "2026-01-05T06:00:00+02:00",
    ],
)
def test_times_are_points_on_circles_of_year_week_and_day(moment: Any) -> None:
    # A Monday, the fifth day of the year, a quarter of the day gone.
    angle = 2 * np.pi * 5 / 366
    expected = {
        "c year x": math.cos(angle), "c year y": math.sin(angle), "c week x": 1.0, "c week y": 0.0, "c day x": 0.0, "c day y": 1.0,
    }  # fmt: skip
    assert columns({"c": moment}) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("day", [date(2026, 1, 5), "2026-01-05"])
def test_a_date_is_its_midnight(day: Any) -> None:
    assert columns({"c": day}) == columns({"c": datetime(2026, 1, 5)})


def test_values_never_seen_before_say_nothing_and_missing_ones_are_zero() -> None:
    seen = of_metadata([{"shop": "a", "size": 4.0}, {"shop": "b", "size": -8.0}, {}])
    union = feature_step(["metadata"]).fit(seen)
    assert dense(union.transform(seen)).tolist() == [[1.0, 0.0, 0.5], [0.0, 1.0, -1.0], [0.0, 0.0, 0.0]]
    later = of_metadata([{"shop": "c", "size": 16.0, "colour": "red"}, {"shop": None, "size": math.nan}])
    assert dense(union.transform(later)).tolist() == [[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    assert not dense(union.transform(Inputs(np.zeros((2, 2), dtype=np.float32)))).any(), "documents may come without any later"


def test_metadata_that_nobody_has_or_only_some_are_refused_with_the_numbers() -> None:
    for nobody in (of_metadata([{"shop": None}, {}]), of_texts(["a", "b"])):
        with pytest.raises(ValueError, match=r"looks at metadata: none of the 2 documents has any\."):
            feature_step(["metadata"]).fit(nobody)
    with pytest.raises(ValueError, match=r"needs that of all 3 documents, and has 1\."):
        MetadataColumns().transform(Inputs(np.zeros((3, 2), dtype=np.float32), (), [{"shop": "a"}]))


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_joined_documents_keep_texts_that_all_have_and_lose_those_that_some_lack() -> None:
    inputs, _ = clouds([2, 1])
    nothing = Inputs(np.zeros((0, 0), dtype=np.float32))
    bare = Inputs(inputs.vectors, (), inputs.metadata)
    assert join_inputs(inputs, nothing) is inputs
    assert join_inputs(nothing, inputs) is inputs
    both = join_inputs(inputs, inputs)
    assert (len(both), list(both.texts), list(both.metadata)) == (6, [*inputs.texts, *inputs.texts], [*inputs.metadata, *inputs.metadata])
    for joined in (join_inputs(inputs, bare), join_inputs(bare, inputs)):
        assert (len(joined), list(joined.texts), len(joined.metadata)) == (6, [], 6), "a text would be taken for that of another document"
        assert list(joined.take(np.array([5])).metadata) == [inputs.metadata[2]]


# --- products --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(1, 300), st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_products_by_blocks_are_the_products(n: int, width: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, directions = random.normal(size=(n, width)).astype(np.float32), random.normal(size=(k, width))
    exact = rows.astype(np.float64)
    for kind in (rows, csr_array(rows)):
        assert products(kind, directions) == pytest.approx(exact @ directions.T)
        assert lengths(kind) == pytest.approx(np.linalg.norm(exact, axis=1), rel=1e-6)


@given(st.integers(1, 30), st.integers(1, 12), st.floats(0, 2000), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_probabilities_sum_to_one_however_large_the_logits(n: int, k: int, scale: float, seed: int) -> None:
    logits = scale * np.random.default_rng(seed).normal(size=(n, k))
    found = probabilities_of(logits)
    assert found.sum(axis=1) == pytest.approx(np.ones(n))
    assert found == pytest.approx(softmax(logits, axis=1), rel=1e-12, abs=1e-300)
    assert probabilities_of(logits, out=logits) is logits
    assert np.array_equal(logits, found)
