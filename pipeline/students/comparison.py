"""Two students on the same documents: which is right where the other is wrong, and whether that is more than chance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

__all__ = ["Comparison", "compare_students"]

Places = npt.NDArray[np.intp]
RESAMPLES = 2000
CHANCE = 0.05


@dataclass(frozen=True)
class Comparison:
    """How a new student does beside an old one, on documents that neither learnt from; both are judged by the same labels."""

    n: int
    old: float  # share right, 0 to 1
    new: float
    only_old: int  # documents that the old one alone has right
    only_new: int
    gain: float  # new minus old
    low: float
    high: float
    p_value: float  # of a difference at least as large by chance (exact McNemar test)
    judge: str

    @property
    def worse(self) -> bool:
        """Say whether the new one is worse by more than chance: by the exact test, as the interval is too narrow where few documents differ."""
        return self.gain < 0 and self.p_value < CHANCE

    @property
    def words(self) -> str:
        """Say it in a sentence."""
        right = f"the new student has {self.new:.3f} right and the old one {self.old:.3f}: {self.gain:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        alone = f"{self.only_new} right by the new one alone, {self.only_old} by the old one alone (p = {self.p_value:.3f})"
        return f"By {self.judge}, on {self.n} documents that neither learnt from, {right}; {alone}."


def compare_students(old: Places, new: Places, truth: Places, *, judge: str, seed: int) -> Comparison:
    """Compare two students' categories of the same documents with the right ones, (n,) each.

    The interval of the gain is a paired bootstrap's; the p-value is that of McNemar's exact test (McNemar, 1947).

    :raises ValueError: where there is no document, or not as many of each.
    """
    if not len(truth) or len({len(old), len(new), len(truth)}) != 1:
        raise ValueError(f"Expected the same documents three times, at least one; found {len(old)}, {len(new)} and {len(truth)}.")
    before, after = old == truth, new == truth
    only_old, only_new = int((before & ~after).sum()), int((after & ~before).sum())
    n, unlike = len(truth), only_old + only_new
    # To count the kinds of documents in each sample is to draw it, and takes no memory.
    counts = np.random.default_rng(seed).multinomial(n, np.array([only_new, only_old, n - unlike]) / n, size=RESAMPLES)
    low, high = np.quantile((counts[:, 0] - counts[:, 1]) / n, [0.025, 0.975])
    p_value = float(binomtest(only_new, unlike).pvalue) if unlike else 1.0
    gain = (only_new - only_old) / n
    return Comparison(n, float(before.mean()), float(after.mean()), only_old, only_new, gain, float(low), float(high), p_value, judge)
