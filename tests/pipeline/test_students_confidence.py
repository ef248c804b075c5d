"""Probabilities that can be believed and labels that are held back: calibration on unseen labels, abstention with a promise."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax

from pipeline.students.abstention import NONE_KEPT, Abstention, abstention_threshold
from pipeline.students.calibration import Calibration, Method, fit_calibration
from pipeline.students.judged import FEWEST_KNOWN

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def simulated(n: int, seed: int, *, k: int = 5, heat: float = 1.0) -> tuple[Floats, Floats, Ints]:
    """Simulate log-probabilities that are too sure by `heat`, a teacher's true probabilities, and right categories."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2.0, size=(n, k))
    soft = softmax(logits, axis=1)
    return log_softmax(heat * logits, axis=1), soft, (random.random((n, 1)) > soft.cumsum(axis=1)[:, :-1]).sum(axis=1)


def one_hot(gold: Ints, k: int) -> Floats:
    return np.asarray(np.eye(k)[gold])


def gap(probabilities: Floats, gold: Ints, *, bins: int = 10) -> float:
    """Measure the calibration error over bins of equal mass."""
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    parts = np.array_split(np.argsort(top), bins)
    return float(sum(abs(top[part].mean() - right[part].mean()) * len(part) for part in parts) / len(top))


# --- calibration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heat", [0.5, 2.5])
@pytest.mark.parametrize("n", [60, 250, 1200])
def test_probabilities_come_to_be_believed(n: int, heat: float) -> None:
    predicted, _, gold = simulated(n, 1, heat=heat)
    fitted = fit_calibration(predicted, one_hot(gold, 5), known=np.ones(n), seed=0)
    fresh, _, right = simulated(5000, 2, heat=heat)
    assert fitted.known
    assert fitted.log_loss_before is not None
    assert fitted.log_loss_after is not None
    assert fitted.log_loss_after < fitted.log_loss_before
    assert gap(fitted.apply(fresh), right) < min(0.06, 0.6 * gap(np.exp(fresh), right))


def test_a_teacher_that_speaks_the_truth_teaches_the_temperature() -> None:
    predicted, soft, _ = simulated(300, 3, heat=2.0)
    fitted = fit_calibration(predicted, soft, seed=0)
    assert (fitted.method, fitted.known, fitted.fitted_on) == ("temperature", False, 300)
    assert fitted.parameters[0] == pytest.approx(2.0, rel=0.15)


def test_what_no_temperature_mends_is_mended_by_a_line_or_steps() -> None:
    random = np.random.default_rng(4)
    predicted = log_softmax(random.normal(scale=3.0, size=(4000, 5)), axis=1)
    top = np.exp(predicted.max(axis=1))
    right = random.random(4000) < np.where(top > 0.9, 0.6, 0.55)  # hardly surer for all its sureness
    gold = np.where(right, predicted.argmax(axis=1), predicted.argmin(axis=1))
    fitted = fit_calibration(predicted[:1500], one_hot(gold[:1500], 5), known=np.ones(1500), seed=0)
    assert fitted.method in ("platt", "isotonic")
    assert gap(fitted.apply(predicted[1500:]), gold[1500:]) < 0.05
    few = fit_calibration(predicted[:150], one_hot(gold[:150], 5), known=np.ones(150), seed=0)
    assert few.method == "temperature", "150 known labels are too few for more"
    assert fit_calibration(predicted[:1500], one_hot(gold[:1500], 5), seed=0).method == "temperature", "a teacher's labels are not known ones"


def test_few_documents_teach_nothing() -> None:
    predicted, soft, _ = simulated(29, 5, heat=3.0)
    fitted = fit_calibration(predicted, soft, seed=0)
    assert fitted == Calibration(fitted_on=29)
    assert fitted.apply(predicted) == pytest.approx(np.exp(predicted))


@pytest.mark.parametrize(("known", "alone"), [(FEWEST_KNOWN, True), (FEWEST_KNOWN - 1, False)])
def test_enough_known_labels_teach_alone(known: int, alone: bool) -> None:
    predicted, soft, gold = simulated(300, 6, heat=2.0)
    flags = np.arange(300) < known
    truth = np.where(flags[:, None], one_hot(gold, 5), soft)
    silent = np.where(flags[:, None], truth, 0.2)
    first, second = (fit_calibration(predicted, one, known=flags, seed=0) for one in (truth, silent))
    assert (first == second) == alone
    assert first.known == alone


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    method: Method = draw(st.sampled_from(["none", "temperature", "platt", "isotonic"]))
    small = st.floats(0, 1)
    if method == "temperature":
        return Calibration(method, (draw(st.floats(0.05, 20)),), draw(st.integers(30, 500)))
    if method == "platt":
        return Calibration(method, (draw(st.floats(0, 5)), draw(st.floats(-5, 5))), draw(st.integers(30, 500)))
    if method == "isotonic":
        steps = sorted(draw(st.lists(small, min_size=2, max_size=6, unique=True)))
        values = sorted(draw(st.lists(small, min_size=len(steps), max_size=len(steps))))
        return Calibration(method, (*steps, *values), draw(st.integers(30, 500)))
    return Calibration()


