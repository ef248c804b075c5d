"""Rare categories: mixes inside their category, borders that rarity does not move, written examples that are agreed on and never judged."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from pipeline.errors import TrainingError
from pipeline.student_settings import StudentSettings
from pipeline.students.candidates import candidates_of
from pipeline.students.choice import Choice, Measure, choose
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.inputs import Inputs
from pipeline.students.macro import macro_f1
from pipeline.students.material import Material
from pipeline.students.mixes import pair_mixes
from pipeline.students.shifting import ShiftedRegression
from pipeline.students.written import COPY, choose_written, with_written
from tests.lessons import lesson

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]


def unit(rows: Any) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def clouds(sizes: tuple[int, ...], *, spread: float = 0.6, seed: int = 0) -> tuple[Vectors, Ints]:
    """Documents around one direction for each category."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(np.intp)
    return unit(np.eye(len(sizes), 8)[labels] + spread * random.normal(size=(len(labels), 8))), labels


def material(sizes: tuple[int, ...], **about: Any) -> Material:
    vectors, labels = clouds(sizes, **about)
    k = len(sizes)
    return Material(tuple("abcdefgh"[:k]), Inputs(vectors), np.eye(k)[labels], np.ones(len(labels)), np.arange(len(labels)))


# --- mixes -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 7), min_size=1, max_size=4), st.integers(0, 12), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_mixes_fill_up_categories_stay_inside_them_and_have_unit_length(sizes: list[int], least: int, seed: int) -> None:
    vectors, labels = clouds((*sizes, 1), seed=seed)
    texts = [f"text {place}" for place in range(len(labels))]
    mixes = pair_mixes(Inputs(vectors, texts), labels, least=least, seed=seed)
    assert mixes.synthetic
    for category, size in enumerate([*sizes, 1]):
        assert (mixes.categories == category).sum() == (max(0, least - size) if size > 1 else 0)
    np.testing.assert_allclose(np.linalg.norm(mixes.inputs.vectors, axis=1), 1.0, atol=1e-5)
    for place, (one, other) in enumerate(mixes.parents):
        assert one != other and labels[one] == labels[other] == mixes.categories[place]
        assert mixes.inputs.texts[place] == f"text {one}\ntext {other}"
        between = vectors[one] @ vectors[other]
        assert min(mixes.inputs.vectors[place] @ vectors[one], mixes.inputs.vectors[place] @ vectors[other]) >= between - 1e-5


def test_mixes_are_the_same_each_time_and_others_with_another_seed() -> None:
    vectors, labels = clouds((6, 3))
    one, same, other = (pair_mixes(Inputs(vectors), labels, least=10, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.inputs.vectors, same.inputs.vectors)
    assert not np.array_equal(one.inputs.vectors, other.inputs.vectors)


# --- shifted borders -------------------------------------------------------------------------------------------------


def test_without_a_shift_it_is_the_plain_regression() -> None:
    vectors, labels = clouds((60, 10, 5))
    plain = LogisticRegression(C=3.0, max_iter=1000).fit(vectors, labels)
    np.testing.assert_allclose(ShiftedRegression(3.0, 0.0).fit(vectors, labels).predict_proba(vectors), plain.predict_proba(vectors))


@pytest.mark.parametrize("sizes", [(60, 10, 5), (60, 10)])
def test_a_whole_shift_divides_the_probabilities_by_the_frequencies(sizes: tuple[int, ...]) -> None:
    vectors, labels = clouds(sizes)
    plain = LogisticRegression(C=3.0, max_iter=1000).fit(vectors, labels).predict_proba(vectors)
    expected = plain / np.array(sizes)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ShiftedRegression(3.0, 1.0).fit(vectors, labels).predict_proba(vectors), expected, atol=1e-5)


def test_frequencies_are_those_of_the_weights_and_a_class_counts_as_one_label_at_least() -> None:
    vectors, labels = clouds((60, 10, 5))
    weights = np.where(labels == 2, 0.01, 2.0)
    plain = LogisticRegression(C=3.0, max_iter=1000).fit(vectors, labels, sample_weight=weights).predict_proba(vectors)
    expected = plain / np.array([120.0, 20.0, 1.0])
    expected /= expected.sum(axis=1, keepdims=True)
    found = ShiftedRegression(3.0, 1.0).fit(vectors, labels, sample_weight=weights).predict_proba(vectors)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_is_a_regression_that_scikit_learn_can_copy() -> None:
    copy = clone(ShiftedRegression(3.0, 0.75))
    assert isinstance(copy, LogisticRegression) and copy.get_params() == {"C": 3.0, "shift": 0.75, "max_iter": 1000}


# --- which student finds rare categories ------------------------------------------------------------------------------

