"""Labelled documents shown beside the one to label: few, similar, probably right, of several labels, and never the document itself.

A model copies what it is shown. A wrong label is copied as readily as a right one, a label shown several times is chosen
for that (majority label bias), the last one most (recency bias; Zhao et al., "Calibrate Before Use", ICML 2021), and the
document itself or its near duplicate would give the answer away: what is measured then is the copying.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Demonstration", "Pool", "choose_demonstrations"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Rows = npt.NDArray[np.floating[Any]]

DUPLICATE = 0.97  # cosine from which two texts are one that was edited
RELIABLE = 0.8  # probability that a label is right: one wrong in five at most, since the model copies what is near
ONE_IN = 3  # at most one in three is of one category: enough to tell it from a neighbour, too few to be the majority
DECIMALS = 9  # of a cosine: the order of summing changes those beyond, and must not break a tie


@dataclass(frozen=True)
class Demonstration:
    """A labelled document as it is shown; the category's name is looked up when it is, since it may be renamed."""

    text_hash: str
    text: str
    category_id: str


@dataclass(frozen=True, eq=False)
class Pool:
    """The labelled documents to choose from, in any order; a text may be there with several labels.

    `vectors` (m, d) have length 1. `probabilities` say how sure each label is to be right: 1 for one by a person, NaN for
    one that nothing measured, which is shown to no one.
    """

    text_hashes: Sequence[str]
    texts: Sequence[str]
    category_ids: Sequence[str]
    probabilities: Sequence[float]
    vectors: Rows

    def __post_init__(self) -> None:
        """Check that all columns are of the same documents."""
        columns = {name: len(getattr(self, name)) for name in ("text_hashes", "texts", "category_ids", "probabilities", "vectors")}
        if len(set(columns.values())) > 1:
            raise ValueError(f"A pool needs one entry a document in each column; found {', '.join(f'{n} {name}' for name, n in columns.items())}.")

    def __len__(self) -> int:
        return len(self.text_hashes)

    def show(self, place: int) -> Demonstration:
        """Give the document at a place as it is shown."""
        return Demonstration(self.text_hashes[place], self.texts[place], self.category_ids[place])

    def likeness(self, vector: Rows) -> Floats:
        """Give the cosine of each document with a vector of length 1."""
        return np.round(self.exact @ vector.astype(np.float64), DECIMALS)

    def reliable(self, least: float) -> Ints:
        """List the places of labels at least so probable, by text hash, the surest label of a text first: not by the pool's order."""
        order, probabilities = self._ordered
        return order[probabilities >= least]

    @cached_property
    def exact(self) -> Floats:
        """Give the vectors in 64 bits."""
        return self.vectors.astype(np.float64) if len(self) else np.zeros((0, 0))

    @cached_property
    def _ordered(self) -> tuple[Ints, Floats]:
        probabilities = np.asarray(self.probabilities, dtype=np.float64)
        keys = zip(self.text_hashes, -np.nan_to_num(probabilities, nan=-1.0), self.category_ids, strict=True)
        order = np.asarray([place for place, _ in sorted(enumerate(keys), key=lambda pair: pair[1])], dtype=np.intp)
        return order, probabilities[order]


def choose_demonstrations(
    vector: Rows,
    text_hash: str,
    pool: Pool,
    *,
    count: int,
    among: Collection[str] | None = None,
    duplicate: float = DUPLICATE,
    reliable: float = RELIABLE,
) -> list[Demonstration]:
    """Choose the reliable documents nearest to a document, at most `count`, the nearest last: next to the document it speaks loudest.

    Left out are the document itself, its near duplicates and those of one already chosen. At most one in three, rounded up,
    is of one category, so that two or more show at least two labels wherever the pool has them; fewer are chosen where
    the pool has too few, rather than more of one. They differ from document to document, so that no prompt but its
    instructions is cached.

    :param vector: of length 1, as those of the pool.
    :param among: the category ids that may be shown, where the prompt offers a shortlist: an example of another teaches an answer
        that cannot be given.
    """
    if not len(pool):
        return []
    likeness, places = pool.likeness(vector), pool.reliable(reliable)
    places = places[likeness[places] < duplicate]
    most, shown = -(-count // ONE_IN), Counter[str]()
    chosen: list[int] = []
    for place in places[np.argsort(-likeness[places], kind="stable")].tolist():
        if len(chosen) >= count:
            break
        category = pool.category_ids[place]
        allowed = pool.text_hashes[place] != text_hash and (among is None or category in among)
        if allowed and shown[category] < most and not _repeats(pool, place, chosen, duplicate):
            chosen.append(place)
            shown[category] += 1
    return [pool.show(place) for place in reversed(chosen)]


def _repeats(pool: Pool, place: int, chosen: Sequence[int], duplicate: float) -> bool:
    """Say whether a document is one of those chosen or nearly."""
    same = any(pool.text_hashes[place] == pool.text_hashes[other] for other in chosen)
    return same or bool((pool.exact[list(chosen)] @ pool.exact[place] >= duplicate).any())
