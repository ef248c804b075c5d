"""Two students on the same documents: the exact test, the interval, and worse only where chance does not explain it."""

from math import comb

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from pipeline.students.comparison import Comparison, compare_students

Places = npt.NDArray[np.intp]


def compared(both: int, only_old: int, only_new: int, neither: int, *, seed: int = 1) -> Comparison:
    """Compare students that are right on so many documents."""
    truth = np.zeros(both + only_old + only_new + neither, dtype=np.intp)
    old = np.repeat([0, 0, 1, 1], [both, only_old, only_new, neither])
    new = np.repeat([0, 1, 0, 2], [both, only_old, only_new, neither])
    return compare_students(old, new, truth, judge="gold labels", seed=seed)


def mcnemar(only_old: int, only_new: int) -> float:
    """Work McNemar's exact test out by its definition: both tails of a fair coin."""
    n, least = only_old + only_new, min(only_old, only_new)
    return float(min(1.0, 2 * sum(comb(n, hits) for hits in range(least + 1)) / 2**n))


@given(st.integers(0, 60), st.integers(0, 25), st.integers(0, 25), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_the_p_value_is_that_of_the_exact_test_and_the_counts_are_those_of_the_documents(
    both: int, only_old: int, only_new: int, neither: int
) -> None:
    n = both + only_old + only_new + neither
    if not n:
        return
    found = compared(both, only_old, only_new, neither)
    assert (found.n, found.only_old, found.only_new) == (n, only_old, only_new)
    assert (found.old, found.new) == pytest.approx(((both + only_old) / n, (both + only_new) / n))
    assert found.gain == pytest.approx(found.new - found.old)
    assert found.p_value == pytest.approx(mcnemar(only_old, only_new))
    assert found.low <= found.gain <= found.high
    assert found == compared(both, only_old, only_new, neither)


def test_worked_by_hand() -> None:
    found = compared(60, 8, 2, 30)
    # Two of ten or fewer, in either tail: 2 (1 + 10 + 45) / 1024.
    assert found.p_value == pytest.approx(0.109375)
    assert (found.old, found.new, found.gain) == pytest.approx((0.68, 0.62, -0.06))
    assert found.words == (
        "By gold labels, on 100 documents that neither learnt from, the new student has 0.620 right and the old one 0.680: -0.060"
        f" ({found.low:+.3f} to {found.high:+.3f}); 2 right by the new one alone, 8 by the old one alone (p = 0.109)."
    )


@pytest.mark.parametrize("counts", [(60, 8, 2, 30), (10, 0, 12, 100), (400, 30, 30, 40)])
def test_the_interval_is_the_paired_bootstrap_s(counts: tuple[int, int, int, int]) -> None:
    found = compared(*counts)
    differences = np.repeat([0.0, -1.0, 1.0, 0.0], counts)
    theirs = bootstrap((differences,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(theirs), abs=2.5 / found.n)


def test_equal_students_differ_by_nothing() -> None:
    for counts in ((50, 0, 0, 50), (30, 10, 10, 50), (1, 0, 0, 0), (0, 0, 0, 1)):
        found = compared(*counts)
        assert found.p_value == 1.0
        assert found.gain == 0.0
        assert not found.worse
        assert found.low <= 0 <= found.high


@pytest.mark.parametrize(
    ("counts", "worse"),
    [
        ((50, 5, 0, 45), False),  # p = .0625, though no resample of the documents calls the new one better
        ((50, 6, 0, 44), True),  # p = .03125
        ((50, 0, 6, 44), False),
        ((500, 60, 40, 400), False),
        ((500, 65, 35, 400), True),
        ((0, 1, 0, 0), False),
    ],
)
def test_worse_is_what_chance_does_not_explain(counts: tuple[int, int, int, int], worse: bool) -> None:
    assert compared(*counts).worse == worse


def test_equally_good_students_are_called_worse_seldom() -> None:
    random = np.random.default_rng(0)
    for n, share in ((30, 0.2), (200, 0.05), (1000, 0.1)):
        unlike = random.binomial(n, share, 400)
        called = [compared(n - int(k), int(lost := random.binomial(k, 0.5)), int(k - lost), 0).worse for k in unlike]
        assert np.mean(called) <= 0.05


def test_what_a_category_is_called_makes_no_difference() -> None:
    random = np.random.default_rng(3)
    old, new, truth = (random.integers(0, 4, 80) for _ in range(3))
    names = np.array([7, -1, 3, 5])
    assert compare_students(old, new, truth, judge="a", seed=2) == compare_students(names[old], names[new], names[truth], judge="a", seed=2)


@pytest.mark.parametrize(("sizes", "said"), [((3, 3, 2), "found 3, 3 and 2"), ((0, 0, 0), "found 0, 0 and 0"), ((1, 2, 2), "found 1, 2 and 2")])
def test_other_numbers_of_documents_or_none_are_refused(sizes: tuple[int, int, int], said: str) -> None:
    old, new, truth = (np.zeros(size, dtype=np.intp) for size in sizes)
    with pytest.raises(ValueError, match=f"the same documents three times, at least one; {said}"):
        compare_students(old, new, truth, judge="gold labels", seed=1)


def test_many_documents_take_no_memory_to_compare() -> None:
    found = compared(400_000, 30_000, 31_000, 39_000)
    assert found.low == pytest.approx(0.002 - 1.96 * (61_000 / 500_000) ** 0.5 / 500_000**0.5, abs=2e-4)
    assert not found.worse
