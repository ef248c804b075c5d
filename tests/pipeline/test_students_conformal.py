"""Conformal sets: the promise over many draws, for all documents and for each category, with gold and with a teacher's probabilities."""

import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from crepes import ConformalClassifier
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from pipeline.students.conformal import FEWEST_OF_LABEL, ConformalSets, coverage, fit_conformal
from pipeline.students.judged import FEWEST_KNOWN, judged_rows

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
REPEATS = 120


def simulated(n: int, random: np.random.Generator, *, k: int = 4, uneven: float = 0.0) -> tuple[Floats, Floats, Ints]:
    """Simulate a student's probabilities, a teacher's that are true whatever the student says, and right categories drawn from them.

    :param uneven: by how much the student is too sure of categories with a high number.
    """
    logits = random.normal(scale=2.0, size=(n, k))
    soft = softmax(logits, axis=1)
    student = softmax(0.7 * logits + random.normal(scale=0.8, size=(n, k)) + uneven * np.arange(k), axis=1)
    return student, soft, (random.random((n, 1)) > soft.cumsum(axis=1)[:, :-1]).sum(axis=1)


def one_hot(gold: Ints, k: int) -> Floats:
    return np.asarray(np.eye(k)[gold])


def hits(members: npt.NDArray[np.bool_], gold: Ints) -> npt.NDArray[np.bool_]:
    return np.asarray(members[np.arange(len(gold)), gold])


# --- the promise -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [9, 30, 120])
@pytest.mark.parametrize("level", [0.7, 0.9])
def test_the_right_category_is_held_as_often_as_promised_where_labels_are_known(n: int, level: float) -> None:
    random, shares = np.random.default_rng(n), []
    for seed in range(REPEATS):
        student, _, gold = simulated(n + 200, random)
        sets = fit_conformal(student[:n], one_hot(gold[:n], 4), level=level, known=np.ones(n), seed=seed)
        assert sets.known
        shares.append(hits(sets.members(student[n:], empty=True), gold[n:]).mean())
    chance = 3.5 * np.std(shares) / np.sqrt(REPEATS)
    assert level - chance <= np.mean(shares) <= level + 1 / (n + 1) + chance


@pytest.mark.parametrize("n", [30, 120])
def test_it_is_held_as_often_where_a_teacher_speaks_the_truth(n: int) -> None:
    random, shares = np.random.default_rng(n + 1), []
    for seed in range(REPEATS):
        student, soft, gold = simulated(n + 200, random)
        sets = fit_conformal(student[:n], soft[:n], level=0.8, seed=seed)
        assert not sets.known
        shares.append(hits(sets.members(student[n:], empty=True), gold[n:]).mean())
    chance = 3.5 * np.std(shares) / np.sqrt(REPEATS)
    assert 0.8 - chance <= np.mean(shares) <= 0.8 + 2 / (n + 1) + chance


def test_averaged_drawings_stray_less_than_one() -> None:
    random = np.random.default_rng(5)
    many, one = [], []
    for seed in range(REPEATS):
        student, soft, gold = simulated(60 + 2000, random)
        drawn = (random.random((60, 1)) > soft[:60].cumsum(axis=1)[:, :-1]).sum(axis=1)
        for shares, sets in (
            (many, fit_conformal(student[:60], soft[:60], level=0.8, seed=seed)),
            (one, fit_conformal(student[:60], one_hot(drawn, 4), level=0.8, seed=seed)),
        ):
            shares.append(hits(sets.members(student[60:], empty=True), gold[60:]).mean())
    assert np.std(many) < 0.85 * np.std(one)


@pytest.mark.parametrize("taught", ["gold", "teacher"])
def test_by_label_every_category_has_its_promise(taught: str) -> None:
    random, n, k = np.random.default_rng(6), 240, 4
    held, plain, sizes = np.zeros(k), np.zeros(k), np.zeros(k)
    for seed in range(80):
        student, soft, gold = simulated(n + 400, random, uneven=0.9)
        truth = one_hot(gold[:n], k) if taught == "gold" else soft[:n]
        sets = fit_conformal(student[:n], truth, level=0.85, known=np.full(n, taught == "gold"), seed=seed)
        assert all(sets.own)
        sizes += np.bincount(gold[n:], minlength=k)
        held += np.bincount(gold[n:], weights=hits(sets.members(student[n:], per_label=True, empty=True), gold[n:]), minlength=k)
        plain += np.bincount(gold[n:], weights=hits(sets.members(student[n:], empty=True), gold[n:]), minlength=k)
    assert (np.abs(held / sizes - 0.86) < 0.025).all(), "0.85 and at most 1 / (n + 1) of about 60 documents more"
    assert (plain / sizes).min() < 0.8, "one threshold for all leaves the category out that the student plays down"


