"""A shortlist holds the true category as often as was promised, whatever order documents and labels come in."""

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.shortlist import (
    CARD,
    ShortlistLength,
    card_texts,
    choose_length,
    length_as_given,
    rank_categories,
    recall_curve,
    recall_points,
    shortlist_for,
)
from pipeline.intervals import wilson
from pipeline.records import Category

Rows = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.intp]
EAST, NORTH, UP = np.eye(3)


def unit(*rows: Any) -> Rows:
    matrix = np.asarray(rows, dtype=np.float64)
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


def places(*numbers: int) -> Ints:
    return np.asarray(numbers, dtype=np.intp)


@st.composite
def corpora(draw: st.DrawFn) -> tuple[Rows, Rows, Rows, Ints]:
    """Draw documents, cards, known documents and their labels from few directions, so that ties and repeats are frequent."""
    row = st.lists(st.integers(-2, 2), min_size=3, max_size=3).filter(any)
    vectors, cards = (unit(*draw(st.lists(row, min_size=1, max_size=6))) for _ in range(2))
    known = draw(st.lists(st.tuples(row, st.integers(0, len(cards) - 1)), min_size=1, max_size=8))
    return vectors, cards, unit(*(one for one, _ in known)), places(*(label for _, label in known))


def random_ranks(documents: int, categories: int, seed: int = 0) -> Ints:
    return np.argsort(np.random.default_rng(seed).random((documents, categories)), axis=1)


RANKS = st.tuples(st.integers(1, 30), st.integers(1, 8), st.integers(0, 99)).map(lambda sizes: random_ranks(*sizes))


def test_a_card_is_its_name_description_and_cues() -> None:
    cards = [
        Category("c:1", "Refunds", "wants money back", cues=("refund", "charged twice")),
        Category("c:2", "Refunds", ""),
        Category("c:3", "A", "b"),
    ]
    assert card_texts(cards) == ["Refunds: wants money back (refund, charged twice)", "Refunds", "A: b"]


def test_without_known_labels_categories_are_ranked_by_their_cards_and_ties_by_place() -> None:
    cards = unit(UP, EAST, EAST, NORTH)
    assert rank_categories(unit(EAST, [1, 2, 0]), cards).tolist() == [[1, 2, 0, 3], [3, 1, 2, 0]]


def test_labelled_neighbours_correct_a_card_that_misleads() -> None:
    cards = unit(EAST, NORTH)
    document = unit([3, 2, 0])
    assert rank_categories(document, cards).tolist() == [[0, 1]]
    known = unit([3, 2, 1], [3, 2, -1], [3, 2, 0.5])
    assert rank_categories(document, cards, known=known, known_labels=places(1, 1, 1)).tolist() == [[1, 0]]


def test_a_score_worked_by_hand() -> None:
    """North's card, counted twice, and a document to the east lie along (1, 2): a cosine of 3 / sqrt(10) with a document along (1, 1)."""
    expected = (1 + CARD) / np.sqrt(1 + CARD**2) / np.sqrt(2)
    rivals = [expected - 0.001, expected + 0.001]
    cards = unit(NORTH, *([np.cos(np.arccos(rival) + np.pi / 4), np.sin(np.arccos(rival) + np.pi / 4), 0] for rival in rivals))
    assert rank_categories(unit([1, 1, 0]), cards, known=unit(EAST), known_labels=places(0)).tolist() == [[2, 0, 1]]


def test_a_category_without_labels_keeps_up_with_those_that_have_some() -> None:
    cards, known = unit(EAST, NORTH, UP), unit([3, 1, 1], [3, 1, -1], [1, 3, 1])
    ranks = rank_categories(unit([1, 1, 5]), cards, known=known, known_labels=places(0, 0, 1))
    assert ranks[0, 0] == 2


