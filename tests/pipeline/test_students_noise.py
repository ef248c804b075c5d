"""Wrong labels: found where classifiers tell them, left alone where none are, and treated as it measurably helps."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from pipeline.errors import TrainingError
from pipeline.students.cleaning import clean
from pipeline.students.fitting import Voice
from pipeline.students.inputs import Inputs
from pipeline.students.material import Material
from pipeline.students.noise import WAYS, WEIGHINGS, Suspicion, bootstrapped, clean_weights, cleaned, robust_weights, suspects, to_relabel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
DIGITS = Voice("digits", "logistic_regression", chosen=(("C", (1.0, 10.0)),))


@cache
def digits(n: int = 400) -> tuple[npt.NDArray[np.float32], Ints]:
    data, target = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(data))[:n]
    centred = data - data.mean(axis=0)
    return np.asarray((centred / np.linalg.norm(centred, axis=1, keepdims=True))[rows], dtype=np.float32), target[rows].astype(np.intp)


def wronged(labels: Ints, share: float, *, k: int, seed: int = 1) -> Ints:
    random = np.random.default_rng(seed)
    labels, places = labels.copy(), random.permutation(len(labels))[: round(share * len(labels))]
    labels[places] = (labels[places] + random.integers(1, k, len(places))) % k
    return labels


def material(labels: Ints, vectors: Any = None, *, k: int = 10) -> Material:
    vectors = digits()[0] if vectors is None else vectors
    return Material(tuple(map(str, range(k))), Inputs(vectors), np.eye(k)[labels], np.ones(len(labels)), np.arange(len(labels)))


@st.composite
def opinions(draw: st.DrawFn) -> tuple[Floats, Floats]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, k = draw(st.integers(1, 40)), draw(st.integers(2, 5))
    unseen = np.log(random.dirichlet(np.full(k, draw(st.sampled_from([0.05, 0.5, 5.0]))), size=n) + 1e-4)
    soft = random.dirichlet(np.full(k, 0.2), size=n) if draw(st.booleans()) else np.eye(k)[random.integers(0, k, n)]
    return unseen, soft


# --- laws ------------------------------------------------------------------------------------------------------------


@given(opinions(), st.sampled_from(sorted(WEIGHINGS)))
@settings(max_examples=80, deadline=None)
def test_weights_lie_between_0_and_1_and_no_category_is_lost(case: tuple[Floats, Floats], how: str) -> None:
    unseen, soft = case
    suspicion = suspects(unseen, soft)
    weights = clean_weights(suspicion, how)
    assert weights.shape == (len(soft),) and np.all((weights >= 0) & (weights <= 1))
    assert np.all((suspicion.quality >= 0) & (suspicion.quality <= 1))
    for category in np.unique(suspicion.labels):
        assert weights[suspicion.labels == category].max() > 0


@given(opinions())
@settings(max_examples=60, deadline=None)
def test_nothing_is_flagged_or_weighed_down_where_labels_agree_with_what_is_predicted(case: tuple[Floats, Floats]) -> None:
    unseen, _ = case
    suspicion = suspects(unseen, np.eye(unseen.shape[1])[unseen.argmax(axis=1)])
    assert not suspicion.flagged.any()
    assert np.all(clean_weights(suspicion, "drop") == 1)


@given(opinions(), st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_asked_again_are_flagged_ones_alone_the_most_suspicious_first_and_no_more_than_may_be(case: tuple[Floats, Floats], most: int) -> None:
    suspicion = suspects(*case)
    places = to_relabel(suspicion, most=most)
    assert len(places) == min(most, int(suspicion.flagged.sum()))
    assert suspicion.flagged[places].all() and np.all(np.diff(suspicion.quality[places]) >= 0)
    others = np.setdiff1d(np.flatnonzero(suspicion.flagged), places)
    assert not len(places) or np.all(suspicion.quality[others] >= suspicion.quality[places].max())


@given(opinions(), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_mixed_labels_stay_probabilities_and_robust_weights_stay_weights(case: tuple[Floats, Floats], own: float) -> None:
    unseen, soft = case
    mixed = bootstrapped(soft, unseen, own=own)
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0)
    assert np.all(mixed >= 0)
    weights = robust_weights(unseen, soft)
    assert np.all((weights >= 0) & (weights <= 1))


@given(opinions())
@settings(max_examples=40, deadline=None)
def test_suspicion_does_not_hang_on_the_order_of_the_documents(case: tuple[Floats, Floats]) -> None:
    unseen, soft = case
    order = np.random.default_rng(0).permutation(len(soft))
    one, other = suspects(unseen, soft), suspects(unseen[order], soft[order])
    assert one.noise_rate == other.noise_rate
    np.testing.assert_allclose(one.quality[order], other.quality, atol=1e-12)


# --- what it finds ---------------------------------------------------------------------------------------------------


def noisy_opinions(share: float, *, n: int = 1000, k: int = 6, seed: int = 0) -> tuple[Floats, Ints, Ints]:
    """A classifier that is right about as often as it says, labels that it would give, and the same with some made wrong."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.full(k, 0.15), size=n)
    right = np.array([random.choice(k, p=row) for row in chances], dtype=np.intp)
    return np.log(chances + 1e-6), right, wronged(right, share, k=k)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.35])
