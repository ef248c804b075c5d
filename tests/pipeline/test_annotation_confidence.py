"""Scores become probabilities that are true, and a label is never changed by how far it is believed."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from pipeline.annotation.confidence import Confidence, fit_confidence, fit_on_proxy
from pipeline.ids import canonical_json, content_id
from tests.confidences import LAWFUL, Floats, error_of, misled, overconfident

# Whole numbers make ties, tiny differences near ties, and minus infinity is an option that was not offered.
SCORE = st.one_of(st.integers(-3, 0).map(float), st.floats(-80, 0), st.sampled_from([-1.0 - 1e-15, -1.0, -np.inf]))
SCORES = st.tuples(st.integers(1, 12), st.integers(2, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=SCORE).filter(lambda rows: bool(np.isfinite(rows.max(axis=1)).all()))
)
CONFIDENCES = st.one_of(
    st.just(Confidence("none")),
    st.builds(lambda heat, n: Confidence("temperature", (heat,), n), st.floats(0.05, 50), st.integers(30, 200)),
    st.builds(lambda slope, shift, n: Confidence("platt", (slope, shift), n), st.floats(0, 9), st.floats(-9, 9), st.integers(150, 999)),
    st.builds(
        lambda steps, n: Confidence("isotonic", (*sorted(x for x, _ in steps), *sorted(y for _, y in steps)), n),
        st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8),
        st.integers(1000, 5000),
    ),
)


@given(CONFIDENCES, SCORES)
@LAWFUL
def test_rows_sum_to_one_hold_no_certainty_and_keep_the_label(confidence: Confidence, scores: Floats) -> None:
    probabilities = confidence.apply(scores)
    assert probabilities.shape == scores.shape
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert (probabilities.argmax(axis=1) == scores.argmax(axis=1)).all()
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert (probabilities.max(axis=1) <= max(confidence.most, (1 + 1e-6) / scores.shape[1])).all()


@given(SCORES)
@LAWFUL
def test_what_was_not_fitted_keeps_what_the_scores_say(scores: Floats) -> None:
    said = softmax(scores, axis=1)
    assert Confidence("none").apply(scores) == pytest.approx(said, abs=1e-6)
    assert Confidence("temperature", (1.0,), 10**9).apply(scores) == pytest.approx(said, abs=1e-6)
    assert Confidence("platt", (1.0, 0.0), 10**9).apply(scores) == pytest.approx(said, abs=1e-6)
    assert Confidence("isotonic", (0.0, 1.0, 0.0, 1.0), 10**9).apply(scores) == pytest.approx(said, abs=1e-6)


@given(CONFIDENCES, SCORES, st.floats(-20, 20))
@LAWFUL
def test_a_constant_added_to_a_row_changes_nothing(confidence: Confidence, scores: Floats, shift: float) -> None:
    moved = scores + shift
    same = moved.argmax(axis=1) == scores.argmax(axis=1)  # a near tie may round to a tie
    assert confidence.apply(moved)[same] == pytest.approx(confidence.apply(scores)[same], abs=1e-6)


def test_the_rest_is_shared_as_before_and_more_evenly_only_where_one_would_overtake() -> None:
    scores = np.log([[0.7, 0.2, 0.1], [0.1, 0.7, 0.2]])
    always = {half: Confidence("platt", (0.0, float(logit(half))), 10**6) for half in (0.55, 0.4, 0.1)}
    assert always[0.55].apply(scores) == pytest.approx(np.array([[0.55, 0.3, 0.15], [0.15, 0.55, 0.3]]))
    # At 0.4 the second would have 0.4 too: it gives way by a hair.
    first = always[0.4].apply(scores)[0]
    assert first == pytest.approx([0.4, 0.4, 0.2], abs=1e-5)
    assert first[0] > first[1] > first[2]
    # A label of 0.1 would not be the best of three; a third is the least that keeps it.
    assert always[0.1].apply(scores)[0] == pytest.approx([1 / 3, 1 / 3, 1 / 3], abs=1e-5)


def test_the_highest_probability_is_what_the_known_labels_can_vouch_for() -> None:
    sure = np.array([[0.0, -40.0, -45.0]])
    assert Confidence("temperature", (1.0,), 98).apply(sure)[0, 0] == pytest.approx(0.99)
    scores, _ = overconfident(60)
    everything_right = fit_confidence(scores, scores.argmax(axis=1), seed=1)
    assert everything_right.apply(scores).max() == pytest.approx(61 / 62)


@pytest.mark.parametrize(("n", "allowed"), [(0, "none"), (29, "none"), (30, "temperature"), (149, "temperature")])
def test_few_known_labels_allow_little(n: int, allowed: str) -> None:
    scores, truth = misled(n)
    confidence = fit_confidence(scores, truth, seed=1)
    assert (confidence.method, confidence.fitted_on) == (allowed, n)
    assert confidence.calibration == ("uncalibrated" if allowed == "none" else "temperature")
    assert (confidence.log_loss_before is None) == (n == 0)


def test_the_simplest_method_that_does_as_well_is_chosen() -> None:
    # Scores that are too sure by one factor: a temperature is all there is to find, whatever is allowed.
    for n in (400, 2000):
        assert fit_confidence(*overconfident(n), seed=1).method == "temperature"
    # Scores that tell nothing but of which 6 in 10 are right: no temperature says that of all of them.
    scores, truth = misled(400)
    line = fit_confidence(scores, truth, seed=1)
    assert line.method == "platt"
    assert line.log_loss_after is not None and line.log_loss_before is not None
    assert line.log_loss_after < line.log_loss_before - 0.5
    # A step that no line has: above a probability all are right, below it half of them.
    random = np.random.default_rng(0)
    top = random.uniform(0.5, 1, size=3000)
    steps = np.log(np.column_stack([top, 1 - top]))
    right = (top > 0.7) | (random.random(3000) < 0.5)
    assert fit_confidence(steps, np.where(right, 0, 1), seed=1).method == "isotonic"
    assert fit_confidence(steps[:900], np.where(right, 0, 1)[:900], seed=1).method == "platt"


@given(st.floats(0.5, 6.0), st.integers(2, 6), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_a_known_temperature_is_recovered(heat: float, options: int, seed: int) -> None:
    confidence = fit_confidence(*overconfident(149, heat=heat, options=options, seed=seed), seed=1)
    assert confidence.method == "temperature"
    assert confidence.parameters[0] == pytest.approx(heat, rel=0.6)


@pytest.mark.parametrize("heat", [0.7, 1.0, 4.0])
def test_many_labels_tell_the_temperature_well(heat: float) -> None:
    confidence = fit_confidence(*overconfident(900, heat=heat), seed=1)
    assert confidence.method == "temperature"
    assert confidence.parameters[0] == pytest.approx(heat, rel=0.12)


def platts_line(margins: Floats, right: npt.NDArray[np.bool_]) -> Floats:
    """Fit scikit-learn's own line to a classifier whose logit is the margin itself."""
    margins = np.minimum(margins, 20)[:, None]
    plain = LogisticRegression().fit(margins, right)
    plain.coef_, plain.intercept_ = np.ones((1, 1)), np.zeros(1)
    return np.asarray(CalibratedClassifierCV(FrozenEstimator(plain), method="sigmoid").fit(margins, right).predict_proba(margins)[:, 1])


