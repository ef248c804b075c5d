"""Of the candidates one is kept for a stated reason, and updates end when they gain nothing."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Measure
from pipeline.taxonomy.candidates import saturated, select
from pipeline.taxonomy.figures import mean_of, share_of, wilson
from tests.candidates import candidate


def shares(number: int, **values: float | tuple[float, int]) -> list[Measure]:
    found = []
    for metric, value in values.items():
        share, n = value if isinstance(value, tuple) else (value, 60)
        found += share_of(f"tax:{number}", metric, round(share * n), n, judge="m")
    return found


TWO = [candidate("A", "B"), candidate("C", "D", number=1)]
THREE = [*TWO, candidate("E", "F", number=2)]


def test_a_candidate_that_leaves_texts_uncovered_is_left_out_however_good_it_is_otherwise() -> None:
    number, why = select(
        TWO, [shares(0, coverage=0.5, distinctness=1.0, judge_wins=1.0, judge_consistency=1.0), shares(1, coverage=0.95, overlap=0.9)]
    )
    assert number == 1
    assert "candidate 2 of 2: coverage 0.95 (0.86 to 0.98, n 60), overlap 0.90" in why
    assert "candidate 1 was left out: its coverage 0.50 (0.38 to 0.62, n 60) is below 0.86, the lower end of the best" in why


def test_within_the_sampling_error_of_coverage_the_whole_score_decides() -> None:
    number, why = select(TWO, [shares(0, coverage=0.95, overlap=0.4), shares(1, coverage=0.9, overlap=0.1)])
    assert number == 1
    assert why.endswith("score 0.80 against 0.55 of candidate 1")


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"coverage": 0.95}, {"coverage": 0.9}),
        ({"overlap": 0.1}, {"overlap": 0.2}),
        ({"distinctness": 0.5}, {"distinctness": 0.4}),
        ({"stability": 0.9}, {"stability": 0.8}),
        ({"judge_wins": 0.6, "judge_consistency": 0.5}, {"judge_wins": 0.4, "judge_consistency": 0.5}),
    ],
)
def test_each_part_of_the_score_can_decide(better: dict[str, float], worse: dict[str, float]) -> None:
    alike = {"coverage": 0.9, "overlap": 0.2, "distinctness": 0.5, "stability": 0.7, "judge_wins": 0.5, "judge_consistency": 0.5}
    good, bad = shares(0, **{**alike, **better}), shares(1, **{**alike, **worse})
    assert select(TWO, [good, bad])[0] == 0
    assert select(TWO, [bad, good])[0] == 1


def test_a_judge_that_contradicts_itself_decides_little() -> None:
    won = {"judge_wins": 1.0, "judge_consistency": 0.1}
    assert select(TWO, [shares(0, coverage=0.9, overlap=0.2), shares(1, coverage=0.9, overlap=0.3, **won)])[0] == 0
    assert select(TWO, [shares(0, coverage=0.9, overlap=0.2), shares(1, coverage=0.9, overlap=0.3, **won | {"judge_consistency": 0.8})])[0] == 1


def test_an_absent_judge_is_a_draw() -> None:
    lost = shares(0, coverage=0.9, judge_wins=0.4, judge_consistency=0.5)
    assert select(TWO, [lost, shares(1, coverage=0.9)])[0] == 1
    assert select(TWO, [lost, shares(1, coverage=0.9, judge_consistency=0.0)])[0] == 1


def test_ties_go_to_the_first_and_the_choice_is_the_same_each_time() -> None:
    alike = [shares(number, coverage=0.9, overlap=0.1, distinctness=0.5) for number in range(3)]
    assert select(THREE, alike) == select(THREE, alike)
    assert select(THREE, alike)[0] == 0


def test_one_candidate_is_chosen_whatever_its_figures() -> None:
    number, why = select(TWO[:1], [shares(0, coverage=0.1)])
    assert (number, why) == (0, "the only candidate: coverage 0.10 (0.05 to 0.20, n 60)")
    assert select(TWO[:1], [[]]) == (0, "the only candidate: nothing was measured")


def test_one_category_that_covers_everything_is_no_taxonomy() -> None:
    lone = candidate("Messages", number=1)
    number, why = select([TWO[0], lone], [shares(0, coverage=0.4), shares(1, coverage=1.0)])
    assert number == 0
    assert "candidate 2 was left out: it has 1 category" in why
    assert select([lone, lone], [shares(0, coverage=0.4), shares(1, coverage=1.0)])[0] == 1, "where all are so, coverage decides"


def test_without_validation_texts_citations_stand_for_coverage() -> None:
    number, why = select(TWO, [shares(0, citation_coverage=(0.5, 200)), shares(1, citation_coverage=(0.9, 200))])
    assert number == 1
    assert "citation coverage 0.90" in why


@given(st.permutations(range(3)), st.lists(st.tuples(*[st.integers(0, 60)] * 4), min_size=3, max_size=3))
@settings(deadline=None)
def test_the_order_of_the_candidates_changes_nothing_but_ties(order: list[int], hits: list[tuple[int, ...]]) -> None:
    names = ("coverage", "overlap", "distinctness", "stability")
    measures = [shares(0, **{name: count / 60 for name, count in zip(names, row, strict=True)}) for row in hits]
    first, again = select(THREE, measures)[0], order[select(THREE, [measures[place] for place in order])[0]]
    value = [[{one.metric: one.value for one in of_one}[name] for name in names] for of_one in (measures[first], measures[again])]
    assert value[0][0] - value[0][1] + value[0][2] + value[0][3] == pytest.approx(value[1][0] - value[1][1] + value[1][2] + value[1][3])


@pytest.mark.parametrize(
    ("ratings", "added", "expected"),
    [
        ([], [], False),
        ([1.0], [0], False),
        ([0.95, 0.95], [0, 0], True),
        ([0.95, 0.94], [0, 0], False),
        ([0.97, 0.97], [1, 0], False),
        ([0.5, 0.97, 0.97], [3, 0, 0], True),
        ([0.8, 0.8, 0.8], [0, 0, 0], False),
        ([0.8, 0.8, 0.8, 0.8], [0, 0, 0, 0], True),
        ([0.8, 0.7, 0.75, 0.81], [2, 0, 0, 0], True),
        ([0.8, 0.7, 0.75, 0.83], [2, 0, 0, 0], False),
        ([0.8, 0.83, 0.75, 0.8], [2, 0, 0, 0], False),
        ([0.8, 0.8, 0.8, 0.8], [0, 1, 0, 0], False),
        ([0.8, 0.8, 0.8, 0.8], [1, 0, 0, 1], False),
    ],
)
def test_updates_end_when_nothing_new_is_seen_or_nothing_more_is_gained(ratings: list[float], added: list[int], expected: bool) -> None:
    assert saturated(ratings, added) is expected


@given(st.lists(st.floats(0, 1), max_size=8))
def test_updates_go_on_while_they_add_categories(ratings: list[float]) -> None:
    assert not saturated(ratings, [1] * len(ratings))


def test_ratings_and_counts_must_be_of_the_same_minibatches() -> None:
    with pytest.raises(ValueError, match="2 ratings and 1 counts"):
        saturated([0.9, 0.9], [0])


def test_intervals() -> None:
    low, high = wilson(0.5, 10)
    assert (round(low, 4), round(high, 4)) == (0.2366, 0.7634)
    assert wilson(1.0, 20)[0] == pytest.approx(20 / (20 + 1.959964**2))
    (mean,) = mean_of("tax:1", "distinctness", [0.2, 0.4, 0.6], judge="m")
    assert (mean.value, mean.n) == (pytest.approx(0.4), 3)
    assert mean.low == 0.0, "0.4 - 4.303 * 0.2 / sqrt(3) lies below 0"
    assert mean.high == pytest.approx(0.4 + 4.302653 * 0.2 / math.sqrt(3), abs=1e-5)
    assert share_of("tax:1", "coverage", 0, 0, judge="m") == mean_of("tax:1", "coverage", [], judge="m") == []


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval_and_the_interval_has_a_width(case: tuple[int, int]) -> None:
    low, high = wilson(case[0] / case[1], case[1])
    assert 0 <= low < high <= 1
    assert low - 1e-12 <= case[0] / case[1] <= high + 1e-12