@given(calibrations(), st.integers(1, 6).flatmap(lambda k: arrays(np.float64, (4, k), elements=st.integers(-60, 0).map(lambda x: x / 4))))
@settings(deadline=None, max_examples=300)
def test_the_best_stays_the_best_and_rows_sum_to_1(fitted: Calibration, predicted: Floats) -> None:
    found = fitted.apply(predicted)
    rows, best = np.arange(len(found)), predicted.argmax(axis=1)
    assert np.all((found >= 0) & (found <= 1))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
    assert np.array_equal(found.argmax(axis=1), best)
    assert (found[rows, best] >= 1 / predicted.shape[1] - 1e-12).all()
    assert Calibration.from_settings(json.loads(json.dumps(fitted.as_settings()))) == fitted


@given(calibrations(), st.lists(st.integers(-40, 40), min_size=2, max_size=8))
@settings(deadline=None, max_examples=100)
def test_of_two_categories_a_surer_label_is_never_less_probable(fitted: Calibration, margins: list[int]) -> None:
    logits = np.array(sorted(abs(margin) for margin in margins), dtype=np.float64) / 4
    found = fitted.apply(np.stack([logits, np.zeros(len(logits))], axis=1)).max(axis=1)
    assert (np.diff(found) >= -1e-12).all()


def test_known_labels_vouch_for_no_more_than_their_number() -> None:
    predicted, _, _ = simulated(1000, 8, heat=4.0)
    gold = predicted.argmax(axis=1)
    fitted = fit_calibration(predicted, one_hot(gold, 5), known=np.ones(1000), seed=0)
    sure = Calibration("isotonic", (0.0, 1.0, 1.0, 1.0), 1000).apply(predicted)
    assert sure.max() == pytest.approx(1 - 1 / 1002)
    assert np.array_equal(fitted.apply(predicted).argmax(axis=1), gold)


def test_impossible_categories_stay_impossible_unless_all_others_are() -> None:
    predicted = np.array([[0.0, -1.0, -np.inf], [0.0, -np.inf, -np.inf]])
    found = Calibration("platt", (1.0, 0.0), 98).apply(predicted)
    assert found[0, 2] == 0
    assert found[1].tolist() == pytest.approx([0.99, 0.005, 0.005]), "there is nobody else to give the rest to"


def test_the_others_share_in_proportion_however_far_behind_they_are() -> None:
    predicted = np.array([[0.0, -1.0, -3.0], [-801.0, 0.0, -800.0], [-2e5, -1e5, -1e5], [-60.0, -61.0, -63.0]])
    for fitted in (Calibration("platt", (1.0, 0.0), 98), Calibration("isotonic", (0.5, 1.0, 0.6, 0.9), 98)):
        found = fitted.apply(predicted)
        best = predicted.argmax(axis=1)
        others = np.stack([np.delete(row, place) for row, place in zip(predicted, best, strict=True)])
        expected = (1 - found[np.arange(4), best])[:, None] * softmax(others, axis=1)
        kept = np.stack([np.delete(row, place) for row, place in zip(found, best, strict=True)])
        assert kept == pytest.approx(expected, rel=1e-9, abs=0)
        assert found[3] == pytest.approx(found[0], rel=1e-9), "only differences count"


def test_one_category_and_equal_labels() -> None:
    alone = fit_calibration(np.zeros((50, 1)), np.ones((50, 1)), seed=0)
    assert alone.apply(np.zeros((2, 1))).tolist() == [[1.0], [1.0]]
    predicted, _, _ = simulated(300, 9)
    same = fit_calibration(predicted, one_hot(np.zeros(300, dtype=np.intp), 5), known=np.ones(300), seed=0)
    assert np.isfinite(same.apply(predicted)).all()