def test_small_categories_share_a_promise() -> None:
    random, n, k = np.random.default_rng(7), 250, 8
    rare = np.where(np.arange(k) < 3, 0.0, -2.0)
    held, plain, sizes = 0.0, 0.0, 0
    for seed in range(60):
        logits = random.normal(scale=1.5, size=(n + 400, k)) + rare
        gold = (random.random((n + 400, 1)) > softmax(logits, axis=1).cumsum(axis=1)[:, :-1]).sum(axis=1)
        student = softmax(logits + rare, axis=1)  # plays them down
        sets = fit_conformal(student[:n], one_hot(gold[:n], k), level=0.8, known=np.ones(n), seed=seed)
        few = ~np.array(sets.own)
        assert few.any()
        assert len({least for least, own in zip(sets.least_by_label, sets.own, strict=True) if not own}) == 1
        of_few = few[gold[n:]]
        held += hits(sets.members(student[n:], per_label=True, empty=True), gold[n:])[of_few].sum()
        plain += hits(sets.members(student[n:], empty=True), gold[n:])[of_few].sum()
        sizes += int(of_few.sum())
    assert held / sizes == pytest.approx(0.81, abs=0.03)
    assert plain / sizes < 0.7


def test_a_handful_of_rare_documents_takes_the_threshold_of_all() -> None:
    random = np.random.default_rng(8)
    student, _, gold = simulated(200, random, k=3)
    gold[gold == 2] = 0
    gold[:5] = 2
    sets = fit_conformal(student, one_hot(gold, 3), known=np.ones(200), seed=0)
    assert sets.own == (True, True, False)
    assert sets.least_by_label[2] == sets.least != sets.least_by_label[0]


def test_thresholds_say_what_the_library_says() -> None:
    student, _, gold = simulated(457, np.random.default_rng(9))
    sets = fit_conformal(student[:157], one_hot(gold[:157], 4), level=0.9, known=np.ones(157), seed=0)
    library = ConformalClassifier().fit(1 - student[np.arange(157), gold[:157]])
    assert np.array_equal(sets.members(student[157:], empty=True), library.predict_set(1 - student[157:], confidence=0.9, smoothing=False))


# --- laws ------------------------------------------------------------------------------------------------------------


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, k = draw(st.integers(0, 50)), draw(st.integers(1, 5))
    student, soft, gold = simulated(n, random, k=k)
    if draw(st.booleans()):
        student = np.round(student, 1)  # equal probabilities
        student /= student.sum(axis=1, keepdims=True)
    hard = draw(st.booleans())
    return {"unseen": student, "soft": one_hot(gold, k) if hard else soft, "known": np.full(n, hard), "seed": draw(st.integers(0, 5))}


@given(cases(), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=40)
def test_a_higher_promise_only_adds_categories(case: dict[str, Any], first: float, second: float) -> None:
    low, high = (fit_conformal(**case, level=level) for level in sorted((first, second)))
    for per_label in (False, True):
        assert (low.members(case["unseen"], per_label=per_label) <= high.members(case["unseen"], per_label=per_label)).all()


@given(cases(), st.floats(0.05, 0.95), st.booleans())
@settings(deadline=None, max_examples=40)
def test_the_likeliest_is_always_in_and_a_likelier_one_never_left_out(case: dict[str, Any], level: float, per_label: bool) -> None:
    sets = fit_conformal(**case, level=level)
    values = case["unseen"]
    members = sets.members(values, per_label=per_label)
    assert members[np.arange(len(values)), values.argmax(axis=1)].all()
    assert (sets.members(values, per_label=per_label, empty=True) <= members).all()
    if not per_label:
        least = np.where(members, values, 2.0).min(axis=1, keepdims=True)
        assert (members | (values <= least)).all()
    assert ConformalSets.from_settings(json.loads(json.dumps(sets.as_settings()))) == sets == fit_conformal(**case, level=level)


# --- edges -----------------------------------------------------------------------------------------------------------


def test_without_documents_nothing_is_left_out() -> None:
    sets = fit_conformal(np.zeros((0, 3)), np.zeros((0, 3)), seed=0)
    assert (sets.least, sets.least_by_label, sets.fitted_on) == (0.0, (0.0, 0.0, 0.0), 0)
    assert sets.members([[0.9, 0.1, 0.0]]).all()
    assert len(sets.members(np.zeros((0, 3)))) == 0


def test_too_few_documents_to_promise_anything_leave_nothing_out() -> None:
    student, _, gold = simulated(8, np.random.default_rng(1))
    assert fit_conformal(student, one_hot(gold, 4), level=0.9, known=np.ones(8), seed=0).least == 0.0, "eight cannot show nine in ten"
    assert fit_conformal(student, one_hot(gold, 4), level=0.8, known=np.ones(8), seed=0).least > 0.0


def test_one_category_is_always_in() -> None:
    sets = fit_conformal(np.ones((30, 1)), np.ones((30, 1)), seed=0)
    assert sets.members(np.ones((4, 1)), per_label=True).all()


