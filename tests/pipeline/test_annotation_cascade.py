"""A cascade keeps the accuracy it promises, in simulations and exactly in the small, and spends no more checks than it may."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pipeline.annotation.cascade import (
    NONE_TAKEN,
    LearnedThreshold,
    best_fixed_threshold,
    learn_threshold,
)
from pipeline.annotation.proof import allowed_wrong

Floats = npt.NDArray[np.float64]
PROMISED, DELTA, SIMULATIONS = 0.9, 0.05, 100
TOLERATED = int(binom.ppf(0.999, SIMULATIONS, DELTA))  # broken promises of 100 that chance alone exceeds once in a thousand
SHAPES = {"hard": (1.6, 1.2), "medium": (3.0, 1.0), "easy": (6.0, 0.6), "nearly all right": (14.0, 0.6)}


@dataclass
class Gold:
    """Answers checks from known truth and remembers what it was asked."""

    truth: Sequence[bool | None] | npt.NDArray[np.bool_]
    asked: list[int] = field(default_factory=list)
    rounds: int = 0

    def __call__(self, places: Sequence[int], /) -> Sequence[bool | None]:
        self.asked += places
        self.rounds += 1
        return [None if (answer := self.truth[place]) is None else bool(answer) for place in places]


def corpus(shape: str, kind: str, n: int, rng: np.random.Generator) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Make the probabilities of labels of 8 categories of uneven size, and whether each label is right."""
    right = rng.beta(*SHAPES[shape], n).clip(1e-6, 1 - 1e-6)
    weights = 1 / np.arange(1, 9) ** 1.2
    category = rng.choice(8, n, p=weights / weights.sum())
    logits = np.log(right / (1 - right))
    if kind == "skewed":  # labels of rare categories are worse than their probability says
        right = 1 / (1 + np.exp(-(logits - np.where(category >= 3, 1.5, -0.3))))
    shown = {"over-confident": 1.5 * logits + 1, "under-confident": 0.5 * logits, "noisy": logits + rng.normal(0, 1.5, n)}.get(kind, logits)
    truth = rng.choice(8, n, p=weights / weights.sum())
    given_label = np.where(rng.random(n) < right, truth, (truth + 1 + rng.integers(0, 7, n)) % 8)
    return 1 / (1 + np.exp(-shown)), given_label == truth


def is_broken(learnt: LearnedThreshold, probabilities: Floats, truth: npt.NDArray[np.bool_]) -> bool:
    taken = probabilities >= learnt.threshold
    return bool(taken.any()) and bool(truth[taken].sum() < PROMISED * taken.sum() - 1e-9)


@pytest.mark.parametrize(("n", "budget"), [(300, 100), (5000, 200)])
@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ("hard", "calibrated"),
        ("hard", "noisy"),
        ("medium", "over-confident"),
        ("medium", "skewed"),
        ("easy", "under-confident"),
        ("easy", "noisy"),
        ("nearly all right", "calibrated"),
    ],
)
def test_the_promise_is_kept_and_more_is_taken_than_by_the_best_fixed_threshold(shape: str, kind: str, n: int, budget: int) -> None:
    broken, taken, fixed = 0, [], []
    for seed in range(SIMULATIONS):
        probabilities, truth = corpus(shape, kind, n, np.random.default_rng(seed))
        gold = Gold(truth)
        learnt = learn_threshold(list(probabilities), gold, promised=PROMISED, delta=DELTA, budget=budget, seed=seed)
        rival = best_fixed_threshold(list(probabilities), Gold(truth), promised=PROMISED, delta=DELTA, budget=budget, seed=seed)
        assert learnt.spent == len(gold.asked) == len(set(gold.asked)) <= budget
        assert learnt.share == np.mean(probabilities >= learnt.threshold)
        broken += is_broken(learnt, probabilities, truth)
        taken.append(learnt.share)
        fixed.append(rival.share)
    assert broken <= TOLERATED, f"{broken} of {SIMULATIONS} promises were broken"
    assert np.mean(taken) >= np.mean(fixed)


