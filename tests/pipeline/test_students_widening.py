"""How far labels reach: each way over unlabelled documents, what it teaches, and what it leaves alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pipeline.students.inputs import Inputs
from pipeline.students.material import Material
from pipeline.students.means import ClassMeans
from pipeline.students.pseudo import iterate_pseudo_labels
from pipeline.students.widening import WIDENED, widen
from tests.lessons import clouds, lesson, unit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def wronged(truth: Ints, share: float, *, k: int, seed: int) -> Ints:
    random = np.random.default_rng(seed)
    return np.where(random.random(len(truth)) < share, random.integers(0, k, len(truth)), truth)


def accuracy(soft: Floats, weights: Floats, material: Material, *, noise: float) -> float:
    """Say how right a regression is that learns what is to be learnt."""
    taught = weights > 0
    model = LogisticRegression(max_iter=500).fit(material.everything.vectors[taught], soft[taught].argmax(axis=1), sample_weight=weights[taught])
    asked, truth = clouds((200, 200, 200), noise=noise, seed=99)
    return float((model.predict(asked.vectors) == truth).mean())


@st.composite
def materials(draw: st.DrawFn) -> Material:
    random = np.random.default_rng(draw(st.integers(0, 999)))
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    made = lesson(sizes, unlabelled=draw(st.sampled_from([(), (1,), (5, 0, 9)])), noise=draw(st.floats(0.05, 1)), seed=draw(st.integers(0, 9)))
    n, k = made.soft.shape
    soft = random.dirichlet(np.full(k, 0.5), n)
    weights = random.choice([0.0, 0.4, 1.0], n)
    weights[random.integers(n)] = 1.0
    if draw(st.booleans()):
        cited, place = clouds((1, 1), seed=5)
        made = replace(made, cited=cited, cited_soft=0.7 * np.eye(k)[place] + 0.3 / k)
    return replace(made, soft=soft, weights=weights)


@pytest.mark.parametrize("how", WIDENED)
@given(material=materials())
@settings(max_examples=25, deadline=None)
def test_each_way_gives_every_document_probabilities_and_no_label_loses_its_weight(how: str, material: Material) -> None:
    n, c, m, k = len(material.labelled), len(material.cited), len(material.unlabelled), len(material.categories)
    soft, weights = widen(material, how, seed=1)
    assert soft.shape == (n + c + m, k)
    assert weights.shape == (n + c + m,)
    assert soft.sum(axis=1) == pytest.approx(np.ones(n + c + m))
    assert (soft >= 0).all()
    assert (weights >= 0).all()
    counted = material.weights > 0
    assert np.array_equal(weights[:n][counted], material.weights[counted])
    assert np.array_equal(weights[n : n + c], np.ones(c))
    if how == "none":
        assert np.array_equal(soft[:n], material.soft)
        assert not weights[n + c :].any()
    again, so_much = widen(material, how, seed=1)
    assert np.array_equal(soft, again)
    assert np.array_equal(weights, so_much)


@pytest.mark.parametrize("how", WIDENED)
def test_a_label_that_counts_for_nothing_says_nothing(how: str) -> None:
    weights = np.ones(36)
    weights[[0, 1, 20]] = 0.0
    material = lesson((12, 12, 12), sure=0.9, unlabelled=(20, 20, 20), noise=0.4, weights=weights)
    soft = material.soft.copy()
    soft[[0, 1, 20]] = soft[[35, 20, 0]]
    (first, counts), (second, so_much) = (widen(one, how, seed=1) for one in (material, replace(material, soft=soft)))
    assert np.array_equal(counts, so_much)
    assert np.array_equal(first[counts > 0], second[counts > 0])
    full, _ = widen(replace(material, weights=np.ones(36)), how, seed=1)
    assert how == "none" or not np.array_equal(full[36:], first[36:]), "it would have said something"


@pytest.mark.parametrize("how", ["spread", "label_spreading"])
def test_each_document_has_the_row_in_its_place_whatever_labels_count(how: str) -> None:
    weights = np.where(np.isin(np.arange(36), [0, 1, 20]), 0.0, 1.0)
    cited, place = clouds((0, 1, 1), noise=0.1, seed=5)
    material = lesson((12, 12, 12), unlabelled=(5, 0, 9), noise=0.1, weights=weights, cited=cited, cited_soft=np.eye(3)[place])
    soft, _ = widen(material, how, seed=1)
    assert soft.argmax(axis=1).tolist() == [0] * 12 + [1] * 12 + [2] * 12 + [1, 2] + [0] * 5 + [2] * 9


def test_a_label_that_counts_for_little_spreads_less_far() -> None:
    between = Material(("a", "b"), Inputs(unit(np.array([[1.0, 0.0], [0.0, 1.0], [0.45, 0.55]]))), np.eye(2)[[0, 1, 0]], np.ones(3))
    trusted, doubted = (widen(replace(between, weights=np.array([1.0, 1.0, weight])), "spread", seed=1)[0] for weight in (1.0, 0.01))
    assert trusted[2, 0] > 0.95
    assert doubted[2, 0] < 0.5


def test_an_unknown_way_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"cannot be widened by 'magic'; the ways are none, spread, self_training, label_spreading"):
        widen(lesson(), "magic", seed=1)


# --- spread ----------------------------------------------------------------------------------------------------------


def test_spreading_helps_against_wrong_labels() -> None:
    gains = []
    for seed in range(5):
        truth = np.repeat(np.arange(3), 10)
        material = lesson((10, 10, 10), labels=wronged(truth, 0.4, k=3, seed=seed), sure=0.9, unlabelled=(150, 150, 150), noise=0.35, seed=seed)
        alone, spread = (accuracy(*widen(material, how, seed=1), material, noise=0.35) for how in ("none", "spread"))
        gains.append(spread - alone)
    assert np.mean(gains) > 0.05
    assert min(gains) > -0.02


def test_spreading_teaches_every_unlabelled_document_and_mends_labels() -> None:
    truth = np.repeat(np.arange(3), 20)
    labels = truth.copy()
    labels[[0, 25]] = 2
    material = lesson((20, 20, 20), labels=labels, sure=0.8, unlabelled=(100, 100, 100), noise=0.1)
    soft, weights = widen(material, "spread", seed=1)
    assert np.array_equal(weights, np.ones(360))
    assert np.array_equal(soft[:60].argmax(axis=1), truth)
    assert np.array_equal(soft[60:].argmax(axis=1), np.repeat(np.arange(3), 100))


# --- self-training ---------------------------------------------------------------------------------------------------


def test_self_training_teaches_sure_predictions_and_they_are_right() -> None:
    material = lesson((10, 10, 10), unlabelled=(60, 60, 60), noise=0.2)
    soft, weights = widen(material, "self_training", seed=1)
    taught = np.flatnonzero(weights[30:] > 0)
    assert 20 <= len(taught) <= 3 * 20, "at most 20 for each category"
    assert (soft[30:].argmax(axis=1)[taught] == np.repeat(np.arange(3), 60)[taught]).mean() > 0.95
    assert weights[30:].max() <= 1
    assert np.array_equal(soft[:30], material.soft)


def test_self_training_adds_nothing_with_too_few_labels_to_leave_some_out() -> None:
    material = lesson((3, 3, 3), unlabelled=(60, 60, 60), noise=0.1)
    soft, weights = widen(material, "self_training", seed=1)
    assert not weights[9:].any()
    assert np.array_equal(soft[:9], material.soft)


def test_self_training_adds_nothing_where_the_first_round_predicts_unseen_labels_worse() -> None:
    stopped = 0
    for seed in range(12):
        labels = np.random.default_rng(seed).integers(0, 3, 30)  # drawn by lot: what is predicted is not worth repeating
        material = lesson((10, 10, 10), labels=labels, unlabelled=(60, 60, 60), noise=0.6, seed=seed)
        vectors = material.everything.vectors

        def fit(rows: Any, categories: Ints, sure: Floats, vectors: Any = vectors) -> Floats:
            model, found = ClassMeans().fit(rows, categories, sample_weight=sure), np.zeros((len(vectors), 3))
            found[:, model.classes_] = model.predict_proba(vectors)
            return found

        course = iterate_pseudo_labels(fit, vectors, np.arange(30), labels, size=3, per_class=20, seed=1)
        _, weights = widen(material, "self_training", seed=1)
        assert (weights[30:] > 0).sum() == len(course.pseudo)
        if course.kept == 0:
            stopped += 1
            assert not weights[30:].any()
    assert stopped > 0


# --- label spreading -------------------------------------------------------------------------------------------------


def islands(labelled_on: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[Material, Ints]:
    """Lay out far-off groups of documents, two labels on some of them."""
    inputs, island = clouds(sizes, noise=0.02)
    own = np.concatenate([np.flatnonzero(island == place)[:2] for place in labelled_on])
    others = np.setdiff1d(np.arange(len(island)), own)
    k = len(labelled_on)
    made = lesson((2,) * k, labelled=inputs.take(own), unlabelled=(1,))
    return replace(made, unlabelled=inputs.take(others)), island[others]


def test_label_spreading_reaches_the_documents_that_are_connected_and_no_others() -> None:
    material, island = islands((0, 1), (40, 40, 40))
    soft, weights = widen(material, "label_spreading", seed=1)
    assert np.array_equal(weights[4:] > 0, island < 2)
    assert np.array_equal(soft[4:][island < 2].argmax(axis=1), island[island < 2])
    assert soft[4:][island == 2] == pytest.approx(np.full((40, 2), 0.5))


def test_label_spreading_reaches_nothing_from_labels_that_count_for_nothing() -> None:
    material, island = islands((0, 1), (40, 40))
    ignored = replace(material, weights=np.array([1.0, 1.0, 0.0, 0.0]))
    _, weights = widen(ignored, "label_spreading", seed=1)
    assert np.array_equal(weights[4:] > 0, island == 0)


@pytest.mark.parametrize("how", ["spread", "self_training", "label_spreading"])
def test_a_few_documents_are_enough_for_every_way(how: str) -> None:
    pair = Material(("a", "b"), Inputs(unit(np.eye(2, 4))), np.eye(2), np.ones(2), np.arange(2))
    soft, weights = widen(pair, how, seed=1)
    assert soft.argmax(axis=1).tolist() == [0, 1]
    assert weights.tolist() == [1.0, 1.0]
