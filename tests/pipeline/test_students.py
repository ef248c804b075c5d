"""Students learn, and know how sure they are."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pipeline.errors import TrainingError
from pipeline.settings import StudentSettings
from pipeline.students import TrainingSet, soft_labels, spread, train

SETTINGS = StudentSettings()
CATEGORIES = ("cat:a", "cat:b", "cat:c")


def blobs(per_category: int, *, noise: float = 0.25, seed: int = 0, categories: int = 3) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """Make unit vectors around one axis a category."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(categories), per_category)
    vectors = np.eye(8)[truth] + noise * random.normal(size=(len(truth), 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


def training_set(per_category: int = 20, *, flipped: float = 0.0, unlabelled: int = 50, noise: float = 0.25) -> TrainingSet:
    vectors, truth = blobs(per_category, noise=noise)
    more, _ = blobs(unlabelled, noise=noise, seed=1)
    random = np.random.default_rng(2)
    given_labels = np.where(random.random(len(truth)) < flipped, random.integers(0, 3, len(truth)), truth)
    return TrainingSet(CATEGORIES, vectors, 0.9 * np.eye(3)[given_labels] + 0.1 / 3, more)


def accuracy(model: LogisticRegression, *, noise: float = 0.25) -> float:
    vectors, truth = blobs(200, noise=noise, seed=9)
    return float((model.predict(vectors) == truth).mean())


@pytest.mark.parametrize("unlabelled", [0, 20_000])
def test_a_student_learns_what_can_be_told_apart_and_says_how_c_was_chosen(unlabelled: int) -> None:
    trained = train(training_set(), settings=StudentSettings(unlabelled=unlabelled), seed=1)
    assert trained.categories == CATEGORIES
    assert accuracy(trained.model) > 0.95
    assert sorted(trained.agreement) == sorted(SETTINGS.penalties)
    assert trained.agreement[trained.penalty] == max(trained.agreement.values())
    assert 0.1 <= trained.temperature <= 10


def test_unlabelled_documents_help_against_wrong_labels() -> None:
    data = training_set(10, flipped=0.4, unlabelled=200, noise=0.35)
    with_them = train(data, settings=SETTINGS, seed=1)
    without = train(data, settings=StudentSettings(unlabelled=0), seed=1)
    assert accuracy(with_them.model, noise=0.35) >= accuracy(without.model, noise=0.35)


def test_probabilities_are_cooled_where_the_labels_are_wrong() -> None:
    clean = train(training_set(30, noise=0.15), settings=SETTINGS, seed=1)
    wrong = train(training_set(30, flipped=0.5, noise=0.15), settings=SETTINGS, seed=1)
    vectors, _ = blobs(50, noise=0.15, seed=5)
    assert clean.model.predict_proba(vectors).max(axis=1).mean() > wrong.model.predict_proba(vectors).max(axis=1).mean() + 0.1


def test_training_twice_gives_the_same_student() -> None:
    first, second = (train(training_set(), settings=SETTINGS, seed=1) for _ in range(2))
    assert np.array_equal(first.model.coef_, second.model.coef_)


def test_a_category_without_labels_is_left_out() -> None:
    data = training_set()
    kept = data.soft.argmax(axis=1) < 2
    soft = np.eye(3)[data.soft[kept].argmax(axis=1)]
    trained = train(TrainingSet(CATEGORIES, data.vectors[kept], soft, data.unlabelled), settings=SETTINGS, seed=1)
    assert trained.categories == ("cat:a", "cat:b")
    assert trained.model.predict_proba(data.vectors).shape == (60, 2)


@pytest.mark.parametrize(("rows", "columns", "said"), [(9, 3, "9 of 3"), (0, 3, "0 of 0"), (30, 1, "30 of 1")])
def test_too_few_labels_or_categories_are_refused_with_the_numbers(rows: int, columns: int, said: str) -> None:
    vectors, _ = blobs(10)
    soft = np.eye(columns)[np.arange(rows) % columns].reshape(rows, columns)
    data = TrainingSet(CATEGORIES[:columns], vectors[:rows], soft, vectors[:0])
    with pytest.raises(TrainingError, match=f"at least 2 categories and at least 10 labelled documents; there are {said}"):
        train(data, settings=SETTINGS, seed=1)


@pytest.mark.parametrize("unlabelled", [0, 10])
def test_one_label_of_a_second_category_is_enough_or_refused_by_name(unlabelled: int) -> None:
    vectors, _ = blobs(10, categories=2)
    soft = np.eye(2)[[0] * 19 + [1]]
    data = TrainingSet(CATEGORIES[:2], vectors, soft, vectors[:0])
    try:
        trained = train(data, settings=StudentSettings(unlabelled=unlabelled), seed=1)
    except TrainingError as error:
        assert "annotation.sample" in str(error)
    else:
        assert trained.categories == ("cat:a", "cat:b")


@given(st.integers(1, 12), st.integers(0, 12), st.integers(2, 4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_memberships_sum_to_one_for_every_document(known: int, more: int, categories: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(known + more, 5)).astype(np.float32)
    soft = random.dirichlet(np.ones(categories), known)
    found = spread(TrainingSet(tuple(f"c{n}" for n in range(categories)), vectors[:known], soft, vectors[known:]))
    assert found.shape == (known + more, categories)
    assert found.sum(axis=1) == pytest.approx(np.ones(known + more))
    assert (found >= 0).all()


def test_soft_labels_are_laid_out_by_category_and_sum_to_one() -> None:
    found = soft_labels(["a", "b"], [{"a": 0.6, "none": 0.4}, {"b": 0.2, "a": 0.2}])
    assert found.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert soft_labels(["a", "b"], []).shape == (0, 2)