def test_a_corpus_just_below_the_promise_is_rarely_taken() -> None:
    # The worst there is: all candidates are just as wrong as cannot be allowed, so that each pass is a broken promise.
    runs, passed = 400, 0
    truth = np.arange(1000) >= 101  # right: 899 of 1,000, where 900 are needed
    for seed in range(runs):
        gold = Gold(np.random.default_rng(seed).permutation(truth))
        passed += learn_threshold([0.5] * 1000, gold, promised=PROMISED, delta=DELTA, budget=200, seed=1000 + seed).share > 0
    assert passed <= binom.ppf(0.999, runs, DELTA)
    assert passed >= binom.ppf(0.001, runs, DELTA / 2)  # and the test gives away little of the chance that it is allowed


@given(st.integers(1, 9), st.data())
@settings(deadline=None, max_examples=50)
def test_the_chance_to_prove_what_is_not_so_is_at_most_delta(size: int, data: st.DataObject) -> None:
    needed, draws = data.draw(st.integers(1, size)), data.draw(st.integers(1, size))
    delta = data.draw(st.sampled_from([0.05, 0.2, 0.5]))
    allowed = allowed_wrong(size, needed, draws, delta)
    assert len(allowed) == draws
    for right in range(needed):
        courses = list(itertools.combinations(range(size), size - right))  # where the wrong ones lie in the order
        proven = sum(any(sum(place <= drawn for place in wrong) <= allowed[drawn] for drawn in range(draws)) for wrong in courses)
        assert proven / len(courses) <= delta + 1e-9


def test_looking_at_everything_proves_what_is_so() -> None:
    allowed = allowed_wrong(20, 18, 20, 0.05)
    assert allowed[-1] == 2
    assert list(allowed) == sorted(allowed)


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.8, 0.9, 1.0, None]), st.sampled_from([True, True, True, False, None])), max_size=80),
    st.integers(0, 60),
    st.integers(0, 5),
)
@settings(deadline=None, max_examples=50)
def test_no_document_is_checked_twice_and_no_more_than_the_budget(documents: list[tuple[float | None, bool | None]], budget: int, seed: int) -> None:
    gold = Gold([right for _, right in documents])
    probabilities = [probability for probability, _ in documents]
    learnt = learn_threshold(probabilities, gold, promised=0.8, delta=0.1, budget=budget, seed=seed)
    assert learnt.spent == len(gold.asked) == len(set(gold.asked)) <= budget
    assert learnt.unknown == sum(gold.truth[place] is None for place in gold.asked)
    assert learnt.correct <= learnt.checked <= learnt.spent
    assert all(probabilities[place] is not None for place in gold.asked)
    taken = [probability is not None and probability >= learnt.threshold for probability in probabilities]
    assert learnt.share == (sum(taken) / len(taken) if taken else 0.0)
    assert learnt.why
    if budget >= len(documents):  # all could be checked, so that nothing is left to chance
        assert sum(right is True for (_, right), is_taken in zip(documents, taken, strict=True) if is_taken) >= 0.8 * sum(taken) - 1e-9


def test_only_the_order_of_the_probabilities_matters() -> None:
    probabilities, truth = corpus("easy", "calibrated", 500, np.random.default_rng(3))
    plain, over = (
        learn_threshold(list(values), Gold(truth), promised=PROMISED, delta=DELTA, budget=150, seed=1)
        for values in (probabilities, probabilities**0.2)
    )
    assert (plain.share, plain.checked, plain.correct, plain.spent) == (over.share, over.checked, over.correct, over.spent)
    assert over.threshold == pytest.approx(plain.threshold**0.2)


def test_the_same_seed_learns_the_same() -> None:
    probabilities, truth = corpus("medium", "noisy", 400, np.random.default_rng(3))
    once, again = (learn_threshold(list(probabilities), Gold(truth), promised=0.8, delta=DELTA, budget=150, seed=5) for _ in range(2))
    assert once == again


