"""Students are chosen on labels that they have not seen, and what cannot be learnt from is refused in plain words."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TrainingError
from pipeline.intervals import wilson
from pipeline.student_settings import usual_students
from pipeline.students.candidates import candidates_of
from pipeline.students.choice import Candidate, Choice, choose, fit_candidate
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.inputs import Inputs
from pipeline.students.material import Material
from tests.lessons import clouds, lesson, unit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
REGRESSION = Voice("regression", "logistic_regression", chosen=(("C", (1.0,)),))
CARDS = Voice("cards", "cards", ("cards",), usual=0.2)
MEANS = Voice("means", "class_means", widened="spread", usual=0.4)
QUICK = (Candidate("heard", (REGRESSION, CARDS, MEANS)), Candidate("near", (Voice("near", "neighbours", chosen=(("neighbours", (3,)),)),)))


def usual() -> list[Candidate]:
    return candidates_of(usual_students())


def chosen(material: Material, candidates: Any = QUICK, *, folds: int = 5, seed: int = 1) -> tuple[Choice, Workshop]:
    workshop = Workshop(material, folds=folds, seed=seed)
    return choose(candidates, workshop), workshop


# --- folds -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 12), min_size=2, max_size=40), st.integers(2, 8), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_folds_leave_every_document_out_once_and_part_no_group(groups: list[int], folds: int, k: int, seed: int) -> None:
    random, n = np.random.default_rng(seed), len(groups)
    material = Material(
        tuple("abcd"[:k]), Inputs(unit(random.normal(size=(n, 3)))), np.eye(k)[random.integers(0, k, n)], np.ones(n), np.array(groups)
    )
    workshop = Workshop(material, folds=folds, seed=seed)
    if len(set(groups)) < 2:
        with pytest.raises(TrainingError, match=rf"there are {n} labelled documents, copies of 1\."):
            _ = workshop.folds
        return
    assert 2 <= len(workshop.folds) <= min(folds, len(set(groups)))
    assert sorted(np.concatenate([out for _, out in workshop.folds]).tolist()) == list(range(n))
    for rows, out in workshop.folds:
        assert len(rows) > 0 < len(out)
        assert sorted([*rows, *out]) == list(range(n))
        assert not {groups[row] for row in rows} & {groups[row] for row in out}


def test_folds_keep_the_categories_as_even_as_they_are_and_documents_without_groups_apart() -> None:
    for groups in (np.arange(60), np.zeros(0, dtype=np.intp)):
        workshop = Workshop(lesson((30, 20, 10), groups=groups), folds=5, seed=1)
        truth = workshop.material.soft.argmax(axis=1)
        assert [np.bincount(truth[out]).tolist() for _, out in workshop.folds] == [[6, 4, 2]] * 5


# --- nothing of its own label ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [("embedding",), ("embedding", "words", "cards", "metadata")], ids=len)
@pytest.mark.parametrize(
    ("kind", "widened"),
    [("logistic_regression", way) for way in ("none", "spread", "self_training", "label_spreading")]
    + [("lightgbm", "none"), ("mlp", "none"), ("neighbours", "none"), ("class_means", "spread")],
)
def test_no_unseen_prediction_hangs_on_the_documents_own_label(kind: str, widened: str, features: tuple[str, ...]) -> None:
    if kind in ("neighbours", "mlp"):
        features = features[:1]
    voice = Voice("one", kind, features, widened)
    first = Workshop(lesson((12, 12, 12), sure=0.9, unlabelled=(10, 10, 10), noise=0.4), folds=4, seed=1)
    before = first.unseen(voice, voice.grid[0])
    for row in (0, 17) if kind != "mlp" else (0,):
        soft = first.material.soft.copy()
        soft[row] = np.roll(soft[row], 1)
        second = Workshop(replace(first.material, soft=soft), folds=4, seed=1)
        second.folds = first.folds
        after = second.unseen(voice, voice.grid[0])
        own = next(out for _, out in first.folds if row in out)
        assert np.array_equal(before[own], after[own]), "nor does any prediction of its fold"
        assert not np.array_equal(before, after), "the label is learnt from elsewhere"


@pytest.mark.parametrize("repeated", [False, True])
def test_labels_drawn_by_lot_are_predicted_no_better_than_by_lot(repeated: bool) -> None:
    found = []
    for seed in range(6):
        labels = np.random.default_rng(seed).integers(0, 3, 60)
        material = lesson((20, 20, 20), labels=labels, unlabelled=(20, 20, 20), noise=1.0, seed=seed)
        if repeated:  # the second half is the first once more, labels and all: groups keep the halves together
            half = np.arange(60) % 30
            material = replace(material, labelled=material.labelled.take(half), soft=material.soft[half], groups=half)
        choice, _ = chosen(material, usual(), seed=seed)
        found += [trial.agreement for trial in choice.trials]
    assert np.mean(found) < 1 / 3 + 0.07


def test_copies_that_are_not_grouped_would_be_seen() -> None:
    half = np.arange(60) % 30
    labels = np.random.default_rng(1).integers(0, 3, 60)
    material = lesson((20, 20, 20), labels=labels, noise=1.0)
    apart = replace(material, labelled=material.labelled.take(half), soft=material.soft[half])
    near = [Candidate("near", (Voice("near", "neighbours", chosen=(("neighbours", (1,)),)),))]
    choice, _ = chosen(apart, near)
    assert choice.trials[0].agreement > 0.7
    together, _ = chosen(replace(apart, groups=half), near)
    assert together.trials[0].agreement < 0.6


# --- trials ----------------------------------------------------------------------------------------------------------


def test_trials_say_how_unseen_labels_were_predicted() -> None:
    material = lesson((20, 20, 20), sure=0.8, unlabelled=(20, 20, 20), noise=0.4)
    choice, workshop = chosen(material, usual())
    assert [trial.candidate for trial in choice.trials] == [candidate.name for candidate in usual()]
    trial = next(one for one in choice.trials if one.candidate == choice.candidate.name)
    predicted = choice.unseen.argmax(axis=1)
    assert np.exp(choice.unseen).sum(axis=1) == pytest.approx(np.ones(60))
    assert trial.agreement == pytest.approx(material.soft[np.arange(60), predicted].mean())
    assert (trial.low, trial.high) == wilson(trial.agreement, 60)
    assert trial.n == 60
    assert trial.log_loss == pytest.approx(-(material.soft * choice.unseen).sum(axis=1).mean())
    assert trial.seconds > 0
    for candidate, tried in zip(usual(), choice.trials, strict=True):
        assert list(tried.settings) == [voice.name for voice in candidate.voices]
        assert all(tried.settings[voice.name] in voice.grid for voice in candidate.voices)
    assert choice.settings == tuple(trial.settings.values())
    assert len(choice.weights) == len(choice.candidate.voices)
    assert min(choice.weights) >= 0
    assert fit_candidate(choice, workshop).weights == list(choice.weights)


def test_settings_are_those_that_predict_unseen_labels_best() -> None:
    material = lesson((25, 25), noise=0.7)
    voice = Voice("near", "neighbours", chosen=(("neighbours", (1, 15)),))
    choice, workshop = chosen(material, [Candidate("near", (voice,))])
    right = [(workshop.unseen(voice, point).argmax(axis=1) == material.soft.argmax(axis=1)).mean() for point in voice.grid]
    best = voice.grid[int(np.argmax(right))]
    assert best == {"neighbours": 15}
    assert choice.settings == (best,)
    assert np.array_equal(choice.unseen.argmax(axis=1), workshop.unseen(voice, best).argmax(axis=1)), "in every fold by the labels of the others"


# --- the rule --------------------------------------------------------------------------------------------------------


def test_a_clearly_better_candidate_goes_before_the_first_and_the_reason_says_by_how_much() -> None:
    material = lesson((40, 40, 40), cards=np.roll(np.eye(3, 8, dtype=np.float32), 1, axis=0))
    worse, better = Candidate("by cards", (CARDS,)), Candidate("by labels", (REGRESSION,))
    for order in ([worse, better], [better, worse]):
        choice, _ = chosen(material, order)
        one, other = (next(trial for trial in choice.trials if trial.candidate == name) for name in ("by labels", "by cards"))
        assert choice.candidate is better
        start = (
            f"by labels: the teacher holds {one.agreement:.3f} ({one.low:.3f} to {one.high:.3f}, n = 120) of its predictions of unseen labels right"
        )
        assert choice.reason.startswith(f"{start}, {one.agreement - other.agreement:+.3f} beside by cards, the best of the others (")
        assert re.search(r"\(\+\d\.\d{3} to \+\d\.\d{3} on the same documents\)\.$", choice.reason)


def test_of_candidates_that_are_about_as_good_the_first_is_chosen_and_the_reason_says_so() -> None:
    material = lesson((40, 40), noise=0.9, unlabelled=(30, 30))
    pair = [Candidate("regression", (REGRESSION,)), Candidate("means", (replace(MEANS, usual=1.0),))]
    for order in (pair, pair[::-1]):
        choice, _ = chosen(material, order)
        assert choice.candidate is order[0]
        gain = choice.trials[0].agreement - choice.trials[1].agreement
        assert abs(gain) > 0.01
        assert f"{gain:+.3f} beside {order[1].name}" in choice.reason
        assert ("within chance" if gain >= 0 else "It stands first, and no gain counts that may well be 0.01 or less") in choice.reason
    alone, _ = chosen(material, pair[:1])
    assert alone.reason.endswith("of its predictions of unseen labels right. It was the only candidate.")


def test_the_same_seed_gives_the_same_choice_and_the_same_student() -> None:
    material, asked = lesson((15, 15, 15), sure=0.9, unlabelled=(20, 20, 20), noise=0.5), clouds((10, 10, 10), seed=8)[0]
    (one, workshop), (two, again) = (chosen(material, usual(), seed=4) for _ in range(2))
    assert np.array_equal(one.unseen, two.unseen)
    assert (one.candidate, one.settings, one.weights, one.reason) == (two.candidate, two.settings, two.weights, two.reason)
    assert np.array_equal(fit_candidate(one, workshop).predict_proba(asked), fit_candidate(two, again).predict_proba(asked))
    assert not np.array_equal(one.unseen, chosen(material, usual(), seed=5)[0].unseen)


def test_what_is_chosen_learns_from_all_labels_and_predicts_new_documents() -> None:
    choice, workshop = chosen(lesson((15, 15, 15), unlabelled=(20, 20, 20)), usual())
    asked, truth = clouds((50, 50, 50), seed=8)
    model = fit_candidate(choice, workshop)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.predict(asked) == truth).mean() > 0.95