def test_the_noise_rate_is_estimated(share: float) -> None:
    unseen, _, labels = noisy_opinions(share)
    assert abs(suspects(unseen, np.eye(6)[labels]).noise_rate - share) <= 0.04


@pytest.mark.parametrize("sharper", [0.3, 3.0])
def test_the_noise_rate_does_not_hang_on_how_sure_the_classifier_is(sharper: float) -> None:
    unseen, _, labels = noisy_opinions(0.2)
    assert abs(suspects(unseen * sharper, np.eye(6)[labels]).noise_rate - 0.2) <= 0.06


def test_wrong_labels_are_flagged_and_right_ones_are_not() -> None:
    unseen, right, labels = noisy_opinions(0.2)
    suspicion = suspects(unseen, np.eye(6)[labels])
    wrong = labels != right
    assert wrong[suspicion.flagged].mean() > 0.8
    assert suspicion.flagged[wrong].mean() > 0.6
    assert wrong[to_relabel(suspicion, most=50)].mean() > 0.95


def test_few_labels_of_many_categories_are_not_flagged_by_the_half() -> None:
    from cleanlab.filter import find_label_issues

    random = np.random.default_rng(3)
    labels = random.integers(0, 18, 200)
    unseen = np.log(random.dirichlet(np.full(18, 0.3), size=200) + 0.4 * np.eye(18)[labels] + 1e-4)  # a weak classifier, and no wrong label
    alone = find_label_issues(labels, np.exp(unseen) / np.exp(unseen).sum(axis=1, keepdims=True), n_jobs=1).sum()
    suspicion = suspects(unseen, np.eye(18)[labels])
    assert suspicion.flagged.sum() < 0.5 * alone


def test_doubt_lets_a_label_fall_only_as_far_as_its_chances() -> None:
    suspicion = Suspicion(np.array([0, 0, 1, 1]), np.array([0.99, 0.6, 0.2, 0.1]), np.array([False, False, False, True]), 0.25)
    np.testing.assert_allclose(clean_weights(suspicion, "downweight"), [0.98, 0.2, 0.05, 0.0])
    np.testing.assert_allclose(clean_weights(suspicion, "drop"), [1, 1, 1, 0])
    np.testing.assert_allclose(clean_weights(suspicion, "none"), [1, 1, 1, 1])


def test_trusted_labels_are_never_doubted_and_do_not_count_in_the_noise_rate() -> None:
    unseen, right, labels = noisy_opinions(0.2)
    soft, trusted = np.eye(6)[labels], labels != right  # somebody insists on all that are wrong
    suspicion = suspects(unseen, soft, trusted=trusted)
    assert suspicion.noise_rate <= 0.02 and not suspicion.flagged[trusted].any() and np.all(suspicion.quality[trusted] == 1)
    for way in WAYS:
        learnt, weights = cleaned(soft, np.ones(len(soft)), unseen, way, trusted=trusted)
        assert np.all(weights[trusted] == 1) and np.array_equal(learnt[trusted], soft[trusted])


