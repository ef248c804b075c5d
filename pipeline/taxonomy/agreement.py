"""How far two taxonomies of the same documents agree: their categories matched one to one by the documents that they cite.

Only documents that both cite are compared; names, ids and order play no part.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

from pipeline.intervals import wilson
from pipeline.records import Category, Measure, Taxonomy

__all__ = ["Agreement", "Match", "agree", "matched_share", "stability"]


@dataclass(frozen=True)
class Match:
    """Two categories that are one, and how many documents both cite."""

    first: str  # name
    second: str
    documents: int


@dataclass(frozen=True)
class Agreement:
    """How far two taxonomies agree on the n documents that both cite.

    `share` is that of documents in matched categories, 0 to 1; `adjusted_rand` is 1 where they agree and 0 by chance. Both
    are 0 where no document is cited by both.
    """

    share: float
    adjusted_rand: float
    n: int
    matches: Sequence[Match]


def agree(first: Taxonomy, second: Taxonomy) -> Agreement:
    """Match the categories of two taxonomies, and measure how many documents the matching holds together."""
    one, other = _assigned(first), _assigned(second)
    common = sorted(set(one) & set(other))
    if not common:
        return Agreement(0.0, 0.0, 0, ())
    pairs = Counter((one[document].category_id, other[document].category_id) for document in common)
    rows, columns = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    table = np.array([[pairs[row, column] for column in columns] for row in rows])
    names = [{category.category_id: category.name for category in taxonomy.categories} for taxonomy in (first, second)]
    matches = [
        Match(names[0][rows[row]], names[1][columns[column]], int(table[row, column]))
        for row, column in zip(*linear_sum_assignment(table, maximize=True), strict=True)
        if table[row, column]
    ]
    share = sum(match.documents for match in matches) / len(common)
    rand = adjusted_rand_score([one[document].category_id for document in common], [other[document].category_id for document in common])
    return Agreement(share, float(rand), len(common), tuple(sorted(matches, key=lambda match: (-match.documents, match.first, match.second))))


def matched_share(first: Taxonomy, second: Taxonomy) -> float:
    """Measure the share of common documents in matched categories, 0 to 1; 0 where no document is cited by both."""
    return agree(first, second).share


def stability(candidates: Sequence[Taxonomy]) -> list[list[Measure]]:
    """Measure for each candidate the mean of its matched shares with the others; none where it shares no document with any.

    n is the smallest number of common documents, and the interval Wilson's at that n.
    """
    return [_stability(candidate, [*candidates[:place], *candidates[place + 1 :]]) for place, candidate in enumerate(candidates)]


def _stability(candidate: Taxonomy, others: Sequence[Taxonomy]) -> list[Measure]:
    found = [agreement for other in others if (agreement := agree(candidate, other)).n]
    if not found:
        return []
    value, n = float(np.mean([agreement.share for agreement in found])), min(agreement.n for agreement in found)
    low, high = wilson(value, n)
    judge = f"{len(found)} other candidate{'s' if len(found) != 1 else ''}"
    return [Measure(candidate.taxonomy_id, "stability", value, n, low=low, high=high, judge=judge)]


def _assigned(taxonomy: Taxonomy) -> dict[str, Category]:
    """Give each cited document's category, without those that have others below them; of several, the one it stands foremost in."""
    found: dict[str, tuple[int, str, Category]] = {}
    for category in taxonomy.leaves:
        for place, document in enumerate(category.members):
            key = (place, category.category_id, category)
            if document not in found or key[:2] < found[document][:2]:
                found[document] = key
    return {document: category for document, (_, _, category) in found.items()}
