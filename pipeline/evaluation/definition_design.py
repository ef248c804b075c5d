"""Which definitions a sample of documents is held against: few questions that tell of all pairs without bias.

To ask n documents about all k definitions takes n * k questions, most of which are as good as answered. So it is done in two
phases (double sampling; Neyman, 1938). First each document is asked about the definition of its label and about those nearest to it.
Then about all the others too: every document that none of those fits, since only these can be gaps; and of the documents that one
fits, and of those that several fit, a share drawn at random, which stands for its group. Whether a document is a gap is thus known for
each of them; what is asked of a share alone is a mean by group, weighted by the sizes of the groups.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["METHOD", "Design", "Group", "Known", "Pair", "expected_questions", "first_pairs", "groups", "make_design", "second_pairs"]

Floats = npt.NDArray[np.float64]
Pair = tuple[str, str]  # text hash and category id
Known = Mapping[Pair, bool | None]  # whether the definition fits; None where there is no usable answer
METHOD = 1  # raise it whenever other questions are asked of the same sample
NEAR = 4  # definitions that each document is asked about, that of its label among them
SHARE, FEWEST = 0.25, 3  # of the documents that some definition fits: asked about all definitions, and how many at least
OWN = 3  # documents of each label, at least, that are asked about its definition
GAPS = 0.15  # share of the documents that no near definition fits, as a plan takes it to be


@dataclass(frozen=True)
class Design:
    """What is asked: the sampled texts in their random order, the definitions near to each, and further texts about their own label's alone."""

    categories: tuple[str, ...]
    near: Mapping[str, frozenset[str]]
    own: Mapping[str, str]

    @property
    def texts(self) -> tuple[str, ...]:
        """List the sampled texts in their random order."""
        return tuple(self.near)


@dataclass(frozen=True)
class Group:
    """Sampled texts of which as many near definitions fit, and those of them that are asked about all definitions."""

    texts: tuple[str, ...]
    whole: tuple[str, ...]


def make_design(
    texts: Sequence[str], likeness: Mapping[str, Floats], labels: Mapping[str, str | None], *, categories: Sequence[str], more: Sequence[str] = ()
) -> Design:
    """Choose for each text its label's definition and the nearest others.

    :param texts: the sample, in a random order.
    :param likeness: (k,) of each of these texts with the categories.
    :param more: further labelled texts in a random order, for labels that the sample has too few of.
    """
    near: dict[str, frozenset[str]] = {}
    for text in texts:
        label = labels.get(text)
        ranked = [categories[place] for place in np.argsort(-likeness[text], kind="stable")]
        first = [label] if label in categories else []
        near[text] = frozenset([*first, *(one for one in ranked if one != label)][:NEAR])
    counts = dict.fromkeys(categories, 0)
    for text in texts:
        if (label := labels.get(text)) in counts:
            counts[label] += 1
    own: dict[str, str] = {}
    for text in more:
        if (label := labels.get(text)) in counts and text not in near and counts[label] < OWN:
            counts[label] += 1
            own[text] = label
    return Design(tuple(categories), near, own)


def first_pairs(design: Design) -> list[Pair]:
    """List what is asked first, category by category."""
    pairs = [(text, category) for text, near in design.near.items() for category in near]
    return _by_category([*pairs, *design.own.items()], design)


def second_pairs(design: Design, known: Known) -> list[Pair]:
    """List what is asked after the first answers, category by category."""
    pairs = [(text, one) for group in groups(design, known) for text in group.whole for one in design.categories if one not in design.near[text]]
    return _by_category(pairs, design)


def groups(design: Design, known: Known) -> tuple[Group, Group, Group]:
    """Part the sample by the number of near definitions that fit: none, one, several."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for text, near in design.near.items():
        parts[min(2, sum(known.get((text, category)) is True for category in near))].append(text)
    none, *others = (tuple(part) for part in parts)
    one, several = (Group(part, part[: min(len(part), max(FEWEST, math.ceil(SHARE * len(part))))]) for part in others)
    return Group(none, none), one, several


def expected_questions(texts: int, categories: int) -> int:
    """Estimate how many questions a sample takes."""
    near = min(NEAR, categories)
    whole = texts * (GAPS + (1 - GAPS) * SHARE)
    return round(texts * near + whole * (categories - near) + max(0, OWN * categories - texts) / 2)


def _by_category(pairs: Sequence[Pair], design: Design) -> list[Pair]:
    """Order pairs so that a server computes the opening of each category's question once."""
    places = {category: place for place, category in enumerate(design.categories)}
    return sorted(pairs, key=lambda pair: places[pair[1]])
