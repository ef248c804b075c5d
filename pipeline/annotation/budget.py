"""What a budget buys: how many documents by which annotator with how many votes, and how good a student they should make.

The trade between many cheap labels and few good ones is that of Mallen and Belrose ("Balancing Label Quantity and Quality
for Scalable Elicitation", 2024): cheap labels pay while there are few, good ones where cheap ones teach nothing more.
What labels are worth, and how a student learns from them, is modelled in `learning_curve`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from pipeline.annotation.learning_curve import CORRELATION, LearningCurve, assumed_curve, ceiling_of, majority_accuracy, skill
from pipeline.trust_records import AnnotatorQuality

__all__ = ["Allotment", "BudgetOption", "Offer", "plan_budget"]

VOTES = (1, 3, 5, 7, 9)


@dataclass(frozen=True)
class Offer:
    """What an annotator's label of one document costs, in the unit of the budget, and how often it is right."""

    annotator_id: str
    cost: float
    accuracy: float
    low: float
    high: float
    ground: str  # what the accuracy was held against

    @classmethod
    def from_quality(cls, quality: AnnotatorQuality, *, cost: float) -> "Offer":
        """Offer an annotator at the quality that was measured."""
        return cls(quality.annotator_id, cost, quality.accuracy, quality.low, quality.high, f"{quality.judge}, n = {quality.n}")


@dataclass(frozen=True)
class Allotment:
    """So many documents for one annotator, each with so many votes."""

    annotator_id: str
    documents: int
    votes: int


@dataclass(frozen=True)
class BudgetOption:
    """One way to spend a budget, and the student's accuracy to be expected of it."""

    allotments: Sequence[Allotment]
    cost: float
    accuracy: float
    low: float
    high: float
    grounds: str

    @property
    def documents(self) -> int:
        """Count the documents that get a label."""
        return sum(allotment.documents for allotment in self.allotments)


def plan_budget(
    offers: Sequence[Offer],
    *,
    budget: float,
    documents: int,
    categories: int,
    curve: LearningCurve | None = None,
    correlation: float | None = None,
    votes: Sequence[int] = VOTES,
    unit: str = "tokens",
) -> list[BudgetOption]:
    """List what the budget buys, the best expected student first: one annotator, or two where the cheaper one runs out of documents.

    Never empty: where nothing can be bought, the one option has no documents and says why.

    :param correlation: of two votes' errors; None where it was not measured, and is assumed.
    """
    _validate(offers, documents, categories, votes)
    chance = 1 / categories
    curve = curve or assumed_curve(categories)
    rho = CORRELATION if correlation is None else correlation
    deals = [_Deal(offer, count, rho, categories) for offer in offers for count in votes]
    bought = [*_alone(deals, budget, documents), *_together(deals, budget, documents)]
    where = f"{rho:g} ({'assumed' if correlation is None else 'measured'})"
    options = [_option(parts, curve, chance, budget, unit, where) for parts in bought]
    nothing = BudgetOption((), 0.0, chance, chance, chance, _reason(deals, budget, documents, unit))
    # Of equals the cheaper one, then the one with fewer votes.
    return sorted(options, key=lambda option: (-option.accuracy, option.cost, sum(part.votes for part in option.allotments))) or [nothing]


class _Deal:
    """One annotator with one number of votes: what a document costs, and what its label is worth."""

    def __init__(self, offer: Offer, votes: int, correlation: float, categories: int) -> None:
        self.offer, self.votes, self.cost = offer, votes, offer.cost * votes
        self.middle, self.low, self.high = (
            (skill(majority_accuracy(value, votes, correlation), 1 / categories) ** 2, ceiling_of(value, correlation, categories))
            for value in (offer.accuracy, offer.low, offer.high)
        )
        self.voted = majority_accuracy(offer.accuracy, votes, correlation)


Parts = Sequence[tuple[_Deal, int]]


def _alone(deals: Sequence[_Deal], budget: float, documents: int) -> Iterator[Parts]:
    """Buy of each deal as much as there is."""
    for deal in deals:
        if count := _affordable(deal.cost, budget, documents):
            yield ((deal, count),)