@pytest.mark.parametrize(
    ("predicted", "soft", "message"),
    [
        ([[np.nan, 0.0]], [[1.0, 0.0]], "no finite best value"),
        ([[-np.inf, -np.inf]], [[1.0, 0.0]], "no finite best value"),
        ([[0.0, 0.0]], [[np.nan, 0.0]], "no probabilities"),
        ([[0.0, 0.0]], [[1.0, 0.0, 0.0]], "give one row"),
        ([0.0, 0.0], [[1.0, 0.0]], "at least 1 category"),
    ],
)
def test_what_makes_no_sense_is_refused(predicted: Any, soft: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_calibration(predicted, soft, seed=0)


# --- abstention ------------------------------------------------------------------------------------------------------


def judged(n: int, random: np.random.Generator, *, flat: float | None = None) -> tuple[Floats, Floats, Ints]:
    """Simulate a student's probabilities of three categories, true ones, and right categories; `flat` makes all labels err as often."""
    top = random.beta(3, 1, n) * (2 / 3 - 0.01) + 1 / 3 + 0.005
    right = top if flat is None else np.full(n, 1 - flat)
    found, soft = (np.stack([one, 0.6 * (1 - one), 0.4 * (1 - one)], axis=1) for one in (top, right))
    return found, soft, (random.random((n, 1)) > soft.cumsum(axis=1)[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("taught", ["gold", "teacher"])
@pytest.mark.parametrize("n", [200, 800])
def test_the_promise_is_kept(n: int, taught: str) -> None:
    random = np.random.default_rng(n)
    student, soft, _ = judged(20_000, random)
    broken, kept = 0, []
    for _ in range(200):
        found, truth, gold = judged(n, random)
        label = one_hot(gold, 3) if taught == "gold" else truth
        threshold = abstention_threshold(found, label, risk=0.1, known=np.full(n, taught == "gold"), seed=0)
        keeps = threshold.keeps(student)
        broken += bool(keeps.any() and 1 - soft[keeps, 0].mean() > 0.1)
        kept.append(threshold.share)
    assert broken <= 10
    assert np.mean(kept) > n / 2000, "not by keeping nothing"


def test_the_promise_is_kept_where_all_labels_err_a_little_too_often() -> None:
    random, broken = np.random.default_rng(13), 0
    for _ in range(400):
        found, _, gold = judged(300, random, flat=0.101)
        broken += abstention_threshold(found, one_hot(gold, 3), risk=0.1, known=np.ones(300), seed=0).threshold != NONE_KEPT
    assert broken <= 400 * 0.05 + 2 * np.sqrt(400 * 0.05 * 0.95)


@given(st.integers(0, 10_000), st.floats(0.02, 0.5), st.floats(0.02, 0.5), st.booleans())
@settings(deadline=None, max_examples=40)
def test_what_is_said_of_a_threshold_is_so(seed: int, risk: float, delta: float, hard: bool) -> None:
    found, soft, gold = judged(300, np.random.default_rng(seed))
    one = abstention_threshold(found, one_hot(gold, 3) if hard else soft, risk=risk, delta=delta, known=np.full(300, hard), seed=0)
    keeps = one.keeps(found)
    assert (one.share, one.judged, one.known) == (keeps.mean(), keeps.sum(), hard)
    assert one.wrong <= risk * one.judged
    assert (one.threshold == NONE_KEPT) == (one.judged == 0)
    assert Abstention.from_settings(json.loads(json.dumps(one.as_settings()))) == one


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_more_confidence_keeps_no_more(seed: int) -> None:
    found, _, gold = judged(300, np.random.default_rng(seed))
    shares = [abstention_threshold(found, one_hot(gold, 3), delta=delta, known=np.ones(300), seed=0).share for delta in (0.2, 0.05, 0.01)]
    assert shares == sorted(shares, reverse=True)


def test_a_student_that_is_always_right_keeps_all() -> None:
    found, _, _ = judged(200, np.random.default_rng(1))
    sure = abstention_threshold(found, one_hot(np.zeros(200, dtype=np.intp), 3), known=np.ones(200), seed=0)
    assert (sure.threshold, sure.share, sure.wrong) == (0.0, 1.0, 0.0)
    assert abstention_threshold(found, one_hot(np.zeros(200, dtype=np.intp), 3), risk=0.02, known=np.ones(200), seed=0).share == 1.0


@pytest.mark.parametrize("n", [0, 1, 29])
def test_nobody_can_promise_with_few_documents(n: int) -> None:
    found, soft, _ = judged(n, np.random.default_rng(2))
    none = abstention_threshold(found, soft, seed=0)
    assert none.threshold == NONE_KEPT > 1
    assert (none.judged, none.share) == (0, 0.0)
    assert not none.keeps([[1.0, 0.0, 0.0]]).any()


def test_one_category_is_never_wrong() -> None:
    assert abstention_threshold(np.ones((60, 1)), np.ones((60, 1)), seed=0).share == 1.0


def test_equal_probabilities_are_kept_together() -> None:
    found = np.tile([0.8, 0.2], (100, 1))
    truth = one_hot((np.arange(100) < 2).astype(np.intp), 2)
    assert abstention_threshold(found, truth, known=np.ones(100), seed=0).share == 1.0
    assert abstention_threshold(found, truth, risk=0.03, known=np.ones(100), seed=0).share == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"risk": 0.0}, "between 0 and 1"),
        ({"delta": 1.0}, "between 0 and 1"),
        ({"unseen": [[np.nan, 0.5]]}, "no probabilities"),
        ({"unseen": [[-0.1, -2.3]]}, "no probabilities"),
        ({"unseen": [[0.2, 0.3, 0.5]]}, "give one row"),
    ],
)
def test_thresholds_of_nonsense_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        abstention_threshold(**{"unseen": [[0.5, 0.5]], "soft": [[0.4, 0.6]], "seed": 0, **change})
