"""Yes and no to single definitions: few questions stand for all pairs without bias, and what a model says comes out in the figures."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.definition_design import FEWEST, NEAR, OWN, Design, Pair, expected_questions, first_pairs, groups, make_design, second_pairs
from pipeline.evaluation.definitions import Told, confusable, definition_findings
from pipeline.evaluation.group_shares import Part, group_share
from pipeline.evaluation.metrics import Figure, share

Flags = npt.NDArray[np.bool_]
Answer = Callable[[int, int], bool | None]
CATEGORIES = [f"cat:{number}" for number in range(9)]
NAMES = {category: f"Name {category}" for category in CATEGORIES}


def labels_of(count: int) -> dict[str, str | None]:
    return {f"text:{place}": CATEGORIES[place % len(CATEGORIES)] for place in range(count)}


def asked(order: list[int], answer: Answer, labels: Mapping[str, str | None], likeness: npt.NDArray[np.float64]) -> Told:
    """Ask a model that is a function of document and category, in two phases, as the stage does."""
    texts = [f"text:{place}" for place in order]
    rows = {text: likeness[place] for text, place in zip(texts, order, strict=True)}
    design = make_design(texts, rows, labels, categories=CATEGORIES)
    known: dict[Pair, bool | None] = {}

    def say(pairs: list[Pair]) -> None:
        known.update({(text, category): answer(int(text[5:]), CATEGORIES.index(category)) for text, category in pairs})

    say(first_pairs(design))
    say(second_pairs(design, known))
    return Told(design, known, labels, "a model", 0)


def figures(told: Told) -> dict[tuple[str, str], Figure]:
    return {(one.metric, one.slice): one.figure for one in definition_findings(told, NAMES)}


def random_likeness(count: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(1).random((count, len(CATEGORIES)))


def test_the_figures_of_part_of_the_pairs_are_those_of_all_pairs_on_average() -> None:
    generator, count = np.random.default_rng(3), 48
    truth = generator.random((count, len(CATEGORIES))) < np.linspace(0.02, 0.35, count)[:, None]
    labels = labels_of(count)
    likeness = truth + generator.random((count, len(CATEGORIES))) * 1.5  # nearness says something of what fits, as it does
    overlap = float((truth.sum(axis=1) > 1).mean())
    outside = [np.array([labels[f"text:{place}"] != category for place in range(count)]) for category in CATEGORIES]
    spills = [float(truth[rows, place].mean()) for place, rows in enumerate(outside)]
    found: list[list[float]] = []
    questions = []
    for _ in range(400):
        told = asked([int(place) for place in generator.permutation(count)], lambda row, column: bool(truth[row, column]), labels, likeness)
        of_one = figures(told)
        assert of_one["gap", "all"] == share([bool(row) for row in ~truth.any(axis=1)]), "this is known of each document"
        found.append([of_one["overlap", "all"].value, *(of_one["spill_over", f"category={NAMES[one]}"].value for one in CATEGORIES)])
        questions.append(len(told.known))
    means, errors = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    away = np.abs(means - [overlap, *spills])
    assert away[0] <= 4 * errors[0]
    assert np.all(away[1:] <= 4 * errors[1:] + 0.005), "where nobody of a small group was asked, the others stand for it"
    assert max(questions) < 0.75 * truth.size


@given(st.integers(0, 10_000), st.integers(2, NEAR), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_few_categories_are_all_asked_about_and_the_figures_are_those_counted_by_hand(seed: int, size: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.random((count, size)) < 0.4
    categories, texts = CATEGORIES[:size], [f"text:{place}" for place in range(count)]
    labels: dict[str, str | None] = {text: categories[int(generator.integers(size))] for text in texts}
    design = make_design(texts, {text: generator.random(size) for text in texts}, labels, categories=categories)
    known: dict[Pair, bool | None] = {
        (text, category): bool(truth[row, column]) for row, text in enumerate(texts) for column, category in enumerate(categories)
    }
    assert set(first_pairs(design)) == set(known)
    assert not second_pairs(design, known)
    found = figures(Told(design, known, labels, "a model", 0))
    fitting = truth.sum(axis=1)
    own = [bool(truth[row, categories.index(labels[text] or "")]) for row, text in enumerate(texts)]
    assert found["gap", "all"] == share([bool(row) for row in fitting == 0])
    assert found["definition_recall", "all"] == share(own)
    assert found["overlap", "all"].value == pytest.approx((fitting > 1).mean())
    for column, category in enumerate(categories):
        others = [row for row, text in enumerate(texts) if labels[text] != category]
        if others:
            assert found["spill_over", f"category={NAMES[category]}"].value == pytest.approx(truth[others, column].mean())


@pytest.mark.parametrize(
    ("model", "gap", "overlap", "recall", "spill"),
    [
        (lambda row, column: row % len(CATEGORIES) == column, 0, 0, 1, 0),
        (lambda row, column: True, 0, 1, 1, 1),
        (lambda row, column: False, 1, 0, 0, 0),
        (lambda row, column: row % len(CATEGORIES) == column and column != 2, 4 / 36, 0, 32 / 36, 0),
        (lambda row, column: row % len(CATEGORIES) in {column, column - 1}, 0, 32 / 36, 1, 32 / 36 / 8),
    ],
    ids=["perfect", "always yes", "always no", "one definition refuses all", "each takes those of the one before"],
)
def test_what_a_model_says_comes_out(model: Answer, gap: float, overlap: float, recall: float, spill: float) -> None:
    found = figures(asked(list(range(36)), model, labels_of(36), random_likeness(36)))
    assert found["gap", "all"].value == pytest.approx(gap)
    assert found["definition_recall", "all"].value == pytest.approx(recall)
    if spill in {0, 1}:  # exact whatever was drawn
        assert (found["overlap", "all"].value, found["spill_over", "all"].value) == (overlap, spill)
    for metric, value in (("overlap", overlap), ("spill_over", spill)):
        assert found[metric, "all"].low <= value <= found[metric, "all"].high


def test_a_model_that_answers_at_random_accepts_as_many_of_the_others_documents_as_of_its_own() -> None:
    generator = np.random.default_rng(5)
    found = figures(asked(list(range(180)), lambda row, column: bool(generator.random() < 0.5), labels_of(180), random_likeness(180)))
    recall, spill = found["definition_recall", "all"], found["spill_over", "all"]
    assert recall.low <= 0.5 <= recall.high
    assert spill.low <= 0.5 <= spill.high
    assert abs(recall.value - spill.value) < 0.15


def test_a_definition_that_takes_the_documents_of_another_is_named_with_it() -> None:
    told = asked(
        list(range(36)),
        lambda row, column: row % len(CATEGORIES) == column or (row % len(CATEGORIES), column) == (3, 7),
        labels_of(36),
        np.eye(len(CATEGORIES))[np.arange(36) % len(CATEGORIES)] + np.eye(len(CATEGORIES))[7] / 2,
    )
    pair = confusable(told)[0]
    assert (pair.category_id, pair.other_id) == ("cat:3", "cat:7")
    assert (pair.figure.value, pair.figure.n) == (1.0, 4)
    assert figures(told)["spilled_on", "category=Name cat:3 other=Name cat:7"] == pair.figure


def test_what_was_not_answered_counts_in_no_share_but_its_own() -> None:
    def model(row: int, column: int) -> bool | None:
        return None if row < 6 else row % len(CATEGORIES) == column

    found = figures(asked(list(range(36)), model, labels_of(36), random_likeness(36)))
    assert found["unanswered", "all"].value > 0.1
    assert (found["gap", "all"].value, found["gap", "all"].n) == (0.0, 30)
    assert (found["definition_recall", "all"].value, found["definition_recall", "all"].n) == (1.0, 30)


def test_the_definition_of_a_documents_label_is_always_asked_about_and_rare_labels_get_documents_of_their_own() -> None:
    labels = labels_of(60)
    texts, more = [f"text:{place}" for place in range(12)], [f"text:{place}" for place in range(12, 60)]
    design = make_design(texts, {text: random_likeness(60)[place] for place, text in enumerate(texts)}, labels, categories=CATEGORIES, more=more)
    assert all(labels[text] in near and len(near) == NEAR for text, near in design.near.items())
    counts = {category: sum(labels[text] == category for text in (*texts, *design.own)) for category in CATEGORIES}
    assert set(counts.values()) == {OWN}
    assert {pair for pair in first_pairs(design) if pair[0] in design.own} == set(design.own.items())


def test_categories_are_asked_about_one_after_the_other() -> None:
    design = make_design(["a", "b"], {"a": np.arange(9.0), "b": -np.arange(9.0)}, {}, categories=CATEGORIES)
    places = [CATEGORIES.index(category) for _, category in first_pairs(design)]
    assert places == sorted(places)


def test_each_group_is_asked_about_in_part_but_gaps_are_asked_about_as_a_whole() -> None:
    near = {f"text:{place}": frozenset(CATEGORIES[:4]) for place in range(60)}
    design = Design(tuple(CATEGORIES), near, {})
    known = {(text, category): int(text[5:]) % 3 > CATEGORIES.index(category) for text, row in near.items() for category in row}
    none, one, several = groups(design, known)
    assert none.whole == none.texts
    assert all(FEWEST <= len(group.whole) < len(group.texts) == 20 for group in (one, several))


def test_a_plan_of_the_questions_is_near_what_is_asked() -> None:
    told = asked(list(range(45)), lambda row, column: row % len(CATEGORIES) == column and row > 6, labels_of(45), random_likeness(45))
    assert len(told.known) == pytest.approx(expected_questions(45, len(CATEGORIES)), rel=0.2)


def test_nothing_asked_is_nothing_found() -> None:
    assert not definition_findings(Told(Design(tuple(CATEGORIES), {}, {}), {}, {}, "a model", 0), NAMES)
    assert group_share([Part(3, [])], seed=1) is None


def test_the_interval_of_a_share_by_groups_holds_the_truth_as_often_as_it_says() -> None:
    generator, held, rounds = np.random.default_rng(7), 0, 400
    rates, truth = np.array([1.0, 0.3, 0.05]), 0.2 * 1.0 + 0.5 * 0.3 + 0.3 * 0.05
    for number in range(rounds):
        sizes = generator.multinomial(60, [0.2, 0.5, 0.3])
        hits = [generator.random(size) < rate for size, rate in zip(sizes, rates, strict=True)]
        parts = [Part(int(size), [float(hit) for hit in of_one[: max(4, size // 3)]]) for size, of_one in zip(sizes, hits, strict=True)]
        figure = group_share(parts, seed=number)
        assert figure is not None
        held += figure.low <= truth <= figure.high
    assert held / rounds > 0.92


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=6), min_size=1, max_size=4), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_share_by_groups_lies_within_its_interval_and_that_within_0_and_1(parts: list[list[float]], more: int) -> None:
    figure = group_share([Part(len(found) + more, found) for found in parts], seed=2)
    assert figure is not None
    assert -1e-9 <= figure.low <= figure.value <= figure.high <= 1 + 1e-9
    assert figure.high - figure.low > 0.05
