"""Frozen records of what is wrong with labels: single mistakes by kind, and the pairs of categories that are confused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

__all__ = ["KINDS", "Kind", "Mistake", "TieBreaker"]

Kind = Literal["gold wrong", "several right", "document unclear", "definition unclear", "model slip", "label wrong"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Mistake:
    """A label that is not what gold says, sorted by what most probably is at fault, with the evidence for it."""

    evaluation_id: str
    subject: str  # whose label it is: teacher or student
    text_hash: str
    kind: Kind
    category_id: str | None  # the label; None where none was given
    gold: str  # as in documents.gold
    gold_category: str | None  # category that stands for it; None where none does
    probability: float | None  # of the label, 0 to 1
    suspicion: float  # that gold itself is wrong, 0 to 1, by classifiers that did not see it
    rank: int  # 1 is the worst of the subject
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class TieBreaker:
    """Two categories that are confused, how often, and a sentence that may tell them apart: a proposal, for a person to take over."""

    evaluation_id: str
    category_id: str
    other_id: str
    confusions: int  # texts of the one that bear the other, both ways
    by_chance: float  # of these, that would be so if wrong labels fell by category shares alone
    n: int  # texts of both by gold
    sentence: str  # empty where none was made
    source: str  # model, cues, or why there is none
