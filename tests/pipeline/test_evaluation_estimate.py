"""An accuracy that is estimated without gold is held within its interval, also where errors are shared, and is never narrow."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pipeline.evaluation.estimate import FITTED, Line, Signals, above_chance, estimate_accuracy, fit_line, leave_one_out

CATEGORIES = 8


def labeller(truth: np.ndarray, accuracy: float, random: np.random.Generator, *, systematic: bool = False) -> np.ndarray:
    """Label with a known accuracy; systematic errors always take the next category, others any."""
    wrong = (truth + (1 if systematic else random.integers(1, CATEGORIES, len(truth)))) % CATEGORIES
    return np.where(random.random(len(truth)) < accuracy, truth, wrong)


def seen(accuracy: float, shared: float, seed: int, n: int = 400) -> tuple[Signals, float]:
    """See a labeller, a student that repeats a share of its errors, and cards that are right more often than not."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, CATEGORIES, n)
    said = labeller(truth, accuracy, random, systematic=shared > 0.5)
    repeated = np.where((said != truth) & (random.random(n) < shared), said, truth)
    student = np.where(random.random(n) < 0.92, repeated, random.integers(0, CATEGORIES, n))
    cards = labeller(truth, 0.3 + 0.5 * accuracy, random)
    return Signals(above_chance(said, student), above_chance(said, cards), min(0.97, accuracy + 0.15), n), float((said == truth).mean())


def test_agreement_above_chance_is_cohens_kappa() -> None:
    random = np.random.default_rng(1)
    one, other = random.integers(0, 4, 200), random.integers(0, 4, 200)
    mixed = np.where(random.random(200) < 0.5, one, other)
    assert above_chance(one, mixed) == pytest.approx(cohen_kappa_score(one, mixed))
    assert above_chance([1, 1], [1, 1]) == 1.0
    assert above_chance(["a", "b"] * 10, ["b", "a"] * 10) == 0.0


@pytest.mark.parametrize("shared", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("accuracy", [0.35, 0.5, 0.65, 0.8, 0.92])
def test_the_interval_holds_a_known_accuracy_also_where_the_student_repeats_errors(accuracy: float, shared: float) -> None:
    held = 0
    for seed in range(10):
        signals, truth = seen(accuracy, shared, seed)
        figure = estimate_accuracy(signals)
        assert figure is not None
        held += figure.low <= truth <= figure.high
    assert held >= 9


def test_the_line_is_learnt_from_corpora_and_says_of_how_many() -> None:
    assert (FITTED.labellers, FITTED.corpora) >= (30, 8)
    assert FITTED.below > 0.3 and FITTED.above > 0.3, "an interval without gold is wide"


def test_more_agreement_is_more_accuracy_and_few_documents_are_too_few() -> None:
    low, high = (estimate_accuracy(Signals(share, share, share, 200)) for share in (0.3, 0.8))
    assert low is not None and high is not None and low.value < high.value
    assert all(0 <= one.low < one.value < one.high <= 1 for one in (low, high))
    assert estimate_accuracy(Signals(0.8, 0.8, 0.8, 49)) is None


def test_the_interval_shrinks_with_documents_but_not_below_what_other_corpora_were_off() -> None:
    small, large = (estimate_accuracy(Signals(0.6, 0.5, 0.7, n)) for n in (60, 100_000))
    assert small is not None and large is not None
    assert small.high - small.low > large.high - large.low > 0.1


def test_a_corpus_is_estimated_by_a_line_that_never_saw_it() -> None:
    rows = [(*seen(accuracy, 0.3, seed), f"corpus {seed % 5}") for seed, accuracy in enumerate(np.linspace(0.4, 0.9, 20))]
    signals, truths, of = zip(*rows, strict=True)
    lines = leave_one_out(signals, truths, of)
    without = fit_line(*zip(*[row for row in rows if row[2] != "corpus 0"], strict=True))
    assert lines[0] == without != fit_line(signals, truths, of)
    assert without.corpora == 4
    with pytest.raises(ValueError, match="2 corpora"):
        fit_line(signals[:2], truths[:2], of[:2])


def test_the_reach_is_that_of_labellers_whose_corpus_was_left_out() -> None:
    rows = [(*seen(0.7, 0.3, seed), f"corpus {seed % 4}") for seed in range(12)]
    off = [(row[0], 0.2, "odd") for row in rows[:4]] + rows
    usual, wide = (fit_line(*zip(*some, strict=True)) for some in (rows, off))
    assert isinstance(wide, Line)
    assert wide.below > usual.below + 0.5