@given(corpora())
@settings(max_examples=50, deadline=None)
def test_a_document_is_never_its_own_neighbour(corpus: tuple[Rows, Rows, Rows, Ints]) -> None:
    _, cards, known, labels = (*corpus[:2], corpus[2].astype(np.float32), corpus[3])
    ranks = rank_categories(known, cards, known=known, known_labels=labels)
    for place, row in enumerate(known):
        others = ~(known @ row >= 1 - 1e-6)
        assert ranks[place].tolist() == rank_categories(row[None], cards, known=known[others], known_labels=labels[others])[0].tolist()


@given(corpora(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_permuting_documents_permutes_rows_and_permuting_known_ones_changes_nothing(corpus: tuple[Rows, Rows, Rows, Ints], random: Any) -> None:
    vectors, cards, known, labels = corpus
    ranks = rank_categories(vectors, cards, known=known, known_labels=labels)
    order, other = (np.asarray(random.sample(range(size), size), dtype=np.intp) for size in (len(vectors), len(known)))
    again = rank_categories(vectors[order], cards, known=known[other], known_labels=labels[other])
    assert again.tolist() == ranks[order].tolist()
    assert all(sorted(row) == list(range(len(cards))) for row in ranks.tolist())


def test_chunks_change_no_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    vectors, cards = unit(*random.normal(size=(50, 8))), unit(*random.normal(size=(7, 8)))
    labels = random.integers(0, 7, 50)
    whole = rank_categories(vectors, cards, known=vectors, known_labels=labels)
    monkeypatch.setattr("pipeline.annotation.shortlist.CELLS", 200)
    assert rank_categories(vectors, cards, known=vectors, known_labels=labels).tolist() == whole.tolist()


def test_a_thousand_categories_take_no_more_memory_for_more_documents() -> None:
    random = np.random.default_rng(2)
    cards, known = unit(*random.normal(size=(1000, 16))), unit(*random.normal(size=(1000, 16)))
    labels = random.integers(0, 1000, 1000)

    def beside_the_result(documents: int) -> int:
        vectors = unit(*random.normal(size=(documents, 16)))
        tracemalloc.start()
        ranks = rank_categories(vectors, cards, known=known, known_labels=labels)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert ranks.shape == (documents, 1000)
        return peak - ranks.nbytes

    assert beside_the_result(5000) < 1.2 * beside_the_result(1000)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "Found 2 known documents and 0 labels"),
        (places(0), "2 known documents and 1 labels"),
        (places(0, 2), "places 0 to 2; there are 2 categories"),
    ],
)
def test_labels_that_do_not_match_are_refused(labels: Ints | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank_categories(unit(EAST), unit(EAST, NORTH), known=unit(EAST, UP), known_labels=labels)


def test_recall_is_the_share_of_documents_with_their_place_so_far() -> None:
    ranks = np.asarray([[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1]])
    assert recall_curve(ranks, places(0, 0, 0, 0)).tolist() == [0.5, 0.75, 1.0]
    assert recall_curve(ranks, places(0, 0, 0, -1)).tolist() == [0.25, 0.5, 0.75], "what is no category is never found"


@given(RANKS, st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_recall_never_falls_and_ends_at_one(ranks: Ints, seed: int) -> None:
    truth = np.random.default_rng(seed).integers(0, ranks.shape[1], len(ranks))
    curve = recall_curve(ranks, truth)
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] == 1.0
    by_hand = [np.mean([place in row[:length] for place, row in zip(truth, ranks, strict=True)]) for length in range(1, ranks.shape[1] + 1)]
    assert curve.tolist() == pytest.approx(by_hand)


@pytest.mark.parametrize(("documents", "truths"), [(0, 0), (3, 2)])
def test_recall_of_nothing_is_refused(documents: int, truths: int) -> None:
    with pytest.raises(ValueError, match=f"Found {documents} ranked documents and {truths} true places"):
        recall_curve(random_ranks(documents, 4), np.zeros(truths, dtype=np.intp))


def found_at(*counts: int) -> tuple[Ints, Ints]:
    """Make ranks and truth such that so many documents have their place first, second and so on."""
    truth = places(*(place for place, count in enumerate(counts) for _ in range(count)))
    return np.tile(np.arange(len(counts)), (len(truth), 1)), truth


def test_with_enough_documents_the_interval_has_to_keep_the_promise() -> None:
    ranks, truth = found_at(850, 60, 60, 30)
    assert wilson(0.91, 1000)[0] < 0.9 < wilson(0.97, 1000)[0]
    assert choose_length(ranks, truth, promised=0.9) == ShortlistLength(3, 0.97, *wilson(0.97, 1000), 1000, "interval")


def test_with_too_few_documents_the_recall_itself_has_to() -> None:
    ranks, truth = found_at(17, 2, 1)
    assert wilson(1.0, 20)[0] < 0.9
    assert choose_length(ranks, truth, promised=0.9) == ShortlistLength(2, 0.95, *wilson(0.95, 20), 20, "recall")


@pytest.mark.parametrize(("documents", "basis"), [(124, "recall"), (125, "interval")])
def test_a_recall_of_097_takes_125_documents(documents: int, basis: str) -> None:
    assert choose_length(*found_at(documents, 0), promised=0.97).basis == basis


def test_all_categories_are_shown_where_no_length_keeps_the_promise() -> None:
    ranks, truth = found_at(850, 60, 60, 30)
    assert choose_length(ranks, truth, promised=0.9, most=2) == ShortlistLength(4, 1.0, *wilson(1.0, 1000), 1000, "all")
    truth[:200] = -1
    assert choose_length(ranks, truth, promised=0.9) == ShortlistLength(4, 0.8, *wilson(0.8, 1000), 1000, "all")


@given(RANKS, st.integers(0, 99), st.floats(0.05, 0.99))
@settings(max_examples=50, deadline=None)
def test_the_length_is_the_least_that_keeps_the_promise(ranks: Ints, seed: int, promised: float) -> None:
    truth = np.random.default_rng(seed).integers(0, ranks.shape[1], len(ranks))
    chosen = choose_length(ranks, truth, promised=promised)

    def kept(length: int) -> float:
        measured = length_as_given(ranks, truth, length)
        return measured.low if chosen.basis == "interval" else measured.recall

    assert kept(chosen.length) >= promised
    assert chosen.length == 1 or kept(chosen.length - 1) < promised


def test_a_given_length_is_measured_as_it_is() -> None:
    ranks, truth = found_at(15, 3, 2)
    assert length_as_given(ranks, truth, 2) == ShortlistLength(2, 0.9, *wilson(0.9, 20), 20, "given")
    assert length_as_given(ranks, truth, 9).length == 3


def test_the_stored_curve_has_a_point_wherever_recall_rises() -> None:
    ranks, truth = found_at(0, 15, 0, 5, 0)
    points = recall_points(ranks, truth, subject_id="annotator:1")
    assert [(point.position, point.x, point.y) for point in points] == [(0, 1.0, 0.0), (1, 2.0, 0.75), (2, 4.0, 1.0), (3, 5.0, 1.0)]
    assert {(point.subject_id, point.curve, point.n) for point in points} == {("annotator:1", "shortlist_recall", 20)}
    assert [(point.low, point.high) for point in points] == [wilson(point.y, 20) for point in points]


CATEGORIES = tuple(Category(f"c:{place}", f"name {place}", "") for place in range(5))


def test_a_shortlist_is_in_the_order_of_the_taxonomy() -> None:
    assert shortlist_for(places(4, 0, 2, 1, 3), 3, CATEGORIES) == (CATEGORIES[0], CATEGORIES[2], CATEGORIES[4])
    assert shortlist_for(places(2, 4, 0, 3, 1), 3, CATEGORIES) == shortlist_for(places(4, 0, 2, 1, 3), 3, CATEGORIES)
    with pytest.raises(ValueError, match="ranks are of 3 categories and 5 were given"):
        shortlist_for(places(2, 0, 1), 2, CATEGORIES)
