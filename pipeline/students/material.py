"""What a student learns from: documents with soft labels, documents that categories cite, and all the others."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix
from pipeline.students.inputs import Inputs, join_inputs

__all__ = ["Material"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
LEAST = 1e-9


def _no_inputs() -> Inputs:
    return Inputs(np.zeros((0, 0), dtype=np.float32))


@dataclass(frozen=True)
class Material:
    """Labelled documents with their probabilities over `categories`, and what else is there to learn from.

    `soft` is (n, k) and `cited_soft` (c, k), rows that sum to 1; `weights` (n,) says how much each label counts; `cards` (k, d) are the
    vectors of the category cards. `groups` (n,) numbers what may not be parted by cross-validation, as copies of one text; each document
    is its own where it is empty.
    """

    categories: tuple[str, ...]
    labelled: Inputs
    soft: Floats
    weights: Floats
    groups: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    cited: Inputs = field(default_factory=_no_inputs)
    cited_soft: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    unlabelled: Inputs = field(default_factory=_no_inputs)
    cards: Matrix | None = None

    @property
    def everything(self) -> Inputs:
        """Join all documents: labelled, cited, unlabelled."""
        return join_inputs(join_inputs(self.labelled, self.cited), self.unlabelled)

    def take(self, rows: Ints, out: Ints) -> "Material":
        """Keep the labels of `rows`; the documents of `out` lose theirs, and all others go."""
        more = join_inputs(self.unlabelled, self.labelled.take(out))
        return replace(
            self,
            labelled=self.labelled.take(rows),
            soft=self.soft[rows],
            weights=self.weights[rows],
            groups=self.groups[rows] if len(self.groups) else self.groups,
            unlabelled=more,
        )

    def used(self) -> "Material":
        """Leave out the categories that no label and no citation names."""
        kept = self.soft.sum(axis=0) > LEAST
        if len(self.cited):
            kept |= self.cited_soft.max(axis=0) > 1.0 / len(self.categories)  # above what every category has of a citation
        return replace(
            self,
            categories=tuple(name for name, is_used in zip(self.categories, kept, strict=True) if is_used),
            soft=_normal(self.soft[:, kept]),
            cited_soft=_normal(self.cited_soft[:, kept]) if len(self.cited) else self.cited_soft,
            cards=None if self.cards is None else self.cards[kept],
        )


def _normal(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), LEAST))
