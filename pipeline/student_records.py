"""Frozen records of students beside the student itself: the candidates it was chosen from, and when it was taken into use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Promotion", "StudentTrial"]


@dataclass(frozen=True)
class StudentTrial:
    """How one candidate did on labels that it had not seen, when a student was chosen."""

    classifier_id: str
    candidate: str
    chosen: bool
    agreement: float  # mean probability, by the teacher, of what it predicted, 0 to 1
    low: float
    high: float
    n: int
    log_loss: float  # nats a document
    seconds: float
    settings: Mapping[str, Any]  # by voice


@dataclass(frozen=True)
class Promotion:
    """A decision to take a student into use, or not to; `facet` is empty for the project's own use case."""

    classifier_id: str
    previous_id: str | None
    facet: str
    promoted: bool
    decided_by: Literal["rule", "person"]
    reason: str
