"""Frozen records of what a model was asked about a label, and what it said."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Judgement", "JudgementQuestion"]

JudgementQuestion = Literal["against_random", "against_hard", "relevance"]


@dataclass(frozen=True)
class Judgement:
    """One answer of one judge about the label of one text.

    `verdict` is True where the label won against `other_id`: a wrong label, or a placebo, which says nothing of what the text is about.
    It is None where there is no usable answer, and `reason` says why.
    """

    judgement_id: str  # hash of what was asked of whom
    model: str
    prompt: str
    text_hash: str
    taxonomy_id: str
    category_id: str
    question: JudgementQuestion
    other_id: str  # the label beside it, or placebo: and a name
    place: int  # of the label among the two: 0 first, 1 second
    repeat: int
    verdict: bool | None = None
    probability: float | None = None  # of the label
    reason: str | None = None
