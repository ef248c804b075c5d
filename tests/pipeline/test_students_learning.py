"""A student is chosen on a part of many labels and learns from all of them; doubtful labels are doubted where that is asked for."""

import numpy as np
import pytest

from pipeline.student_settings import StudentSettings
from pipeline.students import Inputs, Material, candidates_of, learn
from pipeline.students import learning as module

CANDIDATES = candidates_of([StudentSettings(kind="logistic_regression", features=("embedding",), widened="none", penalties=(1.0, 10.0))])


def material(per_category: int, *, flipped: float = 0.0, noise: float = 0.3, seed: int = 0) -> tuple[Material, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), per_category)
    vectors = np.eye(8)[truth] + noise * random.normal(size=(len(truth), 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    given = np.where(random.random(len(truth)) < flipped, (truth + 1 + random.integers(0, 2, len(truth))) % 3, truth)
    return Material(("a", "b", "c"), Inputs(vectors), 0.98 * np.eye(3)[given] + 0.02 / 3, np.ones(len(truth))), truth


def test_few_labels_are_all_tried_and_every_one_is_predicted_by_a_stranger() -> None:
    lesson, truth = material(30)
    learnt = learn(lesson, CANDIDATES, folds=5, seed=1)
    assert learnt.tried.tolist() == list(range(90))
    assert learnt.choice.unseen.shape == (90, 3)
    assert (learnt.model.predict(lesson.labelled) == truth).mean() > 0.9
    assert learnt.cleaning is None
    assert learnt.model.novelty is not None


def test_of_many_labels_a_part_is_tried_and_all_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIED", 60)
    lesson, _ = material(60)
    learnt = learn(lesson, CANDIDATES, folds=5, seed=1)
    assert len(learnt.tried) == len(set(learnt.tried.tolist())) == len(learnt.choice.unseen) == 60
    alone = learn(lesson.take(learnt.tried, learnt.tried[:0]), CANDIDATES, folds=5, seed=1)
    coefficients = [one.model.voices[0].steps[-1][1].coef_ for one in (learnt, alone)]
    assert not np.allclose(*coefficients), "the last fit saw more than the part that was tried"


def test_copies_of_one_text_never_stand_on_both_sides_of_a_split() -> None:
    lesson, _ = material(20)
    copies = np.repeat(np.arange(0, 60, 3), 3)  # three copies of every third document
    learnt = learn(lesson.take(copies, copies[:0]), CANDIDATES, folds=5, seed=1)
    for place in range(0, len(copies), 3):
        same = learnt.choice.unseen[place : place + 3]
        assert np.allclose(same, same[0]), "copies were predicted by the same strangers"


def test_wrong_labels_that_are_doubted_cost_less_and_those_that_are_trusted_stay() -> None:
    lesson, truth = material(100, flipped=0.3)
    fresh, right = material(200, seed=9)
    trusted = np.zeros(300, dtype=bool)
    trusted[:20] = True
    doubting = learn(lesson, CANDIDATES, folds=5, seed=1, doubt=True, trusted=trusted)
    plain = learn(lesson, CANDIDATES, folds=5, seed=1)
    assert doubting.cleaning is not None and doubting.cleaning.reason
    accuracy = [float((one.model.predict(fresh.labelled) == right).mean()) for one in (doubting, plain)]
    assert accuracy[0] >= accuracy[1] - 0.02
    assert (doubting.cleaning.material.weights[:20] == lesson.weights[:20]).all()
    if doubting.cleaning.way != "none":
        wrong = lesson.soft.argmax(axis=1) != truth
        weights = doubting.cleaning.material.weights
        assert weights[20:][wrong[20:]].mean() < weights[20:][~wrong[20:]].mean()