def test_all_labels_equal() -> None:
    student, _, _ = simulated(40, np.random.default_rng(2))
    sets = fit_conformal(student, one_hot(np.zeros(40, dtype=np.intp), 4), known=np.ones(40), seed=0)
    assert sets.own == (True, False, False, False)
    assert sets.least_by_label[1:] == (sets.least,) * 3
    assert hits(sets.members(student, empty=True), np.zeros(40, dtype=np.intp)).mean() >= 0.9


def test_a_category_with_one_example() -> None:
    student, _, gold = simulated(60, np.random.default_rng(3))
    gold = np.where(gold == 3, 0, gold)
    gold[0] = 3
    sets = fit_conformal(student, one_hot(gold, 4), known=np.ones(60), seed=0)
    assert not sets.own[3]
    assert (np.bincount(gold)[np.array(sets.own)] >= FEWEST_OF_LABEL).all()
    found = coverage(student, one_hot(gold, 4), known=np.ones(60), per_label=True, seed=0)
    assert [label.n for label in found.by_label if label.place == 3] == [1]


def test_an_empty_set_comes_only_when_asked_for() -> None:
    sets = ConformalSets(0.5, 0.6, (0.6, 0.6), (False, False), 10, known=True)
    assert sets.members([[0.55, 0.45]], empty=True).tolist() == [[False, False]]
    assert sets.members([[0.55, 0.45]]).tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unseen": [[np.nan, 1.0]]}, "row 0, are no probabilities"),
        ({"unseen": [[-1.0, -2.0]]}, "no probabilities"),
        ({"soft": [[0.5, 0.6]]}, "no probabilities"),
        ({"unseen": [[0.5, 0.5], [0.5, 0.5]]}, r"predictions \(2, 2\) and soft labels \(1, 2\)"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"known": [True, False]}, "one flag for each"),
        ({"known": [True]}, "1 of 1 known labels, as row 0, are not one-hot"),
        ({"unseen": np.zeros((1, 0)), "soft": np.zeros((1, 0))}, "at least 1 category"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_conformal(**{"unseen": [[0.5, 0.5]], "soft": [[0.4, 0.6]], "seed": 0, **change})


def test_sets_of_another_student_are_refused() -> None:
    sets = ConformalSets(0.5, 0.6, (0.6, 0.6), (False, False), 10, known=True)
    with pytest.raises(ValueError, match="different students"):
        sets.members([[0.2, 0.3, 0.5]])


def test_nothing_to_measure_on_is_refused() -> None:
    with pytest.raises(ValueError, match="no labelled document"):
        coverage(np.zeros((0, 3)), np.zeros((0, 3)), seed=0)


# --- whose labels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("known", "alone"), [(FEWEST_KNOWN, True), (FEWEST_KNOWN - 1, False)])
def test_enough_known_labels_are_learnt_from_alone(known: int, alone: bool) -> None:
    student, soft, gold = simulated(300, np.random.default_rng(4))
    flags = np.arange(300) < known
    truth = np.where(flags[:, None], one_hot(gold, 4), soft)
    wrong = np.where(flags[:, None], truth, 0.25)  # a teacher that says nothing
    fitted = [fit_conformal(student, one, known=flags, seed=0) for one in (truth, wrong)]
    assert (fitted[0] == fitted[1]) == alone
    assert all(sets.known == alone and sets.fitted_on == (known if alone else 300) for sets in fitted)


def test_all_known_are_known_however_few() -> None:
    assert judged_rows([[1.0, 0.0]], [True]).known
    assert not judged_rows([[1.0, 0.0], [1.0, 0.0]], [True, False]).known


# --- measuring -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_label", [False, True])
@pytest.mark.parametrize("taught", ["gold", "teacher"])
def test_cross_fitting_finds_the_promise_kept(taught: str, per_label: bool) -> None:
    random, covered = np.random.default_rng(11), []
    for seed in range(20):
        student, soft, gold = simulated(250, random)
        found = coverage(
            student, one_hot(gold, 4) if taught == "gold" else soft, level=0.8, known=np.full(250, taught == "gold"), per_label=per_label, seed=seed
        )
        assert found.known == (taught == "gold")
        assert found.n == 250
        assert 0 <= found.low < found.covered < found.high <= 1
        assert 1 <= found.mean_size <= 4
        assert sum(label.n for label in found.by_label) == pytest.approx(250, abs=4)
        assert found.covered == pytest.approx(sum(label.covered * label.n for label in found.by_label) / 250, abs=0.02)
        covered.append(found.covered)
    assert np.mean(covered) == pytest.approx(0.82, abs=0.03), "the promise, and a little for the sets that would have been empty"


def test_one_document_can_be_measured() -> None:
    found = coverage([[0.9, 0.1]], [[1.0, 0.0]], seed=0)
    assert (found.covered, found.n, found.mean_size) == (1.0, 1, 2.0)


def test_sets_are_applied_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crepes", None)
    assert ConformalSets(0.9, 0.3, (0.3, 0.3), (False, False), 9, known=True).members([[0.6, 0.4]]).all()
    with pytest.raises(ImportError, match="crepes"):
        fit_conformal([[0.6, 0.4]], [[1.0, 0.0]], seed=0)
