"""Frozen records of students beside the student itself: its candidates, when it was taken into use, and what was written for it to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Doubt", "Promotion", "StudentTrial", "WrittenExample"]


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
    macro_f1: float | None = None  # as if all categories were as frequent, 0 to 1; None before this was measured


@dataclass(frozen=True)
class Doubt:
    """A label that is probably wrong, by students that did not see it."""

    text_hash: str
    classifier_id: str
    category_id: str
    quality: float  # probability that it is right, 0 to 1


@dataclass(frozen=True)
class Promotion:
    """A decision to take a student into use, or not to; `facet` is empty for the project's own use case."""

    classifier_id: str
    previous_id: str | None
    facet: str
    promoted: bool
    decided_by: Literal["rule", "person"]
    reason: str


@dataclass(frozen=True)
class WrittenExample:
    """A text that a model wrote for a rare category: never a document, and never judged on.

    `reason` says why there is no text, or why the annotator gave it no category; it is None where there is both.
    """

    example_id: str  # hash of what made it, the number of the attempt included
    taxonomy_id: str
    category_id: str  # that it was written for
    attempt: int
    model: str
    prompt: str
    text: str | None = None
    text_hash: str | None = None
    shown: Sequence[str] = ()  # text hashes of the documents of the category that the model was shown
    annotator_id: str | None = None
    annotated_id: str | None = None  # category by the annotator
    reason: str | None = None