PLAIN, SHIFTED, FREQUENT, MIXED = (
    StudentSettings(kind="logistic_regression", widened="none", penalties=(1.0,), **about)
    for about in ({}, {"grid": {"shift": [1.0]}}, {"grid": {"shift": [0.01]}}, {"mixes": 20})
)


def tried(part: Material, *students: StudentSettings, measure: Measure = "macro_f1") -> tuple[Choice, Workshop]:
    workshop = Workshop(part, folds=5, seed=0)
    return choose(candidates_of(students), workshop, measure=measure), workshop


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_macro_f1_is_scikit_learns_over_the_categories_that_are_there(pairs: list[tuple[int, int]]) -> None:
    truth, guesses = (np.array(column, dtype=np.intp) for column in zip(*pairs, strict=True))
    there = np.unique(truth)
    plain = f1_score(truth, guesses, average="macro", labels=there, zero_division=0.0)
    weights = 1 / np.bincount(truth, minlength=4)[truth]
    alike = f1_score(truth, guesses, average="macro", labels=there, sample_weight=weights, zero_division=0.0)
    assert macro_f1(truth, guesses, alike=False) == pytest.approx(plain)
    assert macro_f1(truth, guesses, alike=True) == pytest.approx(alike)


def test_of_no_document_macro_f1_is_nothing() -> None:
    nothing = np.zeros(0, dtype=np.intp)
    assert macro_f1(nothing, nothing, alike=True) == 0.0


def test_trials_tell_the_macro_f1_of_unseen_labels() -> None:
    imbalanced = material((90, 30, 8))
    choice, workshop = tried(imbalanced, SHIFTED)
    truth, guesses = imbalanced.soft.argmax(axis=1), np.zeros(128, dtype=np.intp)
    for rows, out in workshop.folds:
        guesses[out] = ShiftedRegression(1.0, 1.0).fit(imbalanced.labelled.vectors[rows], truth[rows]).predict(imbalanced.labelled.vectors[out])
    assert choice.trials[0].macro_f1 == pytest.approx(macro_f1(truth, guesses, alike=True))


def test_by_macro_f1_the_student_is_chosen_that_finds_rare_categories() -> None:
    imbalanced = material((400, 40, 12), spread=0.8)
    by_macro_f1, _ = tried(imbalanced, FREQUENT, PLAIN)
    by_agreement, _ = tried(imbalanced, PLAIN, FREQUENT, measure="agreement")
    assert by_macro_f1.candidate.name == "logistic_regression"
    assert by_agreement.candidate.name == "logistic_regression, shifted", "which is right more often among documents as frequent as they are"
    assert "macro-F1" in by_macro_f1.reason and "macro-F1" not in by_agreement.reason


def test_settings_are_those_with_the_best_macro_f1() -> None:
    both = StudentSettings(kind="logistic_regression", widened="none", penalties=(1.0,), grid={"shift": [0.01, 1.0]})
    choice, _ = tried(material((300, 60, 12), spread=0.8), both)
    assert choice.settings[0]["shift"] == 1.0


def test_a_candidate_that_may_be_better_by_chance_alone_does_not_go_first() -> None:
    choice, _ = tried(material((30, 30, 30)), PLAIN, SHIFTED)
    assert choice.candidate.name == "logistic_regression"
    assert "may be chance" in choice.reason or "within chance" in choice.reason


def test_mixes_are_made_of_the_labels_of_the_fold_alone() -> None:
    part = material((40, 6, 6), spread=0.8)
    first, truth = Workshop(part, folds=3, seed=0), part.soft.argmax(axis=1)
    voice = candidates_of([MIXED])[0].voices[0]
    before = first.unseen(voice, voice.grid[0])
    row = int(np.flatnonzero(truth == 2)[0])
    soft = part.soft.copy()
    soft[row] = [0.0, 1.0, 0.0]
    second = Workshop(replace(part, soft=soft), folds=3, seed=0)
    second.folds = first.folds
    own = next(out for _, out in first.folds if row in out)
    np.testing.assert_array_equal(second.unseen(voice, voice.grid[0])[own], before[own])
    assert not np.array_equal(before, Workshop(part, folds=3, seed=0).unseen(replace(voice, mixes=0), voice.grid[0])), "mixes are learnt from"


@pytest.mark.parametrize("features", [("embedding", "words"), ("words",)])
def test_words_see_mixes_too(features: Any) -> None:
    part = lesson((20, 4))
    mixed, plain = (
        Workshop(part, folds=2, seed=0).fit(Voice("one", "logistic_regression", features, chosen=(("C", (1.0,)),), mixes=mixes), {"C": 1.0})
        for mixes in (20, 0)
    )
    assert mixed.predict_proba(part.labelled).shape == (24, 2)
    assert not np.allclose(mixed.predict_proba(part.labelled), plain.predict_proba(part.labelled))


