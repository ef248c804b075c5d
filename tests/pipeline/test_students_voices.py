"""Voices heard together: weights that labels teach, a temperature among them, and probabilities over all classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from pipeline.students.inputs import Inputs
from pipeline.students.voices import LEAST, Voices, fit_weights, log_probabilities
from tests.fitted import example_inputs, fitted_voice

Floats = npt.NDArray[np.float64]


def entropy(weights: Sequence[float], parts: Sequence[Floats], soft: Floats) -> float:
    logits = log_softmax(sum(weight * part for weight, part in zip(weights, parts, strict=True)), axis=1)
    return float(-(soft * logits).sum(axis=1).mean())


def noisy(truth: npt.NDArray[np.intp], signal: float, *, k: int = 4, seed: int) -> Floats:
    """Give log-probabilities that know the truth as far as `signal` stands out of noise."""
    random = np.random.default_rng(seed)
    return np.asarray(log_softmax(signal * np.eye(k)[truth] + random.normal(size=(len(truth), k)), axis=1))


@st.composite
def lessons(draw: st.DrawFn) -> tuple[list[Floats], Floats, list[float]]:
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    n, k, voices = draw(st.integers(1, 30)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    scale = draw(st.floats(0.01, 20))
    parts = [np.asarray(log_softmax(scale * random.normal(size=(n, k)), axis=1)) for _ in range(voices)]
    return parts, random.dirichlet(np.full(k, 0.3), n), random.uniform(0.05, 3, voices).tolist()


# --- weights ---------------------------------------------------------------------------------------------------------


@given(lessons())
@settings(max_examples=100, deadline=None)
def test_fitted_weights_are_never_negative_and_fit_no_worse_than_the_usual_ones(case: tuple[list[Floats], Floats, list[float]]) -> None:
    parts, soft, usual = case
    found = fit_weights(parts, soft, usual=usual)
    assert len(found) == len(parts)
    assert min(found) >= 0
    assert entropy(found, parts, soft) <= entropy(usual, parts, soft) + 1e-9
    assert found == fit_weights(parts, soft, usual=usual)


@given(lessons())
@settings(max_examples=50, deadline=None)
def test_a_document_counts_as_much_as_its_weight(case: tuple[list[Floats], Floats, list[float]]) -> None:
    parts, soft, usual = case
    weights = np.arange(len(soft)) % 3
    weights[0] = 2
    weighed = fit_weights(parts, soft, usual=usual, weights=weights.astype(float))
    repeated = fit_weights([np.repeat(part, weights, axis=0) for part in parts], np.repeat(soft, weights, axis=0), usual=usual)
    ours, theirs = (
        entropy(found, [np.repeat(part, weights, axis=0) for part in parts], np.repeat(soft, weights, axis=0)) for found in (weighed, repeated)
    )
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("usual", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("heat", [0.4, 1.0, 3.0])
def test_one_voice_is_scaled_by_the_temperature_that_fits_best(usual: float, heat: float) -> None:
    truth = np.random.default_rng(0).integers(0, 4, 400)
    part = np.asarray(log_softmax(heat * noisy(truth, 2.0, seed=1), axis=1))
    soft = 0.9 * np.eye(4)[truth] + 0.025
    best = minimize_scalar(lambda scale: entropy([scale], [part], soft), bounds=(usual / 10, usual * 10), method="bounded").x
    (found,) = fit_weights([part], soft, usual=[usual])
    assert found == pytest.approx(best, rel=1e-3)


def test_what_is_right_is_heard_more_and_what_is_useless_less() -> None:
    truth = np.random.default_rng(0).integers(0, 4, 600)
    parts = [noisy(truth, 4.0, seed=1), noisy(truth, 1.0, seed=2), noisy(truth, 0.0, seed=3)]
    good, weak, useless = fit_weights(parts, np.eye(4)[truth], usual=[1.0, 1.0, 1.0])
    assert good > weak > useless
    helpful, idle = fit_weights([noisy(truth, 2.0, seed=1), parts[2]], np.eye(4)[truth], usual=[0.3, 0.3])
    assert helpful > 2 * idle
    backwards = [-parts[0], parts[1]]
    wrong, right = fit_weights(backwards, np.eye(4)[truth], usual=[0.2, 0.2])
    assert wrong == pytest.approx(0.0, abs=1e-6), "what is wrong throughout is not heard, and never turned round"
    assert right > 0.2


def test_weights_stay_near_the_usual_ones_however_well_one_voice_repeats_the_labels() -> None:
    truth = np.random.default_rng(0).integers(0, 4, 600)
    parts = [noisy(truth, 8.0, seed=1), noisy(truth, 1.0, seed=2)]
    loud, low = fit_weights(parts, np.eye(4)[truth], usual=[1.0, 0.4])
    free = minimize(lambda pair: entropy(pair, parts, np.eye(4)[truth]), [1.0, 0.4], bounds=[(0, 99)] * 2).x
    assert free[1] / free[0] < 0.25, "the labels alone would hear the second voice less"
    assert low / loud == pytest.approx(0.4, rel=0.1)


def test_weights_of_unsure_labels_keep_the_probabilities_unsure() -> None:
    truth = np.random.default_rng(0).integers(0, 4, 600)
    part = noisy(truth, 6.0, seed=1)
    (sure,), (unsure,) = (fit_weights([part], share * np.eye(4)[truth] + (1 - share) / 4, usual=[1.0]) for share in (1.0, 0.5))
    assert unsure < 0.5 * sure


# --- probabilities ---------------------------------------------------------------------------------------------------


def student(weights: Sequence[float]) -> Voices:
    return Voices([fitted_voice("logistic_regression", ["embedding"], classes=(0, 2)), fitted_voice("cards", ["cards"])], weights, np.arange(3))


@pytest.mark.parametrize("weights", [(1.0, 0.2), (0.0, 3.0), (0.0, 0.0), (40.0, 60.0)])
def test_probabilities_are_the_weighted_product_and_sum_to_one(weights: tuple[float, float]) -> None:
    model, inputs = student(weights), example_inputs(20, seed=4)
    first, second = (voice.predict_proba(inputs) for voice in model.voices)
    heard = np.full((60, 3), LEAST)
    heard[:, [0, 2]] = first + LEAST
    product = heard ** weights[0] * (second + LEAST) ** weights[1]
    found = model.predict_proba(inputs)
    assert found.sum(axis=1) == pytest.approx(np.ones(60))
    assert found == pytest.approx(product / product.sum(axis=1, keepdims=True), abs=1e-6)
    assert np.array_equal(model.predict(inputs), model.decision_function(inputs).argmax(axis=1))


def test_a_class_that_a_voice_never_saw_keeps_a_little_from_it_and_is_found_by_the_others() -> None:
    model, inputs = student((1.0, 1.0)), example_inputs(20, seed=4)
    values = log_probabilities(model.voices[0], inputs, model.classes_)
    assert values[:, 1] == pytest.approx(np.full(60, np.log(LEAST)))
    assert (model.predict(inputs)[20:40] == 1).mean() > 0.5
    assert not (student((1.0, 0.0)).predict(inputs) == 1).any()


def test_classes_are_given_as_they_are_called() -> None:
    model = Voices([fitted_voice("class_means", ["embedding"])], [1.0], np.array([0, 1, 2, 5]))
    inputs = example_inputs(5, seed=1)
    assert model.predict_proba(inputs).shape == (15, 4)
    assert set(model.predict(inputs).tolist()) == {0, 1, 2}
    assert model.predict_proba(inputs)[:, 3].max() < 0.01


@pytest.mark.parametrize("kind", ["logistic_regression", "class_means", "lightgbm"])
@pytest.mark.parametrize("features", [["embedding"], ["embedding", "cards"], ["embedding", "words", "metadata"]], ids="+".join)
def test_a_voice_is_heard_as_its_pipeline_speaks(kind: str, features: list[str]) -> None:
    voice, inputs = fitted_voice(kind, features), example_inputs(30, seed=3)
    assert log_probabilities(voice, inputs, np.arange(3)) == pytest.approx(np.log(voice.predict_proba(inputs) + LEAST), abs=1e-6)


def test_many_documents_are_predicted_as_each_by_itself() -> None:
    random = np.random.default_rng(0)
    model = Voices(
        [fitted_voice("class_means", ["embedding"]), fitted_voice("logistic_regression", ["embedding", "cards"])], [2.0, 1.0], np.arange(3)
    )
    inputs = Inputs(np.asarray(random.normal(size=(1500, 24)), dtype=np.float32))
    found = model.predict_proba(inputs)
    for row in (0, 511, 512, 1499):
        assert model.predict_proba(inputs.take(np.array([row])))[0] == pytest.approx(found[row], abs=1e-6)