def test_the_line_is_that_of_scikit_learn() -> None:
    scores, truth = misled(600)
    right, top = scores.argmax(axis=1) == truth, softmax(scores, axis=1).max(axis=1)
    line = fit_confidence(scores, truth, seed=1)
    assert line.method == "platt"
    assert line.apply(scores).max(axis=1) == pytest.approx(platts_line(logit(top), right), abs=1e-3)
    # Right and wrong can be parted: without Platt's targets the line would be a wall. Two options allow nothing below a half.
    top = np.linspace(0.55, 0.95, 300)
    scores = np.log(np.column_stack([top, 1 - top]))
    wall = fit_confidence(scores, np.where(top > 0.7, 0, 1), seed=1)
    assert wall.method == "platt"
    assert wall.apply(scores).max(axis=1) == pytest.approx(np.clip(platts_line(logit(top), top > 0.7), 0.5, wall.most), abs=1e-3)


def test_the_steps_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    top = random.uniform(0.5, 0.999, size=3000)
    scores, right = np.log(np.column_stack([top, 1 - top])), (top > 0.7) | (random.random(3000) < 0.5)
    steps = fit_confidence(scores, np.where(right, 0, 1), seed=1)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(top, right.astype(float)).predict(top)
    assert steps.method == "isotonic"
    assert steps.apply(scores).max(axis=1) == pytest.approx(np.clip(theirs, 0.5, steps.most), abs=1e-5)


