"""Frozen records of how far labels can be trusted: their annotators' quality, the thresholds learnt, the curves drawn."""

from dataclasses import dataclass

__all__ = ["AnnotatorQuality", "CurvePoint", "Threshold"]


@dataclass(frozen=True)
class AnnotatorQuality:
    """How good an annotator's labels are, by what it was held against; `flag` says what is wrong with it, "" where nothing is."""

    taxonomy_id: str
    annotator_id: str
    accuracy: float
    low: float
    high: float
    n: int
    judge: str
    flag: str = ""


@dataclass(frozen=True)
class Threshold:
    """The probability from which labels of an annotator are taken as they are, and what was promised and found of those taken."""

    taxonomy_id: str
    annotator_id: str
    threshold: float  # above 1 where none keeps the promise
    promised: float  # accuracy of those taken
    delta: float  # chance at most that the promise is broken
    checked: int
    correct: int
    share: float  # of all documents that are taken, 0 to 1


@dataclass(frozen=True)
class CurvePoint:
    """One point of a curve about labels, as a reliability or a risk-coverage curve."""

    subject_id: str  # the annotator, student or evaluation it is about
    curve: str
    position: int  # from 0
    x: float
    y: float
    n: int
    low: float | None = None
    high: float | None = None