def test_no_labels_are_no_trouble_and_one_category_is_refused() -> None:
    assert suspects(np.zeros((0, 3)), np.zeros((0, 3))).noise_rate == 0
    with pytest.raises(ValueError, match="two categories or more"):
        suspects(np.zeros((4, 1)), np.ones((4, 1)))
    with pytest.raises(ValueError, match="expected the same"):
        suspects(np.zeros((4, 2)), np.ones((5, 2)))


def test_an_unknown_way_is_refused_with_the_ways_there_are() -> None:
    suspicion = suspects(np.log(np.full((4, 2), 0.5)), np.eye(2)[[0, 1, 0, 1]])
    with pytest.raises(ValueError, match="'burn'; the ways are none, downweight, drop"):
        clean_weights(suspicion, "burn")


def test_a_weight_that_a_label_had_before_is_kept() -> None:
    unseen, _, labels = noisy_opinions(0.2)
    soft, weights = np.eye(6)[labels], np.full(len(labels), 0.5)
    for way in WAYS:
        _, found = cleaned(soft, weights, unseen, way)
        assert np.all((found >= 0) & (found <= 0.5))


# --- what a student makes of it --------------------------------------------------------------------------------------


def test_treating_wrong_labels_is_chosen_and_weighs_the_wrong_ones_less() -> None:
    right = digits()[1]
    labels = wronged(right, 0.25, k=10)
    found = clean(material(labels), voice=DIGITS, ways=["none", "drop", "downweight"], seed=0)
    assert found.way in {"downweight", "drop"}
    assert [trial.way for trial in found.trials] == ["none", "drop", "downweight"]
    assert max(found.trials, key=lambda trial: trial.agreement).way == found.way
    assert 0.15 < found.suspicion.noise_rate < 0.35
    weights = found.material.weights
    assert weights[labels != right].mean() < 0.3 < 0.9 < weights[labels == right].mean()
    assert f"{found.way} was best" in found.reason and f"n = {len(labels)}" in found.reason


def test_each_way_can_be_tried_and_the_best_is_taken() -> None:
    labels = wronged(digits()[1], 0.25, k=10)[:150]
    found = clean(material(labels, digits()[0][:150]), voice=Voice("digits", "class_means"), ways=WAYS, folds=3, seed=0)
    assert [trial.way for trial in found.trials] == list(WAYS)
    assert max(found.trials, key=lambda trial: trial.agreement).way == found.way


def test_right_labels_are_left_as_they_are() -> None:
    before = material(digits()[1])
    found = clean(before, voice=DIGITS, ways=["none", "downweight", "drop"], seed=0)
    assert found.suspicion.noise_rate <= 0.02
    assert found.material.weights.mean() > 0.98
    np.testing.assert_array_equal(found.material.soft, before.soft)


def test_the_treatment_is_the_same_each_time() -> None:
    labels = wronged(digits()[1], 0.2, k=10)
    fast = Voice("digits", "class_means")
    one, other = (clean(material(labels), voice=fast, ways=["none", "drop"], seed=0) for _ in range(2))
    assert one.reason == other.reason
    np.testing.assert_array_equal(one.material.weights, other.material.weights)


def test_words_are_read_where_there_are_texts_and_not_missed_where_there_are_none() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 40)
    vectors = random.normal(size=(80, 4)).astype(np.float32)  # tells nothing
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [f"{('cash', 'card')[label]} please {number % 7}" for number, label in enumerate(labels)]
    wrong = wronged(labels, 0.1, k=2)
    with_texts = replace(material(wrong, vectors, k=2), labelled=Inputs(vectors, texts))
    reading = clean(with_texts, ways=["drop"], seed=0)
    assert np.array_equal(reading.suspicion.flagged, wrong != labels)
    assert clean(material(wrong, vectors, k=2), ways=["drop"], seed=0).suspicion.flagged.sum() < 80


def test_labels_of_one_category_are_refused_with_what_to_do() -> None:
    with pytest.raises(TrainingError, match=r"annotation\.sample"):
        clean(material(np.zeros(400, dtype=np.intp)), voice=DIGITS, seed=0)


def test_a_voice_that_learns_from_more_than_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="'means' learns from more than labels"):
        clean(material(digits()[1]), voice=Voice("means", "class_means", widened="spread"), seed=0)
