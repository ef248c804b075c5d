"""Frozen records of what is found out about texts: how alike two are, whose copy one is."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["NearDuplicate", "NearPair", "PairCount", "TextLengths", "TextSize"]


@dataclass(frozen=True)
class NearPair:
    """Two texts, the later one first, and the share of their pieces that they have in common."""

    text_hash: str
    other_hash: str
    similarity: float  # Jaccard, 0 to 1


@dataclass(frozen=True)
class NearDuplicate:
    """A text with near copies: the text it is a copy of (itself where it is an original), and the first of all that are linked."""

    text_hash: str
    spec: str
    original_hash: str
    cluster_hash: str
    similarity: float


@dataclass(frozen=True)
class PairCount:
    """What a threshold would do: pairs and texts of clusters at or above it, and how many texts are copies of others."""

    threshold: float
    pairs: int
    clusters: int
    texts: int
    copies: int


@dataclass(frozen=True)
class TextLengths:
    """How long the distinct texts of a corpus are, and how many exceed a number of words, by how many words altogether."""

    texts: int
    words: int
    characters: int
    long_words: int  # 19 of 20 texts have no more
    most_words: int
    exceeding: int
    words_beyond: int


@dataclass(frozen=True)
class TextSize:
    """How many words a text has, and when it was first written (UTC); None where the corpus does not say."""

    words: int
    written_at: datetime | None