def test_one_category_is_refused() -> None:
    with pytest.raises(TrainingError, match="nothing to learn"):
        tried(material((20, 0)), MIXED)


# --- written examples ------------------------------------------------------------------------------------------------


@st.composite
def writings(draw: st.DrawFn) -> dict[str, Any]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    m, k = draw(st.integers(0, 30)), draw(st.integers(1, 4))
    vectors = unit(random.normal(size=(m, 3))) if m else np.zeros((0, 3), dtype=np.float32)
    asked = random.integers(0, k, m)
    said = [int(one) if random.random() < 0.7 else None if random.random() < 0.5 else int(random.integers(0, k)) for one in asked]
    known = np.concatenate([unit(random.normal(size=(4, 3))), vectors[: draw(st.integers(0, m))][::5]])
    return {
        "vectors": vectors,
        "asked": asked,
        "student": random.dirichlet(np.full(k, 0.5), size=m).reshape(m, k),
        "annotated": said,
        "known": known,
        "most": draw(st.integers(0, 6)),
        "within": draw(st.integers(1, 3)),
    }


@given(writings())
@settings(max_examples=100, deadline=None)
def test_what_is_kept_is_agreed_on_diverse_no_copy_capped_and_marked(case: dict[str, Any]) -> None:
    found = choose_written(**case)
    vectors, asked, student = case["vectors"], case["asked"], case["student"]
    assert found.synthetic
    assert len(set(found.places.tolist())) == len(found)
    np.testing.assert_array_equal(found.categories, asked[found.places])
    assert sum(found.refused.values()) + len(found) == len(vectors)
    for place in found.places:
        assert case["annotated"][place] == asked[place]
        assert (student[place] > student[place, asked[place]]).sum() < case["within"]
        assert (vectors[place] @ case["known"].T).max() < COPY
    for category in np.unique(asked):
        own = found.places[found.categories == category]
        assert len(own) <= case["most"]
        likeness = vectors[own] @ vectors[own].T - 2 * np.eye(len(own))
        assert not len(own) or likeness.max() < 0.9
        assert np.all(np.diff(student[own, category]) <= 0)


def test_each_refusal_has_its_reason() -> None:
    vectors = unit(np.array([[1, 0, 0], [0.99, 0.1, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=float))
    student = np.full((7, 2), [0.9, 0.1])
    student[3] = [0.1, 0.9]
    said = [0, 0, 1, 0, 0, 0, 0]
    found = choose_written(vectors, np.zeros(7, dtype=np.intp), student, said, known=vectors[4:5], most=2)
    assert found.places.tolist() == [0, 5]
    assert found.refused == {
        "copy of a document": 1,
        "like another one": 1,
        "more than enough": 1,
        "the annotator says otherwise": 1,
        "the student says otherwise": 1,
    }


def test_a_category_that_the_student_hardly_knows_may_be_its_second_guess() -> None:
    vectors, student = unit(np.eye(2, 3)), np.array([[0.7, 0.2, 0.1], [0.7, 0.1, 0.2]])
    about: dict[str, Any] = {"annotated": [1, 1], "known": np.zeros((0, 3), dtype=np.float32), "most": 5}
    asked = np.array([1, 1])
    assert len(choose_written(vectors, asked, student, **about)) == 0
    assert choose_written(vectors, asked, student, **about, within=2).places.tolist() == [0]


def test_written_examples_are_learnt_from_and_never_judged() -> None:
    before = material((30, 4))
    examples = Inputs(unit(np.random.default_rng(0).normal(size=(5, 8))))
    found = choose_written(
        examples.vectors, np.ones(5, dtype=np.intp), np.full((5, 2), 0.5), [1] * 5, known=before.labelled.vectors, most=3, alike=0.999
    )
    after = with_written(before, examples, found)
    assert len(after.cited) == len(found) == 3 and len(after.labelled) == 34
    assert np.all(after.cited_soft[:, 1] == 1)
    judged = np.concatenate([out for _, out in Workshop(after, folds=3, seed=0).folds])
    assert sorted(judged.tolist()) == list(range(34))


def test_columns_that_do_not_fit_together_are_refused() -> None:
    vectors, known = unit(np.eye(2)), np.zeros((0, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="2 vectors, 1 categories"):
        choose_written(vectors, np.zeros(1, dtype=np.intp), np.ones((2, 1)), [0, 0], known=known, most=1)
    with pytest.raises(ValueError, match="categories from 0 to 0"):
        choose_written(vectors, np.array([0, 1]), np.ones((2, 1)), [0, 0], known=known, most=1)
