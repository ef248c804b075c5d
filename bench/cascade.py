"""Simulates the promise of a cascade: how often it is broken, and what share of the labels is taken, beside two rivals.

Corpora are made up: labels of 8 categories of uneven size, whose chance to be right is known, and probabilities that say it
well or badly. Each figure is of all simulations. `fixed` is the best fixed threshold from as many checks drawn from all
documents alike, with the same guarantee. `by category` learns a threshold for each category that can expect enough checks,
with its share of delta and of the checks, and one for the rest. No model and no data are needed.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from pipeline.annotation.cascade import best_fixed_threshold, learn_threshold

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
PROMISED, DELTA = 0.9, 0.05
CATEGORIES, ENOUGH = 8, 60  # ENOUGH: checks that a category has to expect for a threshold of its own
SHAPES = {"hard": (1.6, 1.2), "medium": (3.0, 1.0), "easy": (6.0, 0.6), "nearly all right": (14.0, 0.6)}
KINDS = ("calibrated", "over-confident", "under-confident", "noisy", "rare ones worse", "largest worse")
USELESS = "says nothing"  # probabilities that have nothing to do with the labels
SIZES = ((300, 100), (5000, 200), (5000, 1000))


@dataclass(frozen=True)
class Made:
    """A corpus that was made up."""

    probabilities: Floats
    truth: Flags
    categories: Ints


def main() -> None:
    """Print a row for each corpus, size and budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=100)
    simulations = parser.parse_args().simulations
    tolerated = int(binom.ppf(0.999, simulations, DELTA))
    print(f"promised {PROMISED}, delta {DELTA}; {simulations} simulations each, of which chance breaks more than {tolerated} once in a thousand\n")
    head = f"{'corpus':<34}{'documents':>10}{'checks':>8}{'right':>7} | {'broken':>7}{'taken':>7}{'spent':>7} |"
    print(f"{head}{'broken':>7}{'fixed':>7} |{'broken':>7}{'by category':>12}")
    for size, budget in SIZES:
        for shape in SHAPES:
            for kind in (*KINDS, USELESS):
                _row(shape, kind, size, budget, simulations)


def _row(shape: str, kind: str, size: int, budget: int, simulations: int) -> None:
    right, spent = [], []
    taken: dict[str, list[Flags]] = {"ours": [], "fixed": [], "by category": []}
    broken = dict.fromkeys(taken, 0)
    for seed in range(simulations):
        made = _make(shape, kind, size, np.random.default_rng(seed))
        check = _checker(made.truth)
        learnt = learn_threshold(list(made.probabilities), check, promised=PROMISED, delta=DELTA, budget=budget, seed=seed)
        rival = best_fixed_threshold(list(made.probabilities), check, promised=PROMISED, delta=DELTA, budget=budget, seed=seed)
        found = {
            "ours": made.probabilities >= learnt.threshold,
            "fixed": made.probabilities >= rival.threshold,
            "by category": _by_category(made, budget, seed),
        }
        for name, flags in found.items():
            taken[name].append(flags)
            broken[name] += bool(flags.any()) and bool(made.truth[flags].mean() < PROMISED - 1e-9)
        right.append(made.truth.mean())
        spent.append(learnt.spent)
    share = {name: float(np.mean(flags)) for name, flags in taken.items()}
    print(
        f"{shape + ', ' + kind:<34}{size:>10}{budget:>8}{np.mean(right):>7.2f} | {broken['ours']:>7}{share['ours']:>7.3f}{np.mean(spent):>7.0f} |"
        f"{broken['fixed']:>7}{share['fixed']:>7.3f} |{broken['by category']:>7}{share['by category']:>12.3f}",
        flush=True,
    )


def _make(shape: str, kind: str, size: int, rng: np.random.Generator) -> Made:
    right = rng.beta(*SHAPES[shape], size).clip(1e-6, 1 - 1e-6)
    weights = 1 / np.arange(1, CATEGORIES + 1) ** 1.2
    categories = rng.choice(CATEGORIES, size, p=weights / weights.sum())
    logits = np.log(right / (1 - right))
    worse = {"rare ones worse": categories >= 3, "largest worse": categories == 0}.get(kind)
    actual = logits if worse is None else logits - np.where(worse, 1.5, -0.3)
    shown = {
        "over-confident": 1.5 * logits + 1,
        "under-confident": 0.5 * logits,
        "noisy": logits + rng.normal(0, 1.5, size),
        USELESS: rng.normal(0, 1, size),
    }.get(kind, logits)
    return Made(1 / (1 + np.exp(-shown)), rng.random(size) < 1 / (1 + np.exp(-actual)), categories)


def _checker(truth: Flags) -> Callable[[Sequence[int]], list[bool | None]]:
    return lambda places: [bool(truth[place]) for place in places]


def _by_category(made: Made, budget: int, seed: int) -> Flags:
    size = len(made.truth)
    counts = np.bincount(made.categories, minlength=CATEGORIES)
    own = [category for category in range(CATEGORIES) if budget * counts[category] / size >= ENOUGH]
    groups = [np.flatnonzero(made.categories == category) for category in own] + [np.flatnonzero(~np.isin(made.categories, own))]
    groups = sorted((group for group in groups if len(group)), key=len)
    taken = np.zeros(size, dtype=bool)
    waiting = size
    for group in groups:
        share = budget * len(group) // waiting  # what the smaller ones leave passes on
        some = list(made.probabilities[group])
        learnt = learn_threshold(some, _checker(made.truth[group]), promised=PROMISED, delta=DELTA / len(groups), budget=share, seed=seed)
        taken[group] = made.probabilities[group] >= learnt.threshold
        budget, waiting = budget - learnt.spent, waiting - len(group)
    return taken


if __name__ == "__main__":
    main()
