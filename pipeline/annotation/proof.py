"""An exact sequential test that enough of a finite set of labels is right, by looking at more and more of them.

Documents are drawn one after another without being put back. After each draw one may stop and say "proven" if no more than
`allowed_wrong` of those drawn are wrong. Were there one right label too few in the set, the chance that this ever happens,
at any of the draws, is at most `delta`: it is summed up over all courses that the draws can take, not bounded. With
fewer right labels still it is smaller, since any such set comes from that one by turning right labels wrong, which only
adds wrong ones to every course. Because all draws are reckoned with, one may stop at any and for whatever reason.

The rule at each draw is the hypergeometric test at one level for all draws, the largest that keeps the sum below delta
(Pocock's design of group sequential trials, 1977, in a finite population).
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["allowed_wrong"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
LEVELS = 64  # tried, evenly by their logarithms
STRICTEST = 0.01  # of delta: the lowest level tried


@lru_cache(maxsize=512)
def allowed_wrong(size: int, needed: int, draws: int, delta: float) -> Ints:
    """Give for 1, 2, … draws how many may be wrong to prove that at least `needed` of `size` labels are right; -1 where none may.

    :param needed: 1 to `size`.
    :param draws: 1 to `size`: how many there may be at most.
    """
    right = needed - 1  # as many as break the promise by one label
    levels = delta * np.geomspace(STRICTEST, 1.0, LEVELS)
    allowed = _allowed(_chances(size, right, draws), levels)
    broken = _chance_to_pass(size, right, allowed)
    best = np.flatnonzero(broken <= delta)
    found = allowed[best[-1]] if len(best) else np.full(draws, -1)
    found.setflags(write=False)  # the cache hands the same array to all
    return found


def _chances(size: int, right: int, draws: int) -> Floats:
    """Give the chance of at most w wrong among n + 1 drawn, shape (draws, w); more than about the mean are never allowed."""
    width = min(draws, draws * (size - right) // size + 1) + 1
    now = np.zeros(width)
    now[0] = 1.0
    rows = np.zeros((draws, width))
    for drawn in range(draws):
        now = _draw(now, size, right, drawn)
        rows[drawn] = np.cumsum(now)
    return rows


def _allowed(chances: Floats, levels: Floats) -> Ints:
    """Give how many wrong each level allows after each draw, shape (levels, draws)."""
    return np.stack([np.searchsorted(row, levels, side="right") - 1 for row in chances], axis=1)


def _chance_to_pass(size: int, right: int, allowed: Ints) -> Floats:
    """Sum up for each level the chance that the draws ever come to what it allows."""
    now = np.zeros((len(allowed), int(allowed.max()) + 2))
    now[:, 0] = 1.0
    passed = np.zeros(len(allowed))
    wrong = np.arange(now.shape[1])
    for drawn in range(allowed.shape[1]):
        now = _draw(now, size, right, drawn)
        passes = wrong <= allowed[:, drawn, None]
        passed += np.where(passes, now, 0.0).sum(axis=1)
        now[passes] = 0.0
    return passed


def _draw(now: Floats, size: int, right: int, drawn: int) -> Floats:
    """Go on by one draw: `now` holds in its last axis the chance of each number of wrong ones among those drawn."""
    wrong = np.arange(now.shape[-1])
    chance = np.clip((right - (drawn - wrong)) / (size - drawn), 0.0, 1.0)
    after = now * chance
    after[..., 1:] += now[..., :-1] * (1.0 - chance[:-1])
    return np.asarray(after)
