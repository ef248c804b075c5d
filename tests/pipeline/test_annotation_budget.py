"""The planner never spends more than there is, buys no worse for more, and says what its expectation rests on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.budget import Allotment, Offer, plan_budget
from pipeline.annotation.learning_curve import LearningPoint, assumed_curve, ceiling_of, fit_curve, majority_accuracy, skill
from pipeline.trust_records import AnnotatorQuality

CHEAP = Offer("annotator:small", 1.0, 0.7, 0.65, 0.75, "gold, n = 200")
GOOD = Offer("annotator:large", 10.0, 0.9, 0.86, 0.93, "gold, n = 200")
PERSON = Offer("annotator:person", 300.0, 0.97, 0.93, 0.99, "a second person, n = 100")
SHARES = st.floats(0, 1)
OFFERS = st.lists(
    st.builds(
        lambda cost, shares: Offer("annotator:any", cost, shares[1], shares[0], shares[2], "gold, n = 50"),
        st.floats(0, 100),
        st.tuples(SHARES, SHARES, SHARES).map(sorted),
    ),
    max_size=3,
)


@given(OFFERS, st.floats(0, 1e5), st.integers(0, 3000), st.integers(2, 100), st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_no_option_exceeds_the_budget_or_the_documents(
    offers: list[Offer], budget: float, documents: int, categories: int, correlation: float
) -> None:
    options = plan_budget(offers, budget=budget, documents=documents, categories=categories, correlation=correlation)
    assert options
    for option in options:
        assert option.cost <= budget
        assert option.documents <= documents
        assert 0 <= option.low <= option.accuracy <= option.high <= 1
        assert option.grounds
        assert all(allotment.documents > 0 for allotment in option.allotments)
    assert [option.accuracy for option in options] == sorted((option.accuracy for option in options), reverse=True)


@given(OFFERS, st.floats(0, 1e5), st.floats(1, 30), st.integers(1, 3000), st.integers(2, 100), st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_more_budget_never_buys_a_worse_student(
    offers: list[Offer], budget: float, times: float, documents: int, categories: int, correlation: float
) -> None:
    less, more = (
        plan_budget(offers, budget=amount, documents=documents, categories=categories, correlation=correlation)[0]
        for amount in (budget, budget * times)
    )
    assert more.accuracy >= less.accuracy - 1e-12


@given(OFFERS, st.floats(0, 1e5), st.integers(1, 3000), st.integers(2, 100))
@settings(deadline=None, max_examples=50)
def test_a_free_perfect_annotator_is_always_chosen(offers: list[Offer], budget: float, documents: int, categories: int) -> None:
    oracle = Offer("annotator:oracle", 0.0, 1.0, 1.0, 1.0, "by definition")
    best = plan_budget([*(offer for offer in offers if offer.cost), oracle], budget=budget, documents=documents, categories=categories)[0]
    assert best.allotments == (Allotment("annotator:oracle", documents, 1),)
    assert best.cost == 0


@pytest.mark.parametrize(
    ("offers", "budget", "documents", "reason"),
    [
        ([CHEAP, GOOD], 0, 100, "0 tokens buy no label: the cheapest, by annotator:small, costs 1."),
        ([GOOD], 9.5, 100, "9.50 tokens buy no label"),
        ([], 100, 100, "No annotator is known"),
        ([CHEAP], 100, 0, "no documents to label"),
    ],
)
def test_where_nothing_can_be_bought_the_reason_is_given(offers: list[Offer], budget: float, documents: int, reason: str) -> None:
    (option,) = plan_budget(offers, budget=budget, documents=documents, categories=4)
    assert (option.documents, option.cost, option.accuracy) == (0, 0.0, 0.25)
    assert reason in option.grounds


def test_cheap_labels_pay_first_then_better_ones_then_the_best() -> None:
    def chosen(budget: float) -> tuple[str, ...]:
        best = plan_budget([CHEAP, GOOD, PERSON], budget=budget, documents=1000, categories=8)[0]
        return tuple(allotment.annotator_id.removeprefix("annotator:") for allotment in best.allotments)

    assert [chosen(budget) for budget in (100, 10_000, 150_000, 300_000)] == [("small",), ("large",), ("large", "person"), ("person",)]


def test_what_one_annotator_leaves_is_spent_on_a_better_one() -> None:
    best = plan_budget([CHEAP, GOOD], budget=5_500, documents=1000, categories=8, votes=(1,))
    together = next(option for option in best if len(option.allotments) == 2)
    assert together.allotments == (Allotment("annotator:small", 500, 1), Allotment("annotator:large", 500, 1))
    assert together.cost == 5_500


def test_the_grounds_say_what_was_measured_and_what_is_assumed() -> None:
    options = plan_budget([CHEAP], budget=3000, documents=1000, categories=8, votes=(3,), unit="euro")
    grounds = options[0].grounds
    for said in ("1,000 documents by annotator:small at 3 euro each", "right 0.700 (0.650 to 0.750; gold, n = 200)", "correlation of 0.5 (assumed)"):
        assert said in grounds
    assert "learning curve assumed, not measured" in grounds
    assert "(measured)" in plan_budget([CHEAP], budget=3000, documents=1000, categories=8, votes=(3,), correlation=0.3)[0].grounds


def test_an_offer_is_made_of_what_was_measured() -> None:
    quality = AnnotatorQuality("tax:1", "annotator:1", 0.8, 0.74, 0.85, 200, "gold")
    assert Offer.from_quality(quality, cost=12) == Offer("annotator:1", 12, 0.8, 0.74, 0.85, "gold, n = 200")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"offers": [Offer("a", -1, 0.5, 0.4, 0.6, "")]}, "a costs -1"),
        ({"offers": [Offer("a", 1, 0.5, 0.6, 0.7, "")]}, "a is right 0.6, 0.5, 0.7"),
        ({"votes": (2,)}, "2 votes"),
        ({"categories": 1}, "1 categories"),
        ({"documents": -1}, "-1 documents"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plan_budget(**{"offers": [CHEAP], "budget": 10, "documents": 10, "categories": 4, **arguments})  # type: ignore[arg-type]


@given(st.floats(0.5, 1), st.sampled_from([1, 3, 5, 7]), st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_votes_help_the_more_the_less_they_correlate(accuracy: float, votes: int, correlation: float) -> None:
    voted = majority_accuracy(accuracy, votes, correlation)
    assert accuracy - 1e-9 <= voted <= max(ceiling_of(accuracy, correlation, 2), accuracy) + 1e-9
    assert majority_accuracy(accuracy, votes, 0) >= voted - 1e-9
    assert majority_accuracy(accuracy, votes, 1) == accuracy


def test_the_majority_of_three_independent_votes_is_the_binomial() -> None:
    assert majority_accuracy(0.8, 3, 0) == pytest.approx(0.8**3 + 3 * 0.8**2 * 0.2)


def test_two_categories_have_the_worth_of_the_literature() -> None:
    assert skill(0.8, 0.5) == pytest.approx(1 - 2 * 0.2)
    assert skill(0.3, 0.5) == 0.0


def test_a_curve_is_found_again_from_its_own_points() -> None:
    true = assumed_curve(8)
    sizes = (50, 100, 200, 400, 800)
    points = [LearningPoint(n, 0.0, 0.95 - 0.825 / math.sqrt(1 + n / 40)) for n in sizes]
    fitted = fit_curve(points, accuracy=1.0, categories=8)
    for n, point in zip(sizes, points, strict=True):
        assert fitted.accuracy(n, chance=1 / 8) == pytest.approx(point.accuracy, abs=0.02)
    assert fitted.accuracy(1600, chance=1 / 8) == pytest.approx(0.95 - 0.825 / math.sqrt(1 + 1600 / 40), abs=0.03)
    assert abs(true.accuracy(100, chance=1 / 8) - 0.95 + 0.825 / math.sqrt(3.5)) > 0.02  # the assumed one would not do
    assert "fitted on 5 students of up to 800 labels, judged by gold" in fitted.ground
    assert fitted.margin < true.margin
    assert fitted.doubt(3200) == pytest.approx(3 * fitted.margin)


def test_the_assumed_curve_allows_what_was_measured_on_the_demo() -> None:
    # 225 labels of 18 categories, right 0.544 (0.503 to 0.597); the student was right 0.616 of the time.
    offer = Offer("annotator:demo", 1, 0.544, 0.503, 0.597, "gold, n = 360")
    (option,) = plan_budget([offer], budget=225, documents=225, categories=18, votes=(1,))
    assert option.low <= 0.616 <= option.high
    assert option.high - option.low < 0.5


def test_one_point_moves_the_curve_and_none_leaves_it() -> None:
    assumed = assumed_curve(4)
    assert fit_curve([], accuracy=0.8, categories=4) == assumed
    assert fit_curve([LearningPoint(200, 0.5)], accuracy=0.2, categories=4) == assumed  # labels no better than chance teach nothing
    low = fit_curve([LearningPoint(200, 0.6, 0.5)], accuracy=1.0, categories=4)
    assert low.accuracy(200, chance=0.25) == pytest.approx(0.5, abs=0.03)


def test_agreement_stands_in_where_there_is_no_gold() -> None:
    rng = np.random.default_rng(0)
    right, agrees = rng.random(200_000) < 0.8, rng.random(200_000) < 0.7
    # Where both are wrong in one of three ways, or the student is right where the annotator is not.
    student_right = np.where(agrees, right, ~right & (rng.random(200_000) < 1 / 3))
    by_agreement = fit_curve([LearningPoint(300, 0.7)], accuracy=0.8, categories=4)
    by_gold = fit_curve([LearningPoint(300, 0.7, float(student_right.mean()))], accuracy=0.8, categories=4)
    assert by_agreement.top == pytest.approx(by_gold.top, abs=0.01)
    assert "agreement with the annotator" in by_agreement.ground
