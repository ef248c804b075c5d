"""Written examples teach a student only where it then predicts labels better that neither it nor the writer has seen."""

from typing import Any

import numpy as np
import pytest

from pipeline.student_settings import StudentSettings
from pipeline.students import Inputs, Material, Offered, Workshop, candidates_of, choose, learn
from pipeline.students import learning as module
from pipeline.students.card import model_card
from pipeline.students.written_trial import try_written
from tests.lessons import clouds, lesson, unit

CANDIDATES = candidates_of([StudentSettings(kind="logistic_regression", features=("embedding",), widened="none", penalties=(1.0,))])
SIZES = (40, 40, 4)  # the last one is rare
NOISE, SEED = 0.7, 3


def offer(vectors: Any, *, asked: str = "c", annotated: list[str | None] | None = None, material: Material, **more: Any) -> Offered:
    count = len(vectors)
    usual: dict[str, Any] = {
        "inputs": Inputs(unit(vectors), [f"written {place}" for place in range(count)]),
        "asked": [asked] * count,
        "annotated": [asked] * count if annotated is None else annotated,
        "judged": np.ones(len(material.labelled), dtype=bool),
        "strangers": np.zeros((0, 0), dtype=np.float32),
        "most": 30,
    }
    return Offered(**usual | more)


def helpful(count: int = 30, *, seed: int = 8) -> Any:
    """More of the rare category, of the same cloud."""
    inputs, _ = clouds((0, 0, count), noise=NOISE, seed=seed)
    return inputs.vectors


def harmful(count: int = 30) -> Any:
    """What is said to be of the rare category and lies where the first one does."""
    random = np.random.default_rng(3)
    return np.eye(8)[np.zeros(count, dtype=int)] + 0.6 * np.eye(8)[2] + 0.35 * random.normal(size=(count, 8))


def test_planted_examples_that_help_are_used_and_the_rare_category_is_found_more_often() -> None:
    material = lesson(SIZES, noise=NOISE, seed=SEED)
    fresh, truth = clouds((0, 0, 200), noise=NOISE, seed=77)
    plain = learn(material, CANDIDATES, folds=4, seed=1)
    learnt = learn(material, CANDIDATES, folds=4, seed=1, offered=offer(helpful(), material=material))
    trial = learnt.written
    assert plain.written is None and trial is not None
    assert trial.used and trial.beside > trial.without
    assert len(trial.written) >= 5
    assert "they are used" in trial.reason and f"of {len(material.labelled)}" not in trial.reason
    assert f"{trial.beside:.3f}" in trial.reason and f"on {trial.n} unseen labels" in trial.reason
    assert learnt.choice.reason == plain.choice.reason, "why the candidate was chosen is another matter"
    assert learnt.choice.trials[0] != plain.choice.trials[0]
    recall = [float((one.model.predict(fresh) == truth).mean()) for one in (plain, learnt)]
    assert recall[1] > recall[0] + 0.02


def test_planted_examples_that_harm_are_not_used_and_nothing_of_the_student_is_another() -> None:
    material = lesson(SIZES, noise=NOISE, seed=SEED)
    plain = learn(material, CANDIDATES, folds=4, seed=1)
    learnt = learn(material, CANDIDATES, folds=4, seed=1, offered=offer(harmful(), material=material))
    trial = learnt.written
    assert trial is not None and len(trial.written) >= 5, "student and annotator let them pass, as they may"
    assert not trial.used and trial.beside <= trial.without
    assert "they are not used" in trial.reason
    assert np.array_equal(learnt.model.predict_proba(material.labelled), plain.model.predict_proba(material.labelled))
    assert learnt.choice.trials[0].agreement == plain.choice.trials[0].agreement


def test_what_the_annotator_calls_otherwise_is_refused_and_told() -> None:
    material = lesson(SIZES, noise=NOISE, seed=SEED)
    said = [None, "a", *["c"] * 28]
    learnt = learn(material, CANDIDATES, folds=4, seed=1, offered=offer(helpful(), annotated=said, material=material))
    assert learnt.written is not None
    assert learnt.written.written.refused["the annotator says otherwise"] == 2
    assert "the annotator says otherwise: 2" in learnt.written.reason
    assert not {0, 1} & set(learnt.written.written.places.tolist())


def test_labels_of_documents_that_the_writer_was_shown_do_not_judge() -> None:
    material = lesson(SIZES, noise=NOISE, seed=SEED)
    judged = np.ones(84, dtype=bool)
    judged[[80, 81]] = False
    workshop = Workshop(material, folds=4, seed=1)
    choice = choose(CANDIDATES, workshop)
    trial, _ = try_written(offer(helpful(), material=material, judged=judged), workshop, choice, folds=4)
    assert trial.n == 82
    nobody, same = try_written(offer(helpful(), material=material, judged=~np.ones(84, dtype=bool)), workshop, choice, folds=4)
    assert not nobody.used and same is choice
    assert "The writer was shown all labelled documents" in nobody.reason


def test_no_example_copies_a_document_that_is_measured_on() -> None:
    material = lesson(SIZES, noise=NOISE, seed=SEED)
    examples = helpful()
    learnt = learn(material, CANDIDATES, folds=4, seed=1, offered=offer(examples, material=material, strangers=unit(examples[:3])))
    assert learnt.written is not None
    assert learnt.written.written.refused["copy of a document"] == 3
    assert not {0, 1, 2} & set(learnt.written.written.places.tolist())


def test_examples_of_categories_that_are_not_learnt_are_left_out() -> None:
    material = lesson(SIZES, noise=NOISE, seed=SEED)
    learnt = learn(material, CANDIDATES, folds=4, seed=1, offered=offer(helpful(), asked="g", material=material))
    assert learnt.written is not None
    assert not learnt.written.used
    assert learnt.written.reason == "Written examples: 0 of 0 kept. None was kept."


def test_of_many_labels_those_that_are_tried_judge_and_the_examples_teach_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIED", 60)
    material = lesson(SIZES, noise=NOISE, seed=SEED)
    learnt = learn(material, CANDIDATES, folds=4, seed=1, offered=offer(helpful(), material=material))
    assert learnt.written is not None
    assert learnt.written.n == len(learnt.tried) == len(learnt.choice.unseen) == 60


def test_the_card_says_what_came_of_them() -> None:
    card = model_card({"written_examples": {"reason": "Written examples: 3 of 8 kept."}})
    assert "## Written examples\n\nA model wrote texts" in card
    assert "Written examples: 3 of 8 kept." in card
    assert "Written examples" not in model_card({"written_examples": None})
