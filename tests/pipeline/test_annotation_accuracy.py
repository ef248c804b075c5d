"""How often labels are right is told from how often they agree, and becomes what their probabilities say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotation.confidence import accuracy_from_agreement, fit_confidence, fit_on_proxy, fit_to_accuracy
from pipeline.evaluation.calibration import chance_calibration_error
from tests.confidences import LAWFUL, Floats, Ints, error_of, overconfident


@given(st.floats(0.35, 1.0), st.integers(3, 50), st.floats(0.5, 1.0))
@LAWFUL
def test_accuracy_is_found_again_from_the_agreement_it_makes(accuracy: float, options: int, other: float) -> None:
    alike = accuracy**2 + (1 - accuracy) ** 2 / (options - 1)
    assert accuracy_from_agreement(alike, options=options) == pytest.approx(max(accuracy, 1 / options), abs=1e-6)
    apart = accuracy * other + (1 - accuracy) * (1 - other) / (options - 1)
    assert accuracy_from_agreement(apart, options=options, proxy_accuracy=other) == pytest.approx(accuracy, abs=1e-6)
    # Agreement with a perfect judge is accuracy, and no other choice is lower.
    assert accuracy_from_agreement(apart, options=options, proxy_accuracy=1.0) == pytest.approx(max(apart, 1 / options))
    assert accuracy_from_agreement(apart, options=options) >= apart - 1e-9


def test_agreement_that_says_nothing_gives_the_accuracy_of_chance() -> None:
    assert accuracy_from_agreement(0.1, options=4) == pytest.approx(0.25)
    assert accuracy_from_agreement(1.0, options=4) == 1.0
    with pytest.raises(ValueError, match="no better than chance"):
        accuracy_from_agreement(0.5, options=4, proxy_accuracy=0.25)


def independent_judge(truth: Ints, *, accuracy: float, options: int = 5, seed: int = 7) -> Ints:
    random = np.random.default_rng(seed)
    wrong = (truth + random.integers(1, options, size=len(truth))) % options
    return np.where(random.random(len(truth)) < accuracy, truth, wrong).astype(np.intp)


def test_another_judge_that_errs_on_its_own_tells_the_accuracy() -> None:
    scores, truth = overconfident(3000)
    right = scores.argmax(axis=1) == truth
    judge = independent_judge(truth, accuracy=0.9)
    confidence = fit_on_proxy(scores, judge, proxy_accuracy=0.9)
    assert confidence.accuracy == pytest.approx(right.mean(), abs=0.03)
    assert confidence.apply(scores).max(axis=1).mean() == pytest.approx(confidence.accuracy, abs=0.002)
    assert confidence.parameters[0] == pytest.approx(3.0, rel=0.15)
    # Agreement itself is lower than the accuracy: taken for it, it is the cautious choice.
    assert fit_on_proxy(scores, judge, proxy_accuracy=1.0).parameters[0] > confidence.parameters[0]


def test_a_judge_that_makes_the_same_errors_is_believed_too_much_and_the_label_says_uncalibrated() -> None:
    scores, truth = overconfident(1000)
    best = scores.argmax(axis=1)
    twin = np.where(np.random.default_rng(0).random(1000) < 0.95, best, truth)
    confidence = fit_on_proxy(scores, twin)
    assert confidence.accuracy is not None
    assert confidence.accuracy > (best == truth).mean() + 0.2
    assert confidence.calibration == "temperature, uncalibrated"
    assert confidence.log_loss_after is None
    assert fit_on_proxy(scores[:29], twin[:29]).calibration == "uncalibrated"


def test_an_estimate_that_no_temperature_reaches_stops_at_the_last() -> None:
    scores, _ = overconfident(100)
    best = scores.argmax(axis=1)
    assert fit_on_proxy(scores, best).parameters == (0.05,)
    assert fit_on_proxy(scores, np.full(100, -1)).parameters == (50.0,)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (np.zeros((40, 0)), np.zeros(40, dtype=np.intp), "at least 1 option"),
        (np.full((40, 3), np.nan), np.zeros(40, dtype=np.intp), "40 of 40 rows of scores, as row 0, have no finite best score"),
        (np.full((40, 3), -np.inf), np.zeros(40, dtype=np.intp), "no finite best score"),
        (np.zeros((40, 3)), np.zeros(39, dtype=np.intp), "expected 40, one for each row"),
        (np.zeros((40, 3)), np.full(40, 3), "from 0 to 2, or -1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(scores: Floats, truth: Ints, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_confidence(scores, truth, seed=1)
    with pytest.raises(ValueError, match=message):
        fit_on_proxy(scores, truth)


def test_a_single_option_is_certain_and_nothing_is_fitted_to_it() -> None:
    scores, truth = np.full((200, 1), -0.3), np.zeros(200, dtype=np.intp)
    for confidence in (fit_confidence(scores, truth, seed=1), fit_on_proxy(scores, truth), fit_to_accuracy(scores, 0.8)):
        assert confidence.calibration == "uncalibrated"
        assert (confidence.apply(scores) == 1).all()


def test_an_accuracy_from_elsewhere_becomes_the_mean_probability() -> None:
    scores, _ = overconfident(500)
    confidence = fit_to_accuracy(scores, 0.7)
    assert confidence.apply(scores).max(axis=1).mean() == pytest.approx(0.7, abs=0.001)
    assert (confidence.accuracy, confidence.calibration) == (0.7, "temperature, uncalibrated")
    assert fit_to_accuracy(scores[:29], 0.7).calibration == "uncalibrated"


def test_true_probabilities_look_like_chance_after_the_fit() -> None:
    scores, truth = overconfident(5000, seed=4)
    fitted = fit_confidence(scores[:1500], truth[:1500], seed=1)
    top = fitted.apply(scores[1500:]).max(axis=1)
    assert error_of(fitted, scores[1500:], truth[1500:]) < 1.5 * chance_calibration_error(top, seed=1).high
