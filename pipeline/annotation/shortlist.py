"""Which categories a prompt shows when the labels outgrow it: those nearest to the document, as many as a promised recall needs.

A category is its card and the documents that are labelled with it already. Every distinct shortlist is a prompt of its own
to a server that caches what prompts share, so a shortlist is cheaper than the whole list only where that does not fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.intervals import wilson
from pipeline.records import Category
from pipeline.trust_records import CurvePoint

__all__ = [
    "ShortlistLength",
    "card_texts",
    "choose_length",
    "length_as_given",
    "rank_categories",
    "recall_curve",
    "recall_points",
    "shortlist_for",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Rows = npt.NDArray[np.floating[Any]]
Basis = Literal["interval", "recall", "all", "given"]

CARD = 2.0  # labelled documents that a card weighs as much as: enough to hold a category of one odd document, little beside ten
IDENTICAL = 1 - 1e-6  # cosine of a document with itself, given the rounding of 32 bits
DECIMALS = 9  # of a score: the order of summing changes those beyond, and must not break a tie
LEAST = 1e-12
CELLS = 1 << 20  # numbers a chunk's largest matrices may hold together, 8 bytes each
CURVE = "shortlist_recall"


@dataclass(frozen=True)
class ShortlistLength:
    """How many categories are shown, and the recall at that length on n documents with its 95 % interval.

    `basis` says why: the least length whose interval keeps the promise; the least whose recall itself does, where n is too
    small for any interval to keep it; all categories, where no length does; or a length that was given.
    """

    length: int
    recall: float
    low: float
    high: float
    n: int
    basis: Basis


def card_texts(categories: Sequence[Category]) -> list[str]:
    """Write each category's name, description and cues as one text to embed; cues last, where a long one is cut."""
    return [_card_text(category) for category in categories]


def rank_categories(vectors: Rows, cards: Rows, *, known: Rows | None = None, known_labels: Ints | None = None) -> Ints:
    """Rank all categories for each document, the best first; of equals the one that comes first in the taxonomy.

    The score is the cosine with the category's mean, to which its card counts as `CARD` documents. A category without a
    labelled document has its card alone, one with many is nearly their mean, and no scale has to be matched in between.
    On Banking77 and HWU64 (100 to 1,000 known labels, stand-ins for cards) a recall of 0.97 took about as short a list as the
    best blend of the card's cosine with that of the nearest one, three, five or all labelled documents, and no blend was
    best throughout.
    A labelled document that is the document itself is left out, so that recall can be measured on the labelled ones.

    :param vectors: (n, d), rows of length 1, as those of `cards` (k, d) and `known` (m, d).
    :param known_labels: the place among `cards` of each known document's category.
    :return: (n, k), places among `cards`; time grows with n (k + m), memory beside the result does not grow with n.
    :raises ValueError: where known documents and their labels do not match.
    """
    rows, labels = _labelled(cards, known, known_labels)
    sums = CARD * _unit(cards)
    np.add.at(sums, labels, rows)
    ranks = np.empty((len(vectors), len(cards)), dtype=np.intp)
    for part in _chunks(len(vectors), len(cards) + len(rows)):
        scores = _scores(_unit(vectors[part]), sums, rows, labels)
        ranks[part] = np.argsort(-np.round(scores, DECIMALS), axis=1, kind="stable")
    return ranks


def recall_curve(ranks: Ints, truth: Ints) -> Floats:
    """Measure the share of documents whose true place is among the first 1, 2, ... k; a truth that is no place is never found.

    :raises ValueError: where there is no document, or not one truth for each.
    """
    if not len(ranks) or len(ranks) != len(truth):
        raise ValueError(
            f"Found {len(ranks)} ranked documents and {len(truth)} true places; recall needs one document or more, and a place for each."
        )
    found = ranks == np.asarray(truth)[:, None]
    positions = found.argmax(axis=1)[found.any(axis=1)]
    return np.asarray(np.bincount(positions, minlength=ranks.shape[1]).cumsum() / len(ranks))


def choose_length(ranks: Ints, truth: Ints, *, promised: float, most: int | None = None) -> ShortlistLength:
    """Choose the least length that keeps a promised recall, of at most `most`; all categories where none does.

    The lower end of the interval has to keep it where that is possible with so many documents (0.97 takes 125); the promise
    is not weakened for a shorter list. Where all categories do not fit, `length_as_given` tells what a length costs.

    :raises ValueError: as `recall_curve`.
    """
    curve, n = recall_curve(ranks, truth), len(ranks)
    enough = wilson(1.0, n)[0] >= promised
    for length, recall in enumerate(curve[:most].tolist(), start=1):
        if (wilson(recall, n)[0] if enough else recall) >= promised:
            return _measured(curve, n, length, "interval" if enough else "recall")
    return _measured(curve, n, len(curve), "all")


