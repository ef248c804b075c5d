"""Rare categories: mixes of their labels, and a least number of labels below which a category is named, kept or left out.

A mix lies between two labels of one category (SMOTE, Chawla et al., JAIR 2002; operations on label sets in the space of embeddings are
those of LaSO, Alfassy et al., CVPR 2019). Whether mixes help is for the choice among
candidates to measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix
from pipeline.students.inputs import Inputs
from pipeline.students.material import Material

__all__ = ["Mixes", "RareCategory", "leave_out", "pair_mixes", "rare_categories"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
SPREAD = (0.2, 0.8)  # share of the first label in a mix
LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class Mixes:
    """Documents that do not exist: each lies between two labelled ones of its category. They are learnt from and never judged on."""

    inputs: Inputs
    categories: Ints
    parents: Ints  # (m, 2), places of the labelled documents
    synthetic: bool = True

    def __len__(self) -> int:
        """Count them."""
        return len(self.categories)


def pair_mixes(labelled: Inputs, categories: Ints, *, least: int, seed: int) -> Mixes:
    """Fill each category that has 2 labels or more up to `least` with mixes of two of its labels.

    A mix has a vector of unit length between its parents', and the text of both, one after the other: who reads words sees a mix
    as well. Metadata are the first parent's.
    """
    random = np.random.default_rng(seed)
    parents, found = [], []
    for category in np.unique(categories):
        places = np.flatnonzero(categories == category)
        for _ in range(least - len(places) if len(places) > 1 else 0):
            parents.append(random.choice(places, 2, replace=False))
            found.append(category)
    pairs = np.array(parents, dtype=np.intp).reshape(-1, 2)
    share = random.uniform(*SPREAD, size=(len(pairs), 1))
    mixed = share * labelled.vectors[pairs[:, 0]] + (1 - share) * labelled.vectors[pairs[:, 1]]
    vectors: Matrix = (mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), LEAST)).astype(np.float32)
    texts = [f"{labelled.texts[one]}\n{labelled.texts[other]}" for one, other in pairs] if labelled.texts else ()
    metadata = [labelled.metadata[one] for one, _ in pairs] if labelled.metadata else ()
    return Mixes(Inputs(vectors, texts, metadata), np.array(found, dtype=np.intp), pairs)


@dataclass(frozen=True)
class RareCategory:
    """A category with few labels, and how often a student that did not see them predicted them."""

    category: str
    labels: int
    recognised: int


def rare_categories(material: Material, unseen: Floats, *, least: int) -> tuple[RareCategory, ...]:
    """Name the categories with fewer than `least` labels, the rarest first.

    :param unseen: log-probabilities (n, k) of the labelled documents by classifiers that did not see their labels.
    """
    labels, guesses, k = material.soft.argmax(axis=1), unseen.argmax(axis=1), len(material.categories)
    counts, right = np.bincount(labels, minlength=k), np.bincount(labels[labels == guesses], minlength=k)
    rare = [RareCategory(name, int(n), int(hits)) for name, n, hits in zip(material.categories, counts, right, strict=True) if n < least]
    return tuple(sorted(rare, key=lambda one: (one.labels, one.category)))


def leave_out(material: Material, categories: Sequence[str]) -> Material:
    """Teach nothing of some categories: the documents labelled with one become unlabelled, and others lose what share they had of it."""
    kept = np.array([category not in categories for category in material.categories])
    if kept.all():
        return material
    rows = np.flatnonzero(kept[material.soft.argmax(axis=1)])
    part = material.take(rows, np.setdiff1d(np.arange(len(material.labelled)), rows))
    own = [place for place, row in enumerate(material.cited_soft) if kept[row.argmax()]] if len(material.cited) else []
    return replace(
        part,
        categories=tuple(np.array(material.categories, dtype=object)[kept]),
        soft=_normal(part.soft[:, kept]),
        cited=material.cited.take(np.array(own, dtype=np.intp)) if len(material.cited) else material.cited,
        cited_soft=_normal(material.cited_soft[own][:, kept]) if own else np.zeros((0, 0)),
        cards=None if material.cards is None else material.cards[kept],
    )


def _normal(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), LEAST))
