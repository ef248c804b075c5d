"""Panels of simulated annotators whose faults are known."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.records import Label

__all__ = ["Said", "always", "careless", "categories_of", "good", "panel", "renaming", "truth_of", "votes_of"]

Ints = npt.NDArray[np.intp]
Said = Callable[[Ints, int, np.random.Generator], Ints]


def truth_of(texts: int, options: int, generator: np.random.Generator) -> Ints:
    return generator.integers(options, size=texts)


def good(accuracy: float) -> Said:
    """Be right so often, and else take the next category half of the time and any other the other half."""

    def said(truth: Ints, options: int, generator: np.random.Generator) -> Ints:
        wrong = np.where(
            generator.random(len(truth)) < 0.5, (truth + 1) % options, (truth + generator.integers(1, options, size=len(truth))) % options
        )
        return np.where(generator.random(len(truth)) < accuracy, truth, wrong)

    return said


def always(option: int) -> Said:
    return lambda truth, options, generator: np.full(len(truth), option)


def careless(truth: Ints, options: int, generator: np.random.Generator) -> Ints:
    return generator.integers(options, size=len(truth))


def renaming(accuracy: float) -> Said:
    """Be as good as another, and call each category by the next one's name."""
    return lambda truth, options, generator: (good(accuracy)(truth, options, generator) + 1) % options


def categories_of(options: int) -> list[str]:
    return [f"cat:{place}" for place in range(options)]


def votes_of(annotator: str, said: Sequence[int] | Ints) -> list[Label]:
    return [Label(f"text:{place:05}", "tax:1", annotator, f"cat:{option}", None) for place, option in enumerate(said)]


def panel(annotators: dict[str, Said], *, texts: int, options: int, seed: int) -> tuple[Ints, list[Label]]:
    """Draw the truth and everybody's votes."""
    generator = np.random.default_rng(seed)
    truth = truth_of(texts, options, generator)
    return truth, [vote for name, said in annotators.items() for vote in votes_of(name, said(truth, options, generator))]
