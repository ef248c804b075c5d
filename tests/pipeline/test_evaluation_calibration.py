"""Figures of calibration are those of scikit-learn where it has them, depend on no order, and say what chance alone would give."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from pipeline.evaluation.calibration import (
    area_under_risk_coverage,
    auroc,
    brier,
    calibration_figures,
    chance_calibration_error,
    expected_calibration_error,
    reliability_points,
    risk_coverage_points,
)
from pipeline.intervals import wilson

Floats = npt.NDArray[np.float64]
# Few distinct values, so that there are ties.
JUDGED = st.lists(st.tuples(st.integers(0, 12).map(lambda value: value / 12), st.booleans()), min_size=1, max_size=150)
METRICS: list[Callable[[Any, Any], float | None]] = [expected_calibration_error, brier, auroc, area_under_risk_coverage]


def believable(n: int, *, seed: int = 0) -> tuple[Floats, Floats]:
    """Draw probabilities that are true: each label is right as often as it says."""
    random = np.random.default_rng(seed)
    probabilities = random.beta(4, 1.5, n)
    return probabilities, (random.random(n) < probabilities).astype(float)


def split(judged: list[tuple[float, bool]]) -> tuple[list[float], list[bool]]:
    return [probability for probability, _ in judged], [right for _, right in judged]


@given(JUDGED)
@settings(max_examples=50, deadline=None)
def test_brier_and_auroc_are_those_of_scikit_learn(judged: list[tuple[float, bool]]) -> None:
    probabilities, right = split(judged)
    assert brier(probabilities, right) == pytest.approx(brier_score_loss(right, probabilities, pos_label=True))
    if len(set(right)) == 1:
        assert auroc(probabilities, right) is None
    else:
        assert auroc(probabilities, right) == pytest.approx(roc_auc_score(right, probabilities))


@pytest.mark.parametrize(("binning", "strategy"), [("mass", "quantile"), ("width", "uniform")])
def test_the_reliability_curve_and_its_gap_are_those_of_scikit_learn(binning: Any, strategy: str) -> None:
    probabilities, right = believable(600)
    accuracy, confidence = calibration_curve(right, probabilities, n_bins=15, strategy=strategy)
    points = reliability_points("annotator:a", probabilities, right, binning=binning)
    assert [point.x for point in points] == pytest.approx(confidence.tolist())
    assert [point.y for point in points] == pytest.approx(accuracy.tolist())
    gap = sum(point.n * abs(point.x - point.y) for point in points) / 600
    assert expected_calibration_error(probabilities, right, binning=binning) == pytest.approx(gap)


def test_errors_of_calibration_worked_by_hand() -> None:
    # Equal mass: 40 documents make two bins of 20, here 0.2 (5 of 20 right) and 0.9 (12 of 20 right).
    probabilities, right = [0.2] * 20 + [0.9] * 20, [True] * 5 + [False] * 15 + [True] * 12 + [False] * 8
    assert expected_calibration_error(probabilities, right) == pytest.approx((0.05 + 0.3) / 2)
    # One document fewer, and there is one bin: gaps in opposite directions cancel.
    assert expected_calibration_error([0.2] * 19 + [0.9] * 20, right[1:]) == pytest.approx(abs((0.2 * 19 + 0.9 * 20) - 16) / 39)
    # Equal width does not mind how few there are.
    assert expected_calibration_error([0.2, 0.9], [False, False], binning="width") == pytest.approx(0.55)
    assert expected_calibration_error([0.2, 0.9], [False, False], bins=1, binning="width") == pytest.approx(0.55)
    assert expected_calibration_error([0.2, 0.9], [True, False], bins=1, binning="width") == pytest.approx(0.05)
    assert expected_calibration_error([0.2, 0.9], [True, False], bins=2, binning="width") == pytest.approx(0.85)


def test_the_area_under_risk_and_coverage_worked_by_hand() -> None:
    assert area_under_risk_coverage([0.9, 0.8, 0.7], [True, False, True]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    # Of two alike either may come first: half an error, then one.
    assert area_under_risk_coverage([0.9, 0.5, 0.5], [True, True, False]) == pytest.approx((0 + 0.5 / 2 + 1 / 3) / 3)
    assert area_under_risk_coverage([0.5] * 10, [True] * 7 + [False] * 3) == pytest.approx(0.3)
    assert area_under_risk_coverage([0.9, 0.8], [True, True]) == 0
    sure = np.linspace(0, 1, 200)
    assert area_under_risk_coverage(sure, sure > 0.3) < area_under_risk_coverage(sure, sure < 0.7)


@given(JUDGED, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_every_metric_is_from_0_to_1_and_does_not_depend_on_the_order(judged: list[tuple[float, bool]], random: Any) -> None:
    shuffled = random.sample(judged, len(judged))
    for metric in METRICS:
        value, again = metric(*split(judged)), metric(*split(shuffled))
        assert value == pytest.approx(again, abs=1e-12)
        assert value is None or 0 <= value <= 1
    assert calibration_figures(*split(judged), resamples=5, seed=1) == calibration_figures(*split(shuffled), resamples=5, seed=1)
    assert reliability_points("a", *split(judged)) == reliability_points("a", *split(shuffled))
    assert risk_coverage_points("a", *split(judged)) == risk_coverage_points("a", *split(shuffled))


@given(JUDGED)
@settings(max_examples=50, deadline=None)
def test_bins_hold_enough_documents_and_never_part_a_probability(judged: list[tuple[float, bool]]) -> None:
    probabilities, right = split(judged)
    points = reliability_points("a", probabilities, right)
    assert sum(point.n for point in points) == len(judged)
    assert len(points) <= 15
    assert min(point.n for point in points) >= min(20, len(judged))
    assert len({point.x for point in points}) == len(points)
    sums = np.cumsum([point.n for point in points])[:-1]
    assert all(sorted(probabilities)[place - 1] < sorted(probabilities)[place] for place in sums)


def test_bins_are_even_where_no_probabilities_are_alike() -> None:
    for n, sizes in ((19, {19}), (119, {23, 24}), (299, {21, 22}), (1000, {66, 67})):
        points = reliability_points("a", *believable(n))
        assert {point.n for point in points} == sizes
        assert len(points) == max(1, min(15, n // 20))


@pytest.mark.parametrize(
    ("alike", "sizes"), [((20, 20, 5), [45]), ((70, 8, 22), [70, 30]), ((1, 30, 30, 19), [31, 49]), ((25, 25, 25), [25, 25, 25])]
)
def test_bins_of_documents_alike_worked_by_hand(alike: tuple[int, ...], sizes: list[int]) -> None:
    probabilities = [place / 10 for place, size in enumerate(alike) for _ in range(size)]
    assert [point.n for point in reliability_points("a", probabilities, [True] * len(probabilities))] == sizes


def test_the_error_of_true_probabilities_falls_to_what_chance_leaves() -> None:
    errors = [expected_calibration_error(*believable(n)) for n in (300, 3000, 30000)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01
    probabilities, right = believable(600)
    chance = chance_calibration_error(probabilities, seed=1)
    assert chance.low < expected_calibration_error(probabilities, right) < chance.high
    assert expected_calibration_error(probabilities**0.3, right) > 1.5 * chance_calibration_error(probabilities**0.3, seed=1).high
    # The rule of thumb of the docstring.
    variance = float((probabilities * (1 - probabilities)).mean())
    assert chance.value == pytest.approx(0.8 * np.sqrt(variance * 15 / 600), rel=0.1)


def test_intervals_hold_the_value_and_shrink_with_the_number_of_documents() -> None:
    widths: dict[str, list[float]] = {name: [] for name in ("ece", "brier", "auroc", "aurc")}
    for n in (100, 600, 3600):
        probabilities, right = believable(n)
        figures = calibration_figures(probabilities**0.3, right, resamples=200, seed=1)
        assert list(figures) == list(widths)
        for name, figure in figures.items():
            assert figure.low < figure.value < figure.high, name
            assert figure.n == n
            widths[name].append(figure.high - figure.low)
    assert all(wide > middle > narrow for wide, middle, narrow in widths.values())


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    # Over many samples: brier and auroc of a large one stand for the truth.
    truth = {"brier": brier(*believable(200_000, seed=99)), "auroc": auroc(*believable(200_000, seed=99))}
    hits = dict.fromkeys(truth, 0)
    for seed in range(60):
        figures = calibration_figures(*believable(200, seed=seed), resamples=100, seed=seed)
        for name, value in truth.items():
            hits[name] += figures[name].low <= (value or 0) <= figures[name].high
    assert all(52 <= count <= 60 for count in hits.values()), hits


def test_where_nothing_is_wrong_there_is_no_auroc_and_the_rest_is_measured() -> None:
    figures = calibration_figures([0.9] * 30, [True] * 30, resamples=100, seed=1)
    assert sorted(figures) == ["aurc", "brier", "ece"]
    assert figures["aurc"].value == 0
    # One wrong one only: resamples without it have no area and are left out.
    one = calibration_figures([0.5, 0.9, 0.8], [False, True, True], resamples=50, seed=1)
    assert (one["auroc"].value, one["auroc"].high) == (1.0, 1.0)


def test_points_of_the_curves_worked_by_hand() -> None:
    probabilities, right = [0.9, 0.9, 0.6, 0.3], [True, False, True, False]
    points = risk_coverage_points("student:s", probabilities, right)
    assert [(point.x, point.y, point.n) for point in points] == [(0.5, 0.5, 2), (0.75, 1 / 3, 3), (1.0, 0.5, 4)]
    assert [(point.low, point.high) for point in points] == [wilson(0.5, 2), wilson(1 / 3, 3), wilson(0.5, 4)]
    assert [(point.subject_id, point.curve, point.position) for point in points] == [("student:s", "risk_coverage", place) for place in range(3)]
    (point,) = reliability_points("student:s", probabilities, right)
    assert (point.curve, point.position, point.y, point.n, (point.low, point.high)) == ("reliability", 0, 0.5, 4, wilson(0.5, 4))
    assert point.x == pytest.approx(0.675)


def test_a_long_curve_is_thinned_evenly_and_ends_with_every_document() -> None:
    probabilities, right = believable(1234)
    points = risk_coverage_points("a", probabilities, right)
    assert len(points) == 50
    assert [point.x for point in points] == pytest.approx(np.arange(1, 51) / 50, abs=1 / 1234)
    assert points[-1].n == 1234
    assert points[-1].y == pytest.approx(1 - right.mean())
    surest = np.argsort(-probabilities)[: points[9].n]
    assert points[9].y == pytest.approx(1 - right[surest].mean())


@pytest.mark.parametrize(
    ("probabilities", "right", "message"),
    [
        ([], [], "at least 1 document"),
        ([0.5], [True, False], "of one length"),
        ([0.5, 1.5], [True, False], "1 of 2 probabilities are not from 0 to 1, as 1.5"),
        ([0.5, float("nan")], [True, False], "leave out labels without one"),
    ],
)
def test_what_cannot_be_measured_is_refused(probabilities: list[float], right: list[bool], message: str) -> None:
    curves: list[Callable[[Any, Any], Any]] = [partial(reliability_points, "a"), partial(risk_coverage_points, "a")]
    for measure in (*METRICS, *curves):
        with pytest.raises(ValueError, match=message):
            measure(probabilities, right)
