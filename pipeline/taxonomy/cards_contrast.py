"""What lies beside a category, by vectors: its nearest siblings, its clearest members, and the texts that nearly belong to it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.embedding import Embedder, Matrix
from pipeline.records import Category
from pipeline.taxonomy.sample import Group, Sample
from pipeline.taxonomy.versions import Draft

__all__ = ["Contrast", "Pair"]

EXAMPLES = 2
NEAR_DUPLICATE = 0.93  # cosine of two documents from which the second shows nothing new
TOO_CLOSE = 0.33  # share of the members that lie nearest to another category, and may be cited wrongly
CLOSE_CALL = 0.8  # likeness to another centre, as a share of that to the own one, from which a document is a close call
CONFUSABLE_CALLS = 0.05  # share of close calls from which two categories are confusable
CONFUSABLE_CENTRES = 0.7  # cosine of their centres from which they are so whatever their members
MOST_PAIRS = 10
NEAREST = 3  # siblings that are told of each category


@dataclass(frozen=True)
class Pair:
    """Two leaves that are easily mixed up, by id; `calls` is the share of their members that are close calls, `likeness` that of their centres."""

    first: str
    second: str
    calls: float
    likeness: float


class Contrast:
    """The categories of a draft as groups of documents beside one another; a category has the members of those below it."""

    def __init__(self, draft: Draft, *, embedder: Embedder) -> None:
        """Find each category's members and centre."""
        said = draft.sample.vectors if draft.sample.alone is None else draft.sample.alone
        self.sample: Sample = replace(draft.sample, vectors=said)  # a reader sees what a text says, not what lies around it
        self.categories: dict[str, Category] = dict(draft.categories)
        self._embedder = embedder
        self._uncited = frozenset(draft.uncited())
        self._below: dict[str | None, list[str]] = defaultdict(list)
        for key, category in self.categories.items():
            self._below[category.parent_id].append(key)
        self.leaves = {key: None for key in self.categories if not self._below.get(key)}  # in order, and quick to look up
        self.groups = {key: self._with_those_below(draft, key) for key in self.categories}
        self.centres = {key: self.sample.centre(group) for key, group in self.groups.items() if len(group)}
        self._likeness = {key: self.sample.vectors @ centre for key, centre in self.centres.items()}
        self._place = {text_hash: index for index, text_hash in enumerate(self.sample.hashes)}
        self._siblings: dict[str, list[str]] = {}
        self._home = {index: key for key in self.leaves for index in self.groups[key].indices}
        self._home |= {index: self._nearest_leaf(index) for index in self._uncited if self.centres}

    def siblings(self, key: str) -> list[str]:
        """List the three categories nearest to one among those beside it; those without members come last, by their names."""
        if key not in self._siblings:
            others = [other for other in self._below[self.categories[key].parent_id] if other != key]
            self._siblings[key] = self._nearest_first(key, others)[:NEAREST]
        return self._siblings[key]

    def beside(self, key: str) -> Group:
        """Give the members of a category's siblings; all other documents where no sibling has any."""
        own = set(self.groups[key].indices)
        found = self._cited_below[self.categories[key].parent_id] - own
        return Group(tuple(sorted(found or set(range(len(self.sample))) - own)))

    def rival(self, key: str) -> str | None:
        """Give the nearest other leaf that has members, one of the same parent where there is one; None for a category without members."""
        others = [other for other in self.leaves if other != key and other in self.centres]
        if key not in self.centres or not others:
            return None
        beside = [other for other in others if self.categories[other].parent_id == self.categories[key].parent_id]
        return self._nearest_first(key, beside or others)[0]

    def examples(self, key: str, most: int = EXAMPLES) -> list[int]:
        """Give the clearest members: the nearest to the centre that are no near duplicates of one another."""
        return self._distinct(sorted(self.groups[key].indices, key=lambda index: -self._likeness[key][index]), most)

    def near_miss(self, key: str) -> int | None:
        """Give the document of a leaf's nearest rival, or one that none cites, that lies nearest to the leaf's centre and belongs elsewhere.

        A document that lies nearer to this leaf than to its own may be cited wrongly, and is taken where there is no other.
        """
        rival = self.rival(key) if key in self.leaves else None
        if rival is None:
            return None
        found = [*self.groups[rival].indices, *(index for index in sorted(self._uncited) if self._home[index] != key)]
        examples = self.examples(key)
        new = [index for index in found if not self._near_duplicate(index, examples)] or found
        elsewhere = [index for index in new if self._margin(index, self._home[index], key) > 0] or new
        return max(elsewhere, key=lambda index: float(self._likeness[key][index]))

    def close_members(self, key: str, other: str, most: int, *, but: Sequence[int] = ()) -> list[int]:
        """Give the members that lie near to another category, without two alike, and without those nearest to it.

        :param but: members to leave out.
        """
        by_margin = sorted(self.groups[key].indices, key=lambda index: self._margin(index, key, other))
        return self._distinct([index for index in by_margin[int(TOO_CLOSE * len(by_margin)) :] if index not in but], most)

    def tell_apart(self, lines: Sequence[str], first: str, second: str) -> bool:
        """Say whether of two lines each is more like the category that it is about, in their order, than like the other."""
        likeness = self._embedder.embed(lines) @ np.stack([self.centres[first], self.centres[second]]).T
        return bool(likeness[0, 0] > likeness[0, 1] and likeness[1, 1] > likeness[1, 0])

    def home(self, text_hash: str) -> tuple[str, bool] | None:
        """Give the leaf that cites a document, or else the nearest one, and whether it cites it; None for one outside the sample."""
        index = self._place.get(text_hash, -1)
        return (self._home[index], index not in self._uncited) if index in self._home else None

    def text(self, text_hash: str) -> str:
        """Give what a document says; nothing for one outside the sample."""
        index = self._place.get(text_hash)
        return "" if index is None else self.sample.texts[index]

    @cached_property
    def pairs(self) -> list[Pair]:
        """List the leaves that are easily mixed up, at most 10 pairs, the most confusable first."""
        return sorted(self._confusable, key=lambda pair: (-pair.calls, -pair.likeness))[:MOST_PAIRS]

    def confusable(self, first: str, second: str) -> bool:
        """Say whether two leaves are easily mixed up."""
        return frozenset((first, second)) in self._mixed_up

    @cached_property
    def _mixed_up(self) -> set[frozenset[str]]:
        return {frozenset((pair.first, pair.second)) for pair in self._confusable}

    @cached_property
    def _confusable(self) -> list[Pair]:
        """Find the pairs with so many close calls, or with centres so near, that a reader needs help."""
        leaves = [key for key in self.leaves if key in self.centres]
        if not leaves:
            return []
        counts = np.array([len(self.groups[key]) for key in leaves])
        calls = np.stack([self._close_calls(key, leaves) for key in leaves])
        calls = (calls + calls.T) / (counts + counts[:, None])
        centres = np.stack([self.centres[key] for key in leaves])
        likeness = centres @ centres.T
        found = np.argwhere(np.triu((calls >= CONFUSABLE_CALLS) | (likeness >= CONFUSABLE_CENTRES), 1))
        return [Pair(leaves[one], leaves[two], float(calls[one, two]), float(likeness[one, two])) for one, two in found]

    def _close_calls(self, key: str, others: Sequence[str]) -> Matrix:
        """Count for each other category the members of one that are nearly as much like it."""
        members = list(self.groups[key].indices)
        own = self._likeness[key][members]
        return np.array([np.count_nonzero(self._likeness[other][members] >= CLOSE_CALL * own) for other in others], dtype=np.float32)

    @cached_property
    def _cited_below(self) -> dict[str | None, frozenset[int]]:
        return {above: frozenset(index for key in below for index in self.groups[key].indices) for above, below in self._below.items()}

    def _with_those_below(self, draft: Draft, key: str) -> Group:
        if not self._below.get(key):
            return draft.groups[key]
        indices, waiting = set(draft.groups[key].indices), [key]
        while waiting:
            below = self._below.get(waiting.pop(), [])
            waiting += below
            indices.update(index for child in below for index in draft.groups[child].indices)
        return self.sample.ranked(sorted(indices))

    def _margin(self, index: int, key: str, other: str) -> float:
        """Say by how much a document is more like one category than like another."""
        return float(self._likeness[key][index] - self._likeness[other][index])

    def _nearest_leaf(self, index: int) -> str:
        return max((key for key in self.leaves if key in self.centres), key=lambda key: float(self._likeness[key][index]))

    def _nearest_first(self, key: str, others: Sequence[str]) -> list[str]:
        seen = [other for other in others if other in self.centres] if key in self.centres else []
        by_centre = sorted(seen, key=lambda other: -float(self.centres[key] @ self.centres[other]))
        if len(seen) == len(others) or len(seen) >= NEAREST:
            return by_centre
        places, names = self._names
        unseen = [other for other in others if other not in self.centres] if seen else list(others)
        likeness = -(names @ names[places[key]])
        return [*by_centre, *sorted(unseen, key=lambda other: float(likeness[places[other]]))]

    def _distinct(self, indices: Sequence[int], most: int) -> list[int]:
        found: list[int] = []
        for index in indices:
            if len(found) < most and not self._near_duplicate(index, found):
                found.append(index)
        return found

    def _near_duplicate(self, index: int, others: Sequence[int]) -> bool:
        return any(float(self.sample.vectors[index] @ self.sample.vectors[other]) >= NEAR_DUPLICATE for other in others)

    @cached_property
    def _names(self) -> tuple[dict[str, int], Matrix]:
        """Embed names with descriptions, all that is known of a category without members, and say in which row each is."""
        vectors = self._embedder.embed([f"{category.name}. {category.description}" for category in self.categories.values()])
        return {key: row for row, key in enumerate(self.categories)}, vectors