def length_as_given(ranks: Ints, truth: Ints, length: int) -> ShortlistLength:
    """Measure the recall of a length that a person has set; one beyond the categories is all of them.

    :raises ValueError: as `recall_curve`.
    """
    curve = recall_curve(ranks, truth)
    return _measured(curve, len(ranks), min(length, len(curve)), "given")


def recall_points(ranks: Ints, truth: Ints, *, subject_id: str) -> list[CurvePoint]:
    """Give the recall curve to store: x the length, y the recall; only the lengths at which it rises, and the first and last.

    :raises ValueError: as `recall_curve`.
    """
    curve, n = recall_curve(ranks, truth), len(ranks)
    rises = np.flatnonzero(np.diff(curve, prepend=-1.0) > 0)
    lengths = np.union1d(rises + 1, [len(curve)]).tolist()
    found = [(length, float(curve[length - 1])) for length in lengths]
    return [CurvePoint(subject_id, CURVE, place, float(length), recall, n, *wilson(recall, n)) for place, (length, recall) in enumerate(found)]


def shortlist_for(ranks_row: Ints, length: int, categories: Sequence[Category]) -> tuple[Category, ...]:
    """Give a document's best categories in the taxonomy's order: the order says nothing of the rank, and equal sets are equal prompts.

    What it costs: a prompt's beginning is computed anew for each distinct shortlist. With shortlists of their own nearly
    every document has another (2,259 among 2,500 at length 15 of 77), and its server computes some 15 categories for it,
    where the whole list is computed once for all documents. So show the whole list as long as it fits.

    :raises ValueError: where the row ranks another number of categories.
    """
    if len(ranks_row) != len(categories):
        raise ValueError(f"The ranks are of {len(ranks_row)} categories and {len(categories)} were given; rank the documents by the same categories.")
    return tuple(categories[place] for place in np.sort(ranks_row[:length]))


def _card_text(category: Category) -> str:
    said = f"{category.name}: {category.description}" if category.description else category.name
    return f"{said} ({', '.join(category.cues)})" if category.cues else said


def _labelled(cards: Rows, known: Rows | None, labels: Ints | None) -> tuple[Floats, Ints]:
    rows = np.zeros((0, cards.shape[1])) if known is None or not len(known) else _unit(known)
    places = np.zeros(0, dtype=np.intp) if labels is None else np.asarray(labels, dtype=np.intp)
    if len(rows) != len(places):
        raise ValueError(f"Found {len(rows)} known documents and {len(places)} labels; each known document needs one label.")
    if len(places) and not (0 <= places.min() and places.max() < len(cards)):
        found = f"{places.min()} to {places.max()}"
        raise ValueError(f"Known labels are places {found}; there are {len(cards)} categories, from place 0. Leave out labels of other categories.")
    return rows, places


def _unit(rows: Rows) -> Floats:
    """Give rows a length of 1 to 64 bits, so that taking a document out of a sum takes out all of it; an empty row stays so."""
    exact = rows.astype(np.float64)
    return np.asarray(exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), LEAST))


def _chunks(documents: int, width: int) -> Iterator[slice]:
    step = max(1, CELLS // max(1, width))
    return (slice(start, start + step) for start in range(0, documents, step))


def _scores(vectors: Floats, sums: Floats, known: Floats, labels: Ints) -> Floats:
    """Give the cosine of documents with the categories' sums, from which each document itself is taken out: as often as it is there."""
    products = vectors @ sums.T
    own = np.zeros_like(products)
    documents, rows = np.nonzero(vectors @ known.T >= IDENTICAL)
    np.add.at(own, (documents, labels[rows]), 1.0)
    # |s - c x|^2 = |s|^2 - 2 c s.x + c^2 for a document x of length 1 that is c times in the sum s.
    squares = (sums**2).sum(axis=1) - own * (2 * products - own)
    return np.asarray((products - own) / np.sqrt(np.maximum(squares, LEAST)))


def _measured(curve: Floats, n: int, length: int, basis: Basis) -> ShortlistLength:
    recall = float(curve[length - 1])
    return ShortlistLength(length, recall, *wilson(recall, n), n, basis)
