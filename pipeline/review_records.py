"""Frozen records of what people are asked to label and what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Rating", "ReviewDesign", "ReviewItem", "ReviewSheet"]

ReviewDesign = Literal["sample", "queue", "adjudicate"]  # a probability sample, the most doubtful first, or what raters differ on


@dataclass(frozen=True)
class ReviewSheet:
    """One choice of documents that people are asked to label under one version of a taxonomy.

    What is said on a sheet that does not teach is kept for evaluation: neither teacher nor student may learn from it.
    """

    sheet_id: str
    taxonomy_id: str
    facet: str
    design: ReviewDesign
    teaches: bool
    raters: Sequence[str]  # empty where it is not known beforehand who will fill it in
    overlap: float  # share of the documents that every rater gets
    seed: int
    population: int  # texts that it was drawn from
    size: int
    half_width: float | None = None  # of the interval that was wanted; None where a number of documents was
    expected: float | None = None  # accuracy that the size was planned with


@dataclass(frozen=True)
class ReviewItem:
    """One text on a sheet; it stands for `weight` texts of its stratum, the category that it was predicted to be in."""

    sheet_id: str
    text_hash: str
    doc_id: str
    stratum: str | None = None  # category id, or "none" where it had no label; None on a sheet that is no probability sample
    weight: float | None = None
    raters: Sequence[str] = ()


@dataclass(frozen=True)
class Rating:
    """What one rater said of one text on a sheet; `category_id` is None where they said that no category fits."""

    sheet_id: str
    text_hash: str
    rater: str
    category_id: str | None
    also: Sequence[str]
    comment: str
    position: int  # row or item of the file
    source: str  # the file
    sha256: str  # of the file
