"""What a student may look at of a document: its vector, its text, its metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix

__all__ = ["Inputs", "join_inputs"]

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Inputs:
    """Documents as students see them, one row each; texts and metadata are empty where no feature asks for them.

    A scikit-learn pipeline passes it to its first step as it is: it has a length, and rows of it can be taken.
    """

    vectors: Matrix  # (n, d), unit length
    texts: Sequence[str] = ()
    metadata: Sequence[Mapping[str, Any]] = ()

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.vectors)

    def take(self, rows: Ints) -> "Inputs":
        """Keep some rows, in the order given; a row may be taken more than once."""
        texts = [self.texts[row] for row in rows] if self.texts else ()
        return Inputs(self.vectors[rows], texts, [self.metadata[row] for row in rows] if self.metadata else ())


def join_inputs(first: Inputs, second: Inputs) -> Inputs:
    """Put the rows of one below those of the other; texts, or metadata, are lost unless both have them or one has no rows."""
    if not len(second):
        return first
    if not len(first):
        return second
    vectors: Matrix = np.concatenate([first.vectors, second.vectors])
    texts = [*first.texts, *second.texts] if first.texts and second.texts else ()
    return Inputs(vectors, texts, [*first.metadata, *second.metadata] if first.metadata and second.metadata else ())
