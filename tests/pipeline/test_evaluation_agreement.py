"""Figures of agreement are those of scikit-learn, statsmodels, krippendorff and of published cases, and say so where they mean nothing."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from pipeline.evaluation.agreement import (
    Agreement,
    Distance,
    Ratings,
    agreement_figures,
    always_says,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    label_agreement,
    rater_quality,
)

ANSWERS = ("a", "b", "c", None)
MISSING = "-"


def as_ratings(rows: Sequence[Sequence[str | None]]) -> dict[str, dict[str, str | None]]:
    return {f"r{place}": {f"t{text:03}": label for text, label in enumerate(row) if label != MISSING} for place, row in enumerate(rows)}


def tables(raters: st.SearchStrategy[int], answers: Sequence[str | None]) -> st.SearchStrategy[list[list[str | None]]]:
    return st.tuples(raters, st.integers(1, 30)).flatmap(
        lambda size: st.lists(
            st.lists(st.sampled_from(answers), min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0],
        )
    )  # fmt: skip


def by_name(found: Sequence[Agreement]) -> dict[tuple[str, str | None], Agreement]:
    return {(one.metric, one.label): one for one in found}


@given(tables(st.just(2), (*ANSWERS, MISSING)))
@settings(deadline=None)
def test_cohens_kappa_is_that_of_scikit_learn_and_statsmodels(rows: list[list[str | None]]) -> None:
    both = [(str(one), str(other)) for one, other in zip(*rows, strict=True) if MISSING not in (one, other)]
    found = cohen_kappa(*as_ratings(rows).values())
    names = sorted({name for pair in both for name in pair})
    if len(names) < 2:
        assert found is None
        return
    assert found == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)), abs=1e-9)
    counts = np.array([[both.count((one, other)) for other in names] for one in names])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the variance, which is not asked for
        assert found == pytest.approx(inter_rater.cohens_kappa(counts).kappa, abs=1e-9)


@given(tables(st.integers(2, 5), ANSWERS))
@settings(deadline=None)
def test_fleiss_kappa_is_that_of_statsmodels_where_nothing_is_missing(rows: list[list[str | None]]) -> None:
    found = fleiss_kappa(as_ratings(rows))
    counts, names = inter_rater.aggregate_raters(np.array([[str(label) for label in row] for row in rows]).T)
    if len(names) < 2:
        assert found is None
    else:
        assert found == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-9)


@given(tables(st.integers(2, 5), (*ANSWERS, MISSING)))
@settings(deadline=None)
def test_krippendorffs_alpha_is_that_of_its_package_with_ratings_missing(rows: list[list[str | None]]) -> None:
    numbers = np.array([[np.nan if label == MISSING else float(ANSWERS.index(label)) for label in row] for row in rows])
    pairable = numbers[:, (~np.isnan(numbers)).sum(axis=0) >= 2]
    found = krippendorff_alpha(as_ratings(rows))
    if len(np.unique(pairable[~np.isnan(pairable)])) < 2:
        assert found is None
    else:
        assert found == pytest.approx(krippendorff.alpha(pairable, level_of_measurement="nominal"), abs=1e-9)


SETS = st.sets(st.sampled_from("abc"), max_size=3).map(frozenset)


def distance_of(one: frozenset[str], other: frozenset[str], kind: Distance) -> float:
    if one == other:
        return 0.0
    jaccard = len(one & other) / len(one | other)
    part = 2 / 3 if one < other or other < one else 1 / 3
    return 1.0 if kind == "nominal" else 1 - jaccard * (part if kind == "masi" else 1)


def alpha_by_pairs(ratings: Mapping[str, Mapping[str, frozenset[str]]], kind: Distance) -> float | None:
    units = [[row[text] for row in ratings.values() if text in row] for text in sorted(set().union(*ratings.values()))]
    units = [unit for unit in units if len(unit) >= 2]
    values = [value for unit in units for value in unit]
    observed = sum(distance_of(*pair, kind) / (len(unit) - 1) for unit in units for pair in permutations(unit, 2))
    expected = sum(distance_of(*pair, kind) for pair in permutations(values, 2)) / max(1, len(values) - 1)
    return None if expected == 0 else 1 - observed / expected


@given(st.lists(st.dictionaries(st.sampled_from([f"t{place}" for place in range(8)]), SETS), min_size=2, max_size=4))
@settings(deadline=None)
def test_alpha_of_sets_is_the_distance_of_all_pairs_of_ratings(rows: list[dict[str, frozenset[str]]]) -> None:
    ratings = {f"r{place}": row for place, row in enumerate(rows)}
    kinds: tuple[Distance, ...] = ("nominal", "masi", "jaccard")
    for kind in kinds:
        expected, found = alpha_by_pairs(ratings, kind), krippendorff_alpha(ratings, distance=kind)
        assert found == (expected if expected is None else pytest.approx(expected, abs=1e-9))


def test_published_cases_come_out_as_published() -> None:
    # Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C: 0.743.
    krippendorffs = ["123321412---", "1233224125-3", "-333234225 1-".replace(" ", ""), "1233244125 1-".replace(" ", "")]
    assert krippendorff_alpha(as_ratings(krippendorffs)) == pytest.approx(0.743, abs=5e-4)
    # Fleiss' worked example of 14 raters and 10 subjects, as in Wikipedia's article: 0.210.
    counts = ["0 0 0 0 14", "0 2 6 4 2", "0 0 3 5 6", "0 3 9 2 0", "2 2 8 1 1", "7 7 0 0 0", "3 2 6 3 0", "2 5 3 2 2", "6 5 2 1 0", "0 2 2 3 7"]
    subjects = ["".join(label * int(count) for label, count in zip("abcde", row.split(), strict=True)) for row in counts]
    assert fleiss_kappa(as_ratings(list(zip(*subjects, strict=True)))) == pytest.approx(0.210, abs=5e-4)
    # Gwet (2008), table 2 in shape: 118 + and +, 5 + and -, 2 - and +: kappa is below chance, AC1 0.94, PABAK 2 * 118 / 125 - 1.
    one, other = "y" * 118 + "y" * 5 + "n" * 2, "y" * 118 + "n" * 5 + "y" * 2
    found = {name: figure.figure for (name, _), figure in by_name(agreement_figures(as_ratings([one, other]), resamples=50, seed=1)).items()}
    assert found["cohen_kappa"].value == pytest.approx(-0.0234, abs=5e-4)
    assert found["gwet_ac1"].value == pytest.approx(0.9408, abs=5e-4)
    assert found["brennan_prediger"].value == pytest.approx(2 * 118 / 125 - 1)
    assert found["raw_agreement"].value == pytest.approx(118 / 125)


def test_two_labels_more_to_choose_from_leave_less_to_chance() -> None:
    ratings = as_ratings(["aabb", "aabc"])
    few, many = (by_name(agreement_figures(ratings, resamples=10, seed=1, categories=count))["brennan_prediger", None] for count in (3, 12))
    assert few.figure.value == pytest.approx((0.75 - 1 / 3) / (1 - 1 / 3))
    assert many.figure.value == pytest.approx((0.75 - 1 / 12) / (1 - 1 / 12))


def test_agreement_on_one_label_is_that_on_naming_it_and_that_on_leaving_it_out() -> None:
    one, other = "a" * 40 + "a" * 5 + "b" * 5 + "b" * 50, "a" * 40 + "b" * 5 + "a" * 5 + "b" * 50
    found = by_name(label_agreement(as_ratings([one, other]), resamples=200, seed=1))
    assert found["positive_agreement", "a"].figure.value == pytest.approx(80 / 90)
    assert found["negative_agreement", "a"].figure.value == pytest.approx(100 / 110)
    assert found["raw_agreement", "a"].figure.value == pytest.approx(0.9)
    assert found["pabak", "a"].figure.value == pytest.approx(0.8)
    assert found["fleiss_kappa", "a"].figure.value == pytest.approx((0.9 - 0.505) / 0.495)
    assert all(row.figure.low < row.figure.value < row.figure.high and row.figure.n == 100 for row in found.values())


def test_a_label_among_several_is_a_question_of_its_own() -> None:
    ratings: Ratings = {"r1": {"t1": {"a", "b"}, "t2": {"a"}, "t3": set()}, "r2": {"t1": {"a"}, "t2": {"a"}, "t3": {"b"}}}
    found = by_name(label_agreement(ratings, resamples=50, seed=1))
    assert {label for _, label in found} == {"a", "b"}
    assert found["raw_agreement", "a"].figure.value == 1.0
    assert found["raw_agreement", "b"].figure.value == pytest.approx(1 / 3)
    assert found["positive_agreement", "b"].figure.value == 0.0


@given(tables(st.integers(2, 4), (*ANSWERS, MISSING)))
@settings(max_examples=25, deadline=None)
def test_every_figure_lies_in_its_interval_whoever_rates_in_whatever_order(rows: list[list[str | None]]) -> None:
    ratings = as_ratings(rows)
    found = agreement_figures(ratings, resamples=60, seed=1)
    assert found == agreement_figures({rater: dict(reversed(ratings[rater].items())) for rater in reversed(ratings)}, resamples=60, seed=1)
    for one in [*found, *label_agreement(ratings, resamples=60, seed=1)]:
        assert one.figure.low <= one.figure.high
        assert -1 - 1e-9 <= one.figure.value <= 1 + 1e-9
        assert one.figure.n == sum(1 for column in zip(*rows, strict=True) if sum(label != MISSING for label in column) >= 2)


def noisy(n: int, rights: Sequence[float], *, labels: str = "abcd", seed: int = 5) -> list[list[str]]:
    """Let raters be right with such probabilities, and say any of the other labels otherwise."""
    random = np.random.default_rng(seed)
    gold = random.integers(len(labels), size=n)
    return [
        [labels[place] for place in np.where(random.random(n) < right, gold, (gold + random.integers(1, len(labels), n)) % len(labels))]
        for right in rights
    ]


@pytest.mark.parametrize("metric", ["cohen_kappa", "fleiss_kappa", "krippendorff_alpha", "brennan_prediger", "gwet_ac1"])
def test_the_interval_holds_the_kappa_of_known_error_rates_about_as_often_as_it_says(metric: str) -> None:
    # Of two raters right with 0.85 among four equally frequent labels, every coefficient is (0.85² + 0.15² / 3 - 1 / 4) / (3 / 4).
    truth = (0.85**2 + 0.15**2 / 3 - 0.25) / 0.75
    held = 0
    for seed in range(40):
        found = by_name(agreement_figures(as_ratings(noisy(200, (0.85, 0.85), seed=seed)), resamples=300, seed=seed))[metric, None].figure
        held += found.low <= truth <= found.high
    assert held >= 34  # 38 are expected of 40; fewer than 34 would come about once in 50 such tests


def test_intervals_are_those_of_resampling_documents_one_by_one() -> None:
    rows = noisy(120, (0.9, 0.8, 0.6))
    found = by_name(agreement_figures(as_ratings(rows), resamples=2000, seed=1))["krippendorff_alpha", None].figure
    random = np.random.default_rng(3)
    columns = list(zip(*rows, strict=True))
    drawn = []
    for _ in range(400):
        resample = [columns[place] for place in random.integers(len(columns), size=len(columns))]
        drawn.append(krippendorff_alpha(as_ratings(list(zip(*resample, strict=True)))))
    low, high = np.quantile(np.array(drawn, dtype=np.float64), [0.025, 0.975])
    assert (found.low, found.high) == (pytest.approx(low, abs=0.025), pytest.approx(high, abs=0.025))


def test_a_rater_who_always_says_the_same_agrees_by_chance_alone_and_is_named() -> None:
    honest = "y" * 45 + "n" * 5
    ratings = as_ratings([honest, "y" * 50])
    found = by_name(agreement_figures(ratings, resamples=200, seed=1))
    assert found["raw_agreement", None].figure.value == 0.9
    assert found["cohen_kappa", None].figure.value == cohen_kappa(ratings["r0"], ratings["r1"]) == 0.0
    assert always_says(ratings) == {"r1": "y"}
    assert [one.always for one in rater_quality(ratings, resamples=50, seed=1)] == [None, "y"]
    assert rater_quality(ratings, resamples=50, seed=1)[1].kappa == found["cohen_kappa", None].figure
    assert always_says(as_ratings([[None] * 9, "y" * 4])) == {"r0": "(none)"}  # four ratings are too few to say so


def test_where_all_say_one_thing_no_kappa_is_defined_and_none_is_told() -> None:
    ratings = as_ratings(["yyyyyy", "yyyyyy"])
    assert [function(ratings) for function in (fleiss_kappa, krippendorff_alpha)] == [None, None]
    assert cohen_kappa(ratings["r0"], ratings["r1"]) is None
    assert [one.metric for one in agreement_figures(ratings, resamples=20, seed=1)] == ["raw_agreement"]
    with_choice = [one.metric for one in agreement_figures(ratings, resamples=20, seed=1, categories=2)]
    assert with_choice == ["raw_agreement", "brennan_prediger", "gwet_ac1"]  # their chance does not hang on what was said


def test_nothing_that_two_raters_rated_gives_no_figure() -> None:
    for ratings in ({}, as_ratings(["ab"]), as_ratings(["a-", "-b"])):
        assert agreement_figures(ratings, resamples=20, seed=1) == label_agreement(ratings, resamples=20, seed=1) == []
        assert fleiss_kappa(ratings) is None
    lone = rater_quality(as_ratings(["a-", "-b"]), resamples=20, seed=1)
    assert [(one.n, one.with_others, one.kappa, one.with_majority, one.rest, one.below) for one in lone] == [(0, *[None] * 4, False)] * 2


def test_perfect_agreement_on_few_documents_has_a_wide_interval() -> None:
    few, many = (by_name(agreement_figures(as_ratings(["ab" * n] * 3), resamples=50, seed=1)) for n in (3, 100))
    for metric in ("raw_agreement", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha", "brennan_prediger", "gwet_ac1"):
        assert few[metric, None].figure.value == 1.0
        assert few[metric, None].figure.low < 0.7 < many[metric, None].figure.low < 1.0


def test_a_rater_below_the_rest_is_found_and_no_other() -> None:
    found = rater_quality(as_ratings(noisy(400, (0.9, 0.6, 0.9, 0.88))), resamples=300, seed=1)
    assert [one.rater for one in found if one.below] == ["r1"]
    assert rater_quality(as_ratings(noisy(400, (0.85, 0.85, 0.85))), resamples=300, seed=1)[0].below is False


@given(tables(st.integers(2, 4), (*ANSWERS, MISSING)))
@settings(max_examples=40, deadline=None)
def test_a_rater_is_held_against_each_other_and_against_what_most_of_them_say(rows: list[list[str | None]]) -> None:
    assume(any(sum(label != MISSING for label in column) >= 2 for column in zip(*rows, strict=True)))
    for place, quality in enumerate(rater_quality(as_ratings(rows), resamples=5, seed=1)):
        shares, hits, among = [], [], []
        for column in zip(*rows, strict=True):
            others = [label for other, label in enumerate(column) if other != place and label != MISSING]
            if len(others) >= 2:
                among.append(np.mean([one == other for one, other in combinations(others, 2)]))
            if column[place] == MISSING or not others:
                continue
            shares.append(np.mean([label == column[place] for label in others]))
            top = [label for label in set(others) if others.count(label) == max(map(others.count, others))]
            hits += [column[place] == top[0]] if len(top) == 1 else []
        assert quality.n == len(shares)
        for figure, expected in ((quality.with_others, shares), (quality.with_majority, hits), (quality.rest, among)):
            assert (figure is None) == (not expected)
            if figure is not None:
                assert (figure.value, figure.n) == (pytest.approx(np.mean(expected)), len(expected))
