"""What is labelled next teaches more than as many documents at random: real images of digits, made-up mistakes of a teacher, seeds fixed."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from pipeline.annotation.selection import next_batch
from pipeline.spreading import spread_seeds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]
SEEDS = range(20)


def unit(rows: Any) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@cache
def digits() -> tuple[Vectors, Ints]:
    data, target = load_digits(return_X_y=True)
    return unit(data - data.mean(axis=0)), target.astype(np.intp)


# --- simulations -----------------------------------------------------------------------------------------------------


def careless_labels(truth: Ints, *, rate: float, seed: int) -> Ints:
    """Label as a teacher does that is wrong on a share of the documents, any other category being as likely."""
    random = np.random.default_rng(seed)
    return np.where(random.random(len(truth)) < rate, (truth + random.integers(1, 10, len(truth))) % 10, truth).astype(np.intp)


@cache
def well_taught() -> Floats:
    vectors, truth = digits()
    return np.asarray(LogisticRegression(C=5, max_iter=500).fit(vectors, truth).predict_proba(vectors))


def weak_labels(truth: Ints, *, rate: float, seed: int) -> tuple[Ints, Floats]:
    """Label as a weak teacher does: wrong the more often the harder the document is, and then with what it looks like; give the chances too."""
    views = well_taught()
    right = views[np.arange(len(truth)), truth]
    chance = 1 - 2 * rate * (-right).argsort().argsort() / len(truth)
    looks_like = np.where(np.eye(10, dtype=bool)[truth], -1.0, views).argmax(axis=1)
    return np.where(np.random.default_rng(seed).random(len(truth)) < chance, truth, looks_like).astype(np.intp), chance


def learn(vectors: Vectors, places: Ints, labels: Ints) -> Floats:
    model = LogisticRegression(C=1, class_weight="balanced", max_iter=500).fit(vectors[places], labels[places])
    probabilities = np.zeros((len(vectors), 10))
    probabilities[:, model.classes_] = model.predict_proba(vectors)
    return probabilities


def label_in_rounds(vectors: Vectors, labels: Ints, *, active: bool, seed: int, rounds: int = 3, reliability: Floats | None = None) -> list[Ints]:
    """Choose 60 documents and 60 more a round, actively or at random; return the places known after each round."""
    if not active:
        order = np.random.default_rng(seed).permutation(len(vectors))
        return [order[: 60 * (number + 1)] for number in range(rounds + 1)]
    course = [spread_seeds(vectors, 60, seed=seed)]
    for _ in range(rounds):
        known = course[-1]
        probabilities = learn(vectors, known, labels)
        more = next_batch(probabilities, known, count=60, labels=labels[known], reliability=reliability, vectors=vectors, seed=seed)
        course.append(np.concatenate([known, more]))
    return course


def accuracies(labels: Ints, truth: Ints, *, seed: int, active: bool, reliability: Floats | None = None) -> Floats:
    """Give the student's accuracy on 600 other documents at 60, 120, 180 and 240 labels."""
    vectors, _ = digits()
    order = np.random.default_rng(100 + seed).permutation(len(truth))
    pool, held = order[600:], order[:600]
    chances = None if reliability is None else reliability[pool]
    course = label_in_rounds(vectors[pool], labels[pool], active=active, seed=seed, reliability=chances)
    assert [len(places) for places in course] == [60, 120, 180, 240]
    views = [learn(vectors, pool[places], labels)[held] for places in course]
    return np.array([(view.argmax(axis=1) == truth[held]).mean() for view in views])


@pytest.mark.parametrize(("teacher", "rate", "least"), [("careless", 0.0, 0.015), ("careless", 0.25, 0.015), ("weak", 0.25, 0.01)])
def test_chosen_labels_teach_more_than_as_many_random_ones(teacher: str, rate: float, least: float) -> None:
    _, truth = digits()
    gains = []
    for seed in SEEDS:
        labels = careless_labels(truth, rate=rate, seed=seed) if teacher == "careless" else weak_labels(truth, rate=rate, seed=seed)[0]
        gains.append(accuracies(labels, truth, seed=seed, active=True) - accuracies(labels, truth, seed=seed, active=False))
    means = np.mean(gains, axis=0)
    assert means.min() >= 0.0, means
    assert means.mean() >= least, means


def test_to_know_where_the_annotator_is_right_teaches_more_still() -> None:
    _, truth = digits()
    gains = []
    for seed in range(10):
        labels, chances = weak_labels(truth, rate=0.25, seed=seed)
        weighted = accuracies(labels, truth, seed=seed, active=True, reliability=chances)
        gains.append(weighted - accuracies(labels, truth, seed=seed, active=True))
    means = np.mean(gains, axis=0)[1:]
    assert means.min() >= 0.005, means


def test_rare_categories_get_more_labels_than_at_random() -> None:
    vectors, truth = digits()
    found = {True: [], False: []}  # type: dict[bool, list[int]]
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        kept = np.flatnonzero((truth > 2) | (random.random(len(truth)) < 0.1))
        labels = careless_labels(truth[kept], rate=0.2, seed=seed)
        for active in (True, False):
            places = label_in_rounds(vectors[kept], labels, active=active, rounds=2, seed=seed)[-1]
            found[active].append(int((truth[kept][places] <= 2).sum()))
    assert np.mean(found[True]) >= 1.5 * np.mean(found[False]), found
