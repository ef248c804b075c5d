"""Mixes of labels of rare categories, which students may learn from.

A mix lies between two labels of one category (SMOTE, Chawla et al., JAIR 2002; operations on label sets in the space of embeddings are
those of LaSO, Alfassy et al., CVPR 2019). Whether mixes help is for the choice among candidates to measure.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix
from pipeline.students.inputs import Inputs

__all__ = ["Mixes", "pair_mixes"]

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
