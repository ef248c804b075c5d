"""Pseudo-labels: agreed on, spread, balanced, and undone where they do harm."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from pipeline.students.pseudo import MOST_ROUNDS, PseudoRounds, choose_pseudo_labels, cluster_view, iterate_pseudo_labels, neighbour_view

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]
NO_PLACES = np.zeros(0, dtype=np.intp)


def unit(rows: Any) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@cache
def digits() -> tuple[Vectors, Ints]:
    data, target = load_digits(return_X_y=True)
    return unit(data - data.mean(axis=0)), target.astype(np.intp)


def student(vectors: Vectors) -> Callable[[Vectors, Ints, Floats], Floats]:
    def fit(taught: Vectors, categories: Ints, weights: Floats) -> Floats:
        model = LogisticRegression(C=1, class_weight="balanced", max_iter=500).fit(taught, categories, sample_weight=weights)
        probabilities = np.zeros((len(vectors), 10))
        probabilities[:, model.classes_] = model.predict_proba(vectors)
        return probabilities

    return fit


# --- laws ------------------------------------------------------------------------------------------------------------


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, k = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    copies = random.integers(0, draw(st.integers(1, n)), n)  # some vectors repeat
    return {
        "student": random.dirichlet(np.full(k, 0.3), size=n),
        "other": random.dirichlet(np.full(k, 0.3), size=n) if draw(st.booleans()) else None,
        "vectors": unit(random.normal(size=(n, 3)))[copies],
        "labelled": random.permutation(n)[: draw(st.integers(0, n))],
        "per_class": draw(st.integers(0, 12)),
        "seed": draw(st.integers(0, 3)),
    }


@given(cases())
@settings(deadline=None, max_examples=50)
def test_never_a_labelled_document_never_too_many_and_the_same_again(case: dict[str, Any]) -> None:
    found = choose_pseudo_labels(**case)
    assert len(found.places) == len(found.categories) == len(found.weights) == len(found) == len(set(found.places.tolist()))
    assert not set(case["labelled"].tolist()) & set(found.places.tolist())
    assert np.bincount(found.categories, minlength=1).max() <= case["per_class"]
    assert np.all((found.weights > 0) & (found.weights <= 1))
    assert np.array_equal(found.categories, case["student"][found.places].argmax(axis=1))
    if case["other"] is not None:
        assert np.array_equal(found.categories, case["other"][found.places].argmax(axis=1))
    again = choose_pseudo_labels(**case)
    assert np.array_equal(found.places, again.places)
    assert np.array_equal(found.weights, again.weights)


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 30))
@settings(deadline=None, max_examples=50)
def test_both_views_are_probabilities(seed: int, known: int, n: int) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(random.normal(size=(n, 3)))
    labelled = random.permutation(n)[:known]
    for view in (
        neighbour_view(vectors, labelled, random.integers(0, 3, len(labelled)), size=3),
        cluster_view(vectors, random.dirichlet(np.ones(3), size=n), seed=seed),
    ):
        assert view.shape == (n, 3)
        assert view.sum(axis=1) == pytest.approx(np.ones(n))


# --- choosing --------------------------------------------------------------------------------------------------------


def test_the_nearest_labelled_documents_vote() -> None:
    vectors = unit(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.2, 0.8]]))
    view = neighbour_view(vectors, np.array([0, 1]), np.array([2, 0]), size=3)
    assert view.argmax(axis=1).tolist() == [2, 0, 2, 0]
    assert view[:, 1].tolist() == [0.0] * 4


def test_a_cluster_outvotes_the_one_document_that_is_called_otherwise() -> None:
    vectors = unit(np.concatenate([np.eye(2)[[0] * 20], np.eye(2)[[1] * 20]]) + 0.01 * np.random.default_rng(0).normal(size=(40, 2)))
    sure = np.where(np.arange(40)[:, None] < 20, [[0.9, 0.1]], [[0.1, 0.9]])
    sure[5] = [0.4, 0.6]
    assert cluster_view(vectors, sure, seed=0)[5].argmax() == 0
    found = choose_pseudo_labels(sure, None, vectors, labelled=NO_PLACES, per_class=40, seed=0)
    assert 5 not in found.places
    assert np.array_equal(found.categories, (found.places >= 20).astype(np.intp))


def test_only_the_surer_half_is_kept_and_each_category_gets_as_many() -> None:
    random = np.random.default_rng(0)
    first = np.concatenate([random.uniform(0.6, 1.0, 60), random.uniform(0.0, 0.4, 12)])
    views = np.column_stack([first, 1 - first])
    found = choose_pseudo_labels(views, views, unit(random.normal(size=(72, 5))), labelled=NO_PLACES, per_class=10, seed=0)
    assert np.bincount(found.categories).tolist() == [10, 6], "the second has 12 candidates, and the surer half of them is taken"
    of_first = found.weights[found.categories == 0]
    assert of_first.min() >= np.median(first[:60]) - 1e-9
    assert of_first.tolist() == sorted(of_first, reverse=True)


def test_what_is_chosen_is_spread_over_the_category() -> None:
    random = np.random.default_rng(0)
    spots = np.concatenate([np.tile(np.eye(4)[0], (80, 1)), np.tile(np.eye(4)[1], (20, 1))])
    vectors = unit(spots + 0.02 * random.normal(size=(100, 4)))
    sureness = np.where(np.arange(100) < 40, 0.95, np.where(np.arange(100) >= 90, 0.9, 0.6))  # the surest are all of one spot
    views = np.column_stack([sureness, 1 - sureness])
    found = choose_pseudo_labels(views, views, vectors, labelled=NO_PLACES, per_class=8, seed=0)
    assert 1 <= (found.places >= 90).sum() < 8


def test_views_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected two views of 2 documents"):
        choose_pseudo_labels(np.full((2, 2), 0.5), np.full((2, 3), 0.3), unit(np.eye(2)), labelled=NO_PLACES, per_class=1, seed=0)


# --- rounds on real images of digits, labelled by a teacher whose mistakes are made up --------------------------------


def taught(seed: int, *, known: int = 100, rate: float = 0.25) -> tuple[Vectors, Ints, Ints, Ints]:
    """Give the vectors, the truth, places of labelled documents and their labels, of which a share is wrong."""
    vectors, truth = digits()
    random = np.random.default_rng(seed)
    places = random.permutation(len(truth))[:known]
    wrong = random.random(known) < rate
    return vectors, truth, places, np.where(wrong, (truth[places] + random.integers(1, 10, known)) % 10, truth[places])


def run(fit: Callable[[Vectors, Ints, Floats], Floats], seed: int, **changes: int) -> PseudoRounds:
    vectors, _, places, labels = taught(seed)
    return iterate_pseudo_labels(fit, vectors, places, labels, size=10, per_class=20, seed=seed, **changes)


def test_pseudo_labels_are_truer_than_the_labels_and_teach_something() -> None:
    purity, gains = [], []
    for seed in range(5):
        vectors, truth, places, labels = taught(seed)
        found = run(student(vectors), seed, rounds=2, folds=3)
        before = student(vectors)(vectors[places], labels, np.ones(len(places)))
        unseen = np.setdiff1d(np.arange(len(truth)), places)
        after, start = ((view[unseen].argmax(axis=1) == truth[unseen]).mean() for view in (found.probabilities, before))
        gains.append(after - start)
        purity.append((found.pseudo.categories == truth[found.pseudo.places]).mean() if found.kept else np.nan)
        assert not set(found.pseudo.places.tolist()) & set(places.tolist())
        assert list(found.agreements[: found.kept + 1]) == sorted(found.agreements[: found.kept + 1])
    assert np.nanmean(purity) >= 0.85, purity
    assert np.mean(gains) >= 0.01, gains
    assert min(gains) >= -0.01, gains


def test_a_round_that_does_harm_is_undone() -> None:
    vectors, _, places, labels = taught(0)
    honest = student(vectors)

    def ruined_by_more(known: Vectors, categories: Ints, weights: Floats) -> Floats:
        found = honest(known, categories, weights)
        return found if len(known) <= 100 else np.roll(found, 1, axis=1)

    found = run(ruined_by_more, 0)
    assert (found.kept, len(found.pseudo)) == (0, 0)
    assert len(found.agreements) == 2
    assert found.agreements[1] < found.agreements[0]
    assert np.array_equal(found.probabilities, honest(vectors[places], labels, np.ones(100)))
    assert found.words.endswith("0 kept, with 0 pseudo-labels. The last one did worse and was undone.")


def test_there_are_at_most_three_rounds_and_none_without_labels_to_leave_out() -> None:
    vectors, _, places, labels = taught(1)
    fits = []

    def counted(known: Vectors, categories: Ints, weights: Floats) -> Floats:
        fits.append(len(known))
        return np.eye(10)[digits()[1]] * 0.9 + 0.01  # always right, so that no round is worse

    found = run(counted, 1, rounds=9)
    assert found.kept == MOST_ROUNDS == len(found.agreements) - 1
    assert len(fits) == 6 * (MOST_ROUNDS + 1)
    few = iterate_pseudo_labels(counted, vectors, places[:9], labels[:9], size=10, per_class=20, seed=1)
    assert (few.kept, few.agreements, len(few.pseudo)) == (0, (), 0)
    assert few.words.startswith("No pseudo-label was tried")


def test_rounds_are_the_same_again() -> None:
    vectors = digits()[0]
    first, second = (run(student(vectors), 2, rounds=1) for _ in range(2))
    assert np.array_equal(first.probabilities, second.probabilities)
    assert first.agreements == second.agreements


def test_a_label_that_is_no_category_is_refused() -> None:
    vectors, _, places, labels = taught(1)
    with pytest.raises(ValueError, match="a category from 0 to 9 for each of 100"):
        iterate_pseudo_labels(student(vectors), vectors, places, np.where(labels == 3, -1, labels), size=10, per_class=20, seed=1)