def test_a_surer_label_is_never_less_probable() -> None:
    scores, _ = overconfident(400)
    # The surest are wrong: the best that may be said is one probability for all.
    ordered = np.argsort(scores.max(axis=1) - np.partition(scores, -2, axis=1)[:, -2])
    truth = np.full(400, -1, dtype=np.intp)
    truth[ordered[:300]] = scores.argmax(axis=1)[ordered[:300]]
    confidence = fit_confidence(scores, truth, seed=1)
    assert confidence.method == "platt"
    assert confidence.parameters[0] == 0
    assert confidence.apply(scores).max(axis=1) == pytest.approx(0.75, abs=0.01)


# Scores that tell nothing need more: an accuracy of 0.6 that is known from 200 labels may be off by 0.035 of itself.
@pytest.mark.parametrize(("draw", "known"), [(overconfident, 200), (misled, 600)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_200_known_labels_the_error_on_2000_others_falls_below_a_twentieth(draw: Any, known: int, seed: int) -> None:
    scores, truth = draw(known + 2000, seed=seed)
    confidence = fit_confidence(scores[:known], truth[:known], seed=1)
    others = scores[known:], truth[known:]
    assert error_of(Confidence("none"), *others) > 0.15
    assert error_of(confidence, *others) < 0.05


def test_labels_that_no_option_fits_count_as_wrong() -> None:
    scores, truth = overconfident(140)
    truth[::2] = -1
    lowered = fit_confidence(scores, truth, seed=1)
    assert lowered.accuracy == pytest.approx((scores.argmax(axis=1) == truth).mean())
    assert lowered.parameters[0] > 1.5 * fit_confidence(*overconfident(140), seed=1).parameters[0]
    turned = fit_confidence(np.roll(scores, 2, axis=1), np.where(truth < 0, -1, (truth + 2) % 5), seed=1)
    assert turned.parameters == pytest.approx(lowered.parameters, rel=1e-4)  # -1 is no place from the end
    # An option that was not offered, and is right, says as much: the label is wrong.
    offered = scores.copy()
    rows = np.flatnonzero((truth >= 0) & (truth != scores.argmax(axis=1)))
    offered[rows, truth[rows]] = -np.inf
    assert np.isfinite(fit_confidence(offered, truth, seed=1).parameters[0])


def test_a_confidence_is_the_same_after_a_round_trip_through_json() -> None:
    random = np.random.default_rng(0)
    top = random.uniform(0.5, 1, size=1500)
    steps = np.log(np.column_stack([top, 1 - top])), np.where((top > 0.7) | (random.random(1500) < 0.5), 0, 1)
    scores, truth = overconfident(200)
    found = [fit_confidence(scores[:n], truth[:n], seed=1) for n in (0, 10, 200)]
    many = fit_confidence(*steps, seed=1)
    for confidence in (*found, many, fit_on_proxy(scores, truth)):
        read = Confidence.from_settings(json.loads(canonical_json(confidence.as_settings())))
        assert read == confidence
        assert content_id("confidence", read.as_settings()) == content_id("confidence", confidence.as_settings())
        assert hash(read) == hash(confidence)
    assert many.method == "isotonic"
    assert found[-1] == fit_confidence(scores, truth, seed=1)