def _together(deals: Sequence[_Deal], budget: float, documents: int) -> Iterator[Parts]:
    """Label all documents by one deal, and what is left of the budget turns as many as it can over to a better one.

    No other mixture buys more clean labels: what labels are worth adds up, and so do costs.
    """
    for cheap, good in permutations(deals, 2):
        better = good.cost > cheap.cost and good.middle[0] > cheap.middle[0] and good.middle[1] >= cheap.middle[1]
        if better and cheap.cost * documents < budget < good.cost * documents:
            turned = _affordable(good.cost - cheap.cost, budget - cheap.cost * documents, documents - 1)
            if turned and cheap.cost * (documents - turned) + good.cost * turned <= budget:
                yield ((cheap, documents - turned), (good, turned))


def _affordable(cost: float, budget: float, documents: int) -> int:
    if budget < 0 or cost <= 0:
        return documents if budget >= 0 else 0
    count = min(documents, math.floor(budget / cost)) if budget / cost < documents else documents
    return count if count * cost <= budget else count - 1  # the division may have been rounded up


def _option(parts: Parts, curve: LearningCurve, chance: float, budget: float, unit: str, correlation: str) -> BudgetOption:
    """Expect a student of some labels, with the least and the most that the intervals allow."""
    accuracy, clean = _expect([(count, deal.middle) for deal, count in parts], curve, chance)
    low, few = _expect([(count, deal.low) for deal, count in parts], curve, chance)
    high, many = _expect([(count, deal.high) for deal, count in parts], curve, chance)
    cost = sum(deal.cost * count for deal, count in parts)
    said = [_said(deal, count, unit, correlation) for deal, count in parts]
    said.append(f"Together {_amount(cost)} of {_amount(budget)} {unit}, worth {clean:,.0f} clean labels; {curve.ground}.")
    return BudgetOption(
        tuple(Allotment(deal.offer.annotator_id, count, deal.votes) for deal, count in parts),
        cost,
        accuracy,
        max(0.0, min(low - curve.doubt(few), accuracy)),
        min(1.0, max(high + curve.doubt(many), accuracy)),
        " ".join(said),
    )


def _expect(parts: Sequence[tuple[int, tuple[float, float]]], curve: LearningCurve, chance: float) -> tuple[float, float]:
    """Give the accuracy to be expected, and the clean labels that all are worth."""
    clean = sum(count * worth for count, (worth, _) in parts)
    ceiling = sum(count * worth * top for count, (worth, top) in parts) / clean if clean else chance
    return curve.accuracy(clean, chance=chance, ceiling=ceiling), clean


def _said(deal: _Deal, count: int, unit: str, correlation: str) -> str:
    offer = deal.offer
    said = f"{count:,} documents by {offer.annotator_id} at {_amount(deal.cost)} {unit} each, right {offer.accuracy:.3f}"
    said += f" ({offer.low:.3f} to {offer.high:.3f}; {offer.ground})"
    if deal.votes > 1:
        said += f", by {deal.votes} votes {deal.voted:.3f} at a correlation of {correlation}"
    return f"{said}."


def _reason(deals: Sequence[_Deal], budget: float, documents: int, unit: str) -> str:
    if not deals:
        return "No annotator is known, so that nothing can be planned."
    if not documents:
        return "There are no documents to label."
    cheapest = min(deals, key=lambda deal: deal.cost)
    return f"{_amount(budget)} {unit} buy no label: the cheapest, by {cheapest.offer.annotator_id}, costs {_amount(cheapest.cost)}."


def _amount(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00")


def _validate(offers: Sequence[Offer], documents: int, categories: int, votes: Sequence[int]) -> None:
    wrong = [f"{offer.annotator_id} costs {offer.cost:g}" for offer in offers if offer.cost < 0]
    wrong += [f"{offer.annotator_id} is right {offer.low:g}, {offer.accuracy:g}, {offer.high:g}" for offer in offers if not _ordered(offer)]
    wrong += [f"{count} votes" for count in votes if count < 1 or count % 2 == 0]
    wrong += [f"{documents} documents"] if documents < 0 else []
    wrong += [f"{categories} categories"] if categories < 2 else []
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}: costs are at least 0, 0 <= low <= accuracy <= high <= 1, votes odd, at least 2 categories.")


def _ordered(offer: Offer) -> bool:
    return 0 <= offer.low <= offer.accuracy <= offer.high <= 1
