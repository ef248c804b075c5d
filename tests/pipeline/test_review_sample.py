"""A sample of predicted categories: as large as the interval needs, from every category, and figures that hold the truth."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.review_estimate import stratified_share
from pipeline.evaluation.review_sample import allocate, draw, plan_sample, rater_order, sample_size, share_out
from pipeline.intervals import wilson

SIZES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(1, 400), min_size=1, max_size=20)


@given(SIZES, st.integers(0, 3000), st.integers(0, 5))
def test_an_allocation_is_as_large_as_asked_and_takes_no_more_than_there_is(sizes: dict[str, int], count: int, least: int) -> None:
    found = allocate(sizes, count, least=least)
    floor = sum(min(least, size) for size in sizes.values())
    assert sum(found.values()) == min(sum(sizes.values()), max(count, floor))
    assert all(min(least, size) <= found[stratum] <= size for stratum, size in sizes.items())


@given(SIZES, st.integers(0, 3000))
def test_without_a_floor_each_stratum_gets_its_share_but_for_one_document(sizes: dict[str, int], count: int) -> None:
    found, population = allocate(sizes, count, least=0), sum(sizes.values())
    wanted = min(count, population)
    assert all(abs(found[stratum] - wanted * size / population) < 1 for stratum, size in sizes.items())


@pytest.mark.parametrize(("half_width", "expected", "population"), [(0.05, 0.8, 2000), (0.03, 0.9, 100_000), (0.1, 0.5, 300)])
def test_the_size_gives_the_interval_that_was_wanted(half_width: float, expected: float, population: int) -> None:
    size = sample_size(half_width, expected, population)
    unseen = 1 - size / population
    low, high = wilson(expected, round(size / unseen))
    assert (high - low) / 2 == pytest.approx(half_width, rel=0.05)


def test_a_small_population_is_not_asked_for_more_than_it_has() -> None:
    assert sample_size(0.01, 0.5, 20) == 20
    assert plan_sample({"a": 12, "b": 1}, half_width=0.01).size == 13


def test_a_labeller_that_is_sure_of_itself_does_not_make_the_sample_tiny() -> None:
    sizes = {"a": 4000, "b": 1000}
    assert plan_sample(sizes, half_width=0.05, expected=1.0).size == plan_sample(sizes, half_width=0.05, expected=0.95).size >= 70
    assert plan_sample(sizes, half_width=0.05).size > 300, "where nothing is known"


def test_many_rare_categories_get_their_floor_and_the_interval_is_reached_all_the_same() -> None:
    sizes = {"large": 3000} | {f"rare {number}": 10 for number in range(60)}
    plan = plan_sample(sizes, half_width=0.05, expected=0.8, least=3)
    assert all(plan.allocation[stratum] >= 3 for stratum in sizes)
    assert plan.reached <= 0.05
    assert f"{plan.size} of 3600 texts, for ± 0.05" in plan.words


def test_a_larger_sample_of_the_same_seed_holds_the_smaller_one_and_weights_add_up_to_the_population() -> None:
    strata = {"a": [f"a{number}" for number in range(70)], "b": [f"b{number}" for number in range(9)]}
    small, large = (draw(strata, plan_sample({"a": 70, "b": 9}, count=count).allocation, seed=3) for count in (20, 40))
    assert {one.text_hash for one in small} < {one.text_hash for one in large}
    assert Counter(one.stratum for one in large)["b"] >= 2
    for drawn in (small, large):
        assert sum(one.weight for one in drawn if one.stratum == "a") == pytest.approx(70)
        assert sum(one.weight for one in drawn) == pytest.approx(79)
    assert [one.text_hash for one in small] != [one.text_hash for one in draw(strata, {"a": 18, "b": 2}, seed=4)]


def test_every_text_goes_to_one_rater_and_the_shared_ones_to_all() -> None:
    texts, raters = [f"t{number}" for number in range(100)], ["anna", "ben", "carla"]
    who = share_out(texts, raters, overlap=0.4, seed=1)
    assert Counter(map(len, who.values())) == {3: 40, 1: 60}
    assert Counter(rater for own in who.values() for rater in own) == {"anna": 60, "ben": 60, "carla": 60}
    assert share_out(texts, [], overlap=0.4, seed=1) == dict.fromkeys(texts, ())


def test_each_rater_sees_another_order() -> None:
    texts = [f"t{number}" for number in range(50)]
    orders = {rater: rater_order(texts, "sheet:1", rater, seed=1) for rater in ("anna", "ben")}
    assert orders["anna"] != orders["ben"]
    assert sorted(orders["anna"]) == sorted(orders["ben"]) == sorted(texts)


def shares(seed: int, *, categories: int, texts: int, accuracy: float, spread: float, count: int, sheets: int) -> tuple[float, float]:
    """Give how many of the intervals hold the truth, and the mean error, of many sheets drawn from one corpus."""
    random = np.random.default_rng(seed)
    sizes = np.maximum(1, random.multinomial(texts, random.dirichlet(np.full(categories, 0.7))))
    right = random.binomial(sizes, np.clip(random.normal(accuracy, spread, categories), 0, 1))
    truth = right.sum() / sizes.sum()
    names = [f"{number:02}" for number in range(categories)]
    population = dict(zip(names, map(int, sizes), strict=True))
    taken = np.array([plan_sample(population, count=count).allocation[name] for name in names])
    strata = np.repeat(names, taken).tolist()
    held, errors = 0, []
    for _ in range(sheets):
        hits = random.hypergeometric(right, sizes - right, taken)
        figure = stratified_share(np.concatenate([np.arange(n) < k for n, k in zip(taken, hits, strict=True)]).tolist(), strata, population)
        held += figure.low <= truth <= figure.high
        errors.append(figure.value - truth)
    return held / sheets, float(np.mean(errors))


@pytest.mark.parametrize(
    ("accuracy", "spread", "categories", "count"),
    [(0.8, 0.1, 8, 220), (0.7, 0.2, 64, 290), (0.97, 0.03, 18, 200), (0.995, 0.004, 5, 100), (0.6, 0.3, 20, 60)],
)
def test_the_interval_of_a_weighted_figure_holds_the_truth(accuracy: float, spread: float, categories: int, count: int) -> None:
    held, error = shares(7, categories=categories, texts=3000, accuracy=accuracy, spread=spread, count=count, sheets=500)
    assert held >= 0.93
    assert abs(error) < 0.01


def test_weights_undo_what_the_floor_did() -> None:
    sizes = {"large": 990.0, "rare": 10.0}
    figure = stratified_share([True] * 8 + [False] * 2, ["large"] * 8 + ["rare"] * 2, sizes)
    assert figure.value == pytest.approx(0.99)
    assert figure.n == 10
    assert figure.low < 0.75, "ten documents prove little"


def test_everything_looked_at_leaves_nothing_unsure() -> None:
    figure = stratified_share([True, False, True], ["a", "a", "b"], {"a": 2, "b": 1})
    assert (figure.value, figure.low, figure.high) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
