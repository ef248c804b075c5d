"""Demonstrations are near, reliable and of several labels, and never give the document's own answer away."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.demonstrations import DUPLICATE, RELIABLE, Demonstration, Pool, choose_demonstrations

Rows = npt.NDArray[np.floating[Any]]
Entry = tuple[str, str, float, float]  # text hash, category, probability, degrees from the east
HERE = np.asarray([1.0, 0.0])


def at(degrees: float) -> Rows:
    """Give a direction; two that are 14 degrees apart have a cosine of 0.9703, and 15 degrees one of 0.9659."""
    return np.asarray([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def pool_of(*entries: Entry) -> Pool:
    hashes = [name for name, _, _, _ in entries]
    vectors = np.asarray([at(degrees) for _, _, _, degrees in entries], dtype=np.float32).reshape(len(entries), 2)
    categories, probabilities = [category for _, category, _, _ in entries], [probability for _, _, probability, _ in entries]
    return Pool(hashes, [f"text of {name}" for name in hashes], categories, probabilities, vectors)


def hashes_of(demonstrations: Any) -> list[str]:
    return [one.text_hash for one in demonstrations]


def choose(pool: Pool, count: int, **others: Any) -> list[str]:
    return hashes_of(choose_demonstrations(HERE, "own", pool, count=count, **others))


def test_the_nearest_are_shown_and_the_nearest_comes_last() -> None:
    pool = pool_of(("far", "c:3", 1.0, 80), ("near", "c:1", 1.0, 20), ("middle", "c:2", 1.0, -40), ("farther", "c:4", 1.0, 120))
    assert choose(pool, 3) == ["far", "middle", "near"]
    assert choose_demonstrations(HERE, "own", pool, count=1) == [Demonstration("near", "text of near", "c:1")]


def test_the_document_and_its_near_duplicates_are_left_out() -> None:
    pool = pool_of(("own", "c:1", 1.0, 50), ("copy", "c:2", 1.0, 0), ("edited", "c:3", 1.0, 14), ("other", "c:4", 1.0, -15))
    assert choose(pool, 3) == ["other"]
    assert choose(pool, 3, duplicate=0.98) == ["other", "edited"]


def test_of_near_duplicates_in_the_pool_the_nearest_is_shown() -> None:
    pool = pool_of(("first", "c:1", 1.0, 30), ("again", "c:2", 1.0, 40), ("other", "c:3", 1.0, 45), ("first", "c:4", 0.9, 90))
    assert choose(pool, 3) == ["other", "first"]


def test_labels_that_are_not_reliable_are_left_out() -> None:
    pool = pool_of(("unsure", "c:1", RELIABLE - 0.01, 20), ("unmeasured", "c:2", float("nan"), 40), ("sure", "c:3", RELIABLE, 60))
    assert choose(pool, 3) == ["sure"]
    assert choose(pool, 3, reliable=0.1) == ["sure", "unsure"]


def test_of_two_labels_of_one_text_the_surer_is_shown() -> None:
    pool = pool_of(("text", "c:1", 0.85, 30), ("text", "c:2", 0.95, 30), ("text", "c:3", float("nan"), 30))
    assert [one.category_id for one in choose_demonstrations(HERE, "own", pool, count=4)] == ["c:2"]


@pytest.mark.parametrize(("count", "expected"), [(1, ["a20"]), (2, ["b120", "a20"]), (3, ["b120", "a20"]), (4, ["b140", "b120", "a40", "a20"])])
def test_at_most_one_in_three_rounded_up_is_of_one_category(count: int, expected: list[str]) -> None:
    near = [(f"a{degrees}", "c:a", 1.0, float(degrees)) for degrees in (20, 40, 60, 80)]
    far = [(f"b{degrees}", "c:b", 1.0, float(degrees)) for degrees in (120, 140, 160)]
    assert choose(pool_of(*near, *far), count) == expected


def test_only_categories_of_the_shortlist_are_shown() -> None:
    pool = pool_of(("one", "c:1", 1.0, 20), ("two", "c:2", 1.0, 40), ("three", "c:3", 1.0, 60))
    assert choose(pool, 3, among={"c:3", "c:1"}) == ["three", "one"]


def test_an_empty_pool_has_nothing_to_show() -> None:
    empty = pool_of()
    assert choose(empty, 3) == []


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 text_hashes, 2 texts, 1 category_ids, 2 probabilities, 3 vectors"):
        Pool(["a", "b"], ["a", "b"], ["c:1"], [1.0, 1.0], np.zeros((3, 2), dtype=np.float32))


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["own", *(f"text:{number}" for number in range(20))]),
        st.sampled_from(["c:1", "c:2", "c:3", "c:4"]),
        st.sampled_from([0.5, 0.8, 0.95, 1.0, float("nan")]),
        st.integers(-18, 17).map(lambda tens: tens * 10.0),
    ),
    max_size=16,
)


@given(ENTRIES, st.integers(1, 8), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_every_choice_keeps_the_rules_and_does_not_depend_on_the_order_of_the_pool(entries: list[Entry], count: int, random: Any) -> None:
    chosen = choose_demonstrations(HERE, "own", pool_of(*entries), count=count)
    by_key: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for name, category, probability, degrees in entries:
        by_key[name, category].append((probability, degrees))
    assert len(chosen) <= count
    assert len({one.text_hash for one in chosen} | {"own"}) == len(chosen) + 1
    assert max(Counter(one.category_id for one in chosen).values(), default=0) <= -(-count // 3)
    for one in chosen:
        reliable = [degrees for probability, degrees in by_key[one.text_hash, one.category_id] if probability >= RELIABLE]
        assert any(at(degrees) @ HERE < DUPLICATE for degrees in reliable)
    assert choose_demonstrations(HERE, "own", pool_of(*random.sample(entries, len(entries))), count=count) == chosen


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(2, 16)), unique_by=lambda pair: pair[1], max_size=15), st.integers(2, 8))
@settings(max_examples=50, deadline=None)
def test_as_many_are_shown_as_the_rules_allow_of_at_least_two_labels_from_near_to_far(drawn: list[tuple[int, int]], count: int) -> None:
    pool = pool_of(*((f"text:{place}", f"c:{category}", 1.0, place * 10.0) for category, place in drawn))
    chosen = choose_demonstrations(HERE, "own", pool, count=count, duplicate=0.99)
    there = Counter(f"c:{category}" for category, _ in drawn)
    most = -(-count // 3)
    assert len(chosen) == min(count, sum(min(most, number) for number in there.values()))
    assert len({one.category_id for one in chosen}) >= min(2, len(there))
    nearness = [int(one.text_hash.split(":")[1]) for one in chosen]
    assert nearness == sorted(nearness, reverse=True)