def test_where_nothing_is_right_nothing_is_taken_and_the_search_ends_early() -> None:
    gold = Gold([False] * 2000)
    learnt = learn_threshold([0.99] * 2000, gold, promised=PROMISED, delta=DELTA, budget=500, seed=1)
    assert (learnt.threshold, learnt.share, learnt.correct) == (NONE_TAKEN, 0.0, 0)
    assert learnt.threshold > 1
    assert learnt.spent < 100
    assert "No threshold is shown to keep 0.9 with confidence 0.95" in learnt.why


def test_too_few_checks_are_said_to_be_too_few_and_none_is_wasted() -> None:
    gold = Gold([True] * 2000)
    learnt = learn_threshold([0.99] * 2000, gold, promised=PROMISED, delta=DELTA, budget=20, seed=1)
    assert (learnt.share, learnt.spent, gold.asked) == (0.0, 0, [])
    assert "20 checks cannot show" in learnt.why
    assert learn_threshold([0.9], gold, promised=PROMISED, delta=DELTA, budget=0, seed=1).threshold == NONE_TAKEN


def test_what_cannot_be_checked_counts_as_wrong() -> None:
    gold = Gold([None] * 300)
    learnt = learn_threshold([0.9] * 300, gold, promised=PROMISED, delta=DELTA, budget=100, seed=1)
    assert learnt.threshold == NONE_TAKEN
    assert learnt.unknown == learnt.spent > 0
    assert f"{learnt.unknown} could not be checked and count as wrong" in learnt.why


def test_where_all_is_right_all_is_taken_in_few_rounds() -> None:
    gold = Gold([True] * 1000)
    learnt = learn_threshold([place / 1000 for place in range(1000)], gold, promised=PROMISED, delta=DELTA, budget=200, seed=1)
    assert (learnt.share, learnt.threshold) == (1.0, 0.0)
    assert learnt.correct == learnt.checked
    assert gold.rounds <= 20
    record = learnt.record(taxonomy_id="tax:1", annotator_id="annotator:1")
    assert (record.threshold, record.promised, record.delta, record.share) == (0.0, PROMISED, DELTA, 1.0)
    assert (record.checked, record.correct) == (learnt.checked, learnt.correct)


@pytest.mark.parametrize("wrong", [{"promised": 1.0}, {"promised": 0.0}, {"delta": 0.0}, {"delta": 1.0}, {"budget": -1}])
def test_a_promise_that_cannot_be_made_is_refused(wrong: dict[str, float]) -> None:
    arguments = {"promised": PROMISED, "delta": DELTA, "budget": 10, **wrong}
    with pytest.raises(ValueError, match="lie between 0 and 1"):
        learn_threshold([0.5], Gold([True]), seed=1, **arguments)  # type: ignore[arg-type]


def test_a_check_that_answers_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gave 0 answers; it has to give one for each"):
        learn_threshold([0.5] * 100, lambda places: [], promised=PROMISED, delta=DELTA, budget=100, seed=1)


def test_two_stages_in_a_row_keep_their_promises_within_one_delta() -> None:
    broken = 0
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        (student, right), (model, better) = corpus("medium", "noisy", 400, rng), corpus("easy", "noisy", 400, rng)
        first = learn_threshold(list(student), Gold(right), promised=PROMISED, delta=DELTA / 2, budget=100, seed=seed)
        left = np.flatnonzero(student < first.threshold)
        check = Gold(better[left])
        second = learn_threshold(list(model[left]), check, promised=PROMISED, delta=DELTA / 2, budget=100, seed=seed + 1)
        taken = left[model[left] >= second.threshold]
        kept = [truth.mean() >= PROMISED - 1e-9 for truth in (right[student >= first.threshold], better[taken]) if truth.size]
        broken += not all(kept)
    assert broken <= TOLERATED


def test_the_tolerance_is_what_chance_allows() -> None:
    assert TOLERATED == 13
    assert math.isclose(binom.cdf(TOLERATED, SIMULATIONS, DELTA), 0.9995, abs_tol=5e-4)
