"""Frozen records of how far labels can be trusted: their annotators' quality, the thresholds learnt, the curves drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["AnnotatorQuality", "CurvePoint", "Drift", "Threshold"]


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


@dataclass(frozen=True)
class Drift:
    """How far one part of the corpus differs from those before it, by the labels of one student; shares are 0 to 1.

    A part is a partition, or where a project has none the documents first seen on one day (UTC). Each text counts once in a part. What
    compares with the parts before is None where there are too few documents before.
    """

    classifier_id: str
    part: str
    documents: int
    before: int  # documents of the parts before it
    distance: float | None  # total variation distance of the labels
    distance_by_chance: float | None  # what a part without any change passes once in a thousand
    changes: Mapping[str, tuple[float, float]]  # by category id: its share before and in the part, those that changed most
    strangers: float | None  # share of documents that look like nothing the student learnt from; None where novelty is not known
    strangers_before: float | None
    strangers_by_chance: float | None
    probability: float  # mean, of the predictions
    probability_before: float | None
    agreement: float | None  # share of the labels that the student did not learn from and agrees with
    judged: int  # number of these
    inputs: str  # hash of what it was computed from
