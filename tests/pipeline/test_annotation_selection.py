"""What is labelled next: apart, balanced, where it helps; and when it is enough."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.selection import NEAR, Gain, gain_is_noise, is_enough, next_batch
from pipeline.spreading import POOL, spread_seeds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]
NO_PLACES = np.zeros(0, dtype=np.intp)


def unit(rows: Any) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def cosines(vectors: Vectors, places: Ints) -> Floats:
    found = vectors[places] @ vectors[places].T
    np.fill_diagonal(found, -1.0)
    return np.asarray(found, dtype=np.float64)


# --- seeds -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 40), st.integers(0, 5), st.booleans())
@settings(deadline=None, max_examples=50)
def test_seeds_are_different_places_and_each_distinct_vector_comes_before_any_second_time(
    distinct: int, copies: int, count: int, seed: int, weighted: bool
) -> None:
    vectors = np.tile(unit(np.random.default_rng(7).normal(size=(distinct, 4))), (copies, 1))
    weights = np.random.default_rng(8).uniform(0.5, 1.0, len(vectors)) if weighted else None
    found = spread_seeds(vectors, count, seed=seed, weights=weights)
    assert len(found) == len(set(found.tolist())) == min(count, len(vectors))
    first = found[:distinct]
    assert len({place % distinct for place in first.tolist()}) == len(first)
    assert np.array_equal(found, spread_seeds(vectors, count, seed=seed, weights=weights))


def test_seeds_reach_a_small_far_group_that_random_ones_miss() -> None:
    random = np.random.default_rng(0)
    crowd = unit(np.eye(8)[0] + 0.05 * random.normal(size=(990, 8)))
    few = unit(np.eye(8)[1] + 0.05 * random.normal(size=(10, 8)))
    vectors = np.concatenate([crowd, few])
    assert all((spread_seeds(vectors, 5, seed=seed) >= 990).any() for seed in range(5))
    assert sum((np.random.default_rng(seed).permutation(1000)[:5] >= 990).any() for seed in range(5)) <= 1


def test_a_document_of_no_weight_is_chosen_last() -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(30, 4)))
    weights = np.where(np.arange(30) < 12, 1.0, 0.0)
    assert set(spread_seeds(vectors, 12, seed=3, weights=weights).tolist()) == set(range(12))
    assert set(spread_seeds(vectors, 20, seed=3, weights=weights)[:12].tolist()) == set(range(12))
    assert len(spread_seeds(vectors, 5, seed=3, weights=np.zeros(30))) == 5


def test_weights_move_the_seeds() -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(400, 4)))
    weights = np.where(np.arange(400) < 200, 20.0, 1.0)
    weighted, plain = (sum((spread_seeds(vectors, 40, seed=seed, weights=given) < 200).sum() for seed in range(5)) for given in (weights, None))
    assert weighted > plain + 30


def test_seeds_of_a_large_corpus_come_from_all_of_it_and_in_blocks() -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(POOL + 10_000, 3)))
    found = spread_seeds(vectors, 60, seed=0)
    assert len(set(found.tolist())) == 60
    assert found.max() >= POOL
    many = spread_seeds(vectors, 1_500, seed=0)
    assert len(set(many.tolist())) == 1_500


@pytest.mark.parametrize("weights", [np.ones(3), np.array([1.0, -1.0]), np.array([1.0, np.nan])])
def test_weights_that_cannot_be_are_refused(weights: Floats) -> None:
    with pytest.raises(ValueError, match="Expected 2 weights"):
        spread_seeds(unit(np.eye(2)), 1, seed=0, weights=weights)


# --- batches ---------------------------------------------------------------------------------------------------------


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, k = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    chosen = random.permutation(n)[: draw(st.integers(0, n))].astype(np.intp)
    return {
        "probabilities": random.dirichlet(np.full(k, 0.5), size=n),
        "chosen": chosen,
        "labels": random.integers(-1, k, len(chosen)) if draw(st.booleans()) else None,
        "reliability": random.random(n) if draw(st.booleans()) else None,
        "vectors": unit(random.normal(size=(n, 3))) if draw(st.booleans()) else None,
        "count": draw(st.integers(0, 50)),
        "rare_quota": draw(st.sampled_from([0.0, 0.2, 1.0])),
        "seed": draw(st.integers(0, 3)),
    }


@given(cases())
@settings(deadline=None, max_examples=50)
def test_a_batch_holds_new_documents_that_lie_apart_and_is_the_same_again(case: dict[str, Any]) -> None:
    found = next_batch(**case)
    n, before = len(case["probabilities"]), set(case["chosen"].tolist())
    assert len(set(found.tolist())) == len(found) <= case["count"]
    assert not before & set(found.tolist())
    assert np.array_equal(found, next_batch(**case))
    if case["vectors"] is None:
        assert len(found) == min(case["count"], n - len(before))
    else:
        together = cosines(case["vectors"], np.concatenate([case["chosen"], found]).astype(np.intp))[len(before) :]
        assert together.size == 0 or together.max() <= NEAR + 1e-5
        if len(found) < min(case["count"], n - len(before)):
            left = np.setdiff1d(np.arange(n), np.concatenate([case["chosen"], found]))
            taken = np.concatenate([case["chosen"], found]).astype(np.intp)
            assert (case["vectors"][left] @ case["vectors"][taken].T).max(axis=1).min() > NEAR - 1e-5


def test_each_predicted_category_gives_its_least_sure_documents_in_turn() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.55, 0.45, 0.0], [0.6, 0.4, 0.0], [0.52, 0.48, 0.0], [0.1, 0.9, 0.0], [0.0, 0.3, 0.7]])
    found = next_batch(probabilities, NO_PLACES, count=4, rare_quota=0.0, seed=0)
    assert set(found[:3].tolist()) == {3, 4, 5}, "one of each category, though two of the first are less sure than the others"
    assert found[3] == 1


def test_the_categories_with_fewest_labels_come_first_where_a_batch_is_smaller_than_their_number() -> None:
    probabilities = np.full((8, 4), 0.1) + 0.6 * np.eye(4)[np.arange(8) % 4]
    found = next_batch(probabilities, np.array([0, 4, 2]), count=2, labels=np.array([0, 0, 2]), rare_quota=0.0, seed=0)
    assert {place % 4 for place in found.tolist()} == {1, 3}


def test_of_two_unsure_documents_the_one_that_the_annotator_knows_is_asked() -> None:
    probabilities = np.array([[0.5, 0.5], [0.51, 0.49]])
    assert next_batch(probabilities, NO_PLACES, count=1, rare_quota=0.0, seed=0).tolist() == [0]
    assert next_batch(probabilities, NO_PLACES, count=1, reliability=np.array([0.4, 0.9]), rare_quota=0.0, seed=0).tolist() == [1]


def test_a_rare_category_gets_the_documents_most_probably_of_it_up_to_its_quota() -> None:
    random = np.random.default_rng(0)
    probabilities = np.column_stack([random.uniform(0.5, 0.6, 100), random.uniform(0.3, 0.4, 100), np.linspace(0.0, 0.1, 100)])
    labels = np.array([0] * 10 + [1] * 10)
    found = next_batch(probabilities, np.arange(20), count=10, labels=labels, rare_quota=0.2, seed=0)
    assert found[:2].tolist() == [99, 98], "nobody is predicted to be of the third category, which has no label yet"
    assert not {97, 96, 95} <= set(found.tolist())
    without = next_batch(probabilities, np.arange(20), count=10, labels=labels, rare_quota=0.0, seed=0)
    assert 99 not in without.tolist() or 98 not in without.tolist()


def test_a_category_that_the_student_knows_nothing_of_takes_no_place() -> None:
    probabilities = np.column_stack([np.linspace(0.5, 0.9, 20), np.linspace(0.5, 0.1, 20), np.zeros(20)])
    quota = next_batch(probabilities, NO_PLACES, count=4, labels=NO_PLACES, rare_quota=1.0, seed=0)
    assert {0, 19} <= set(quota.tolist()), "the two that it does know share the quota"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": np.zeros(2, dtype=np.intp)}, "Expected 1 labels"),
        ({"reliability": np.ones(2)}, "Expected 3 reliabilities"),
        ({"vectors": unit(np.eye(2))}, "Expected 3 vectors"),
        ({"rare_quota": 2.0}, "rare_quota from 0 to 1"),
    ],
)
def test_columns_that_do_not_fit_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next_batch(np.full((3, 2), 0.5), np.array([0]), count=1, seed=0, **wrong)


# --- when it is enough -----------------------------------------------------------------------------------------------


def test_a_clear_gain_goes_on_and_noise_stops() -> None:
    earlier = np.arange(200) < 120
    clear = gain_is_noise(earlier, np.arange(200) < 150, resamples=2000, seed=0)
    assert (clear.gain, clear.n, clear.stop) == (0.15, 200, False)
    assert 0.09 < clear.low < 0.12 < 0.18 < clear.high < 0.21, "the normal interval is 0.10 to 0.20"
    swapped = earlier.copy()
    swapped[100:124] = ~swapped[100:124]  # 20 fall, 4 rise
    worse = gain_is_noise(earlier, swapped, resamples=2000, seed=0)
    assert worse.gain == pytest.approx(-0.08)
    assert worse.stop
    same = gain_is_noise(earlier, earlier, resamples=2000, seed=0)
    assert (same.gain, same.low, same.high, same.stop) == (0.0, 0.0, 0.0, True)


def test_a_gain_says_in_words_what_follows() -> None:
    assert Gain(0.15, 0.1, 0.2, 200, 0.95, stop=False).words == (
        "Agreement on 200 held-out documents rose by 15.0 points (95% interval +10.0 to +20.0): further labels are worth it."
    )
    assert "fell by 1.0 points (90% interval -3.0 to +1.0): no gain is shown" in Gain(-0.01, -0.03, 0.01, 200, 0.9, stop=True).words
    assert "stayed the same (95%" in Gain(0.0, 0.0, 0.0, 9, 0.95, stop=True).words


def test_the_interval_holds_the_true_gain_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(5), []
    for _ in range(300):
        earlier = random.random(150) < 0.6
        later = np.where(random.random(150) < 0.1, ~earlier, earlier)  # a tenth turns: a gain of 0.04 * 1 - 0.06 * 1 = -0.02
        gain = gain_is_noise(earlier, later, resamples=500, seed=1)
        held.append(gain.low <= -0.02 <= gain.high)
    assert 0.90 <= np.mean(held) <= 0.99


def test_two_rounds_in_a_row_may_be_asked_for() -> None:
    up, flat = Gain(0.1, 0.05, 0.15, 100, 0.95, stop=False), Gain(0.0, -0.02, 0.02, 100, 0.95, stop=True)
    assert is_enough([up, flat])
    assert not is_enough([up, flat], in_a_row=2)
    assert is_enough([flat, flat], in_a_row=2)
    assert not is_enough([flat, up])
    assert not is_enough([])


def test_held_out_documents_must_be_the_same() -> None:
    with pytest.raises(ValueError, match="found 3 and 2"):
        gain_is_noise(np.ones(3, dtype=bool), np.ones(2, dtype=bool), resamples=10, seed=0)
    with pytest.raises(ValueError, match="at least 1"):
        gain_is_noise(np.ones(0, dtype=bool), np.ones(0, dtype=bool), resamples=10, seed=0)
