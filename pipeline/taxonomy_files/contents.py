"""What a taxonomy file can say: its keys, one category as it is spelled there, and what the file means once it has been checked."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.records import Category

__all__ = ["CARD_LISTS", "KEYS", "LISTS", "RawCategory", "RawFile", "TaxonomyFile", "unknown_key"]

CARD_LISTS = ("cues", "exclusions", "examples", "near_misses")
KEYS = ("id", "name", "description", "parent", "status", *CARD_LISTS, "merged_into", "split_from")
LISTS = frozenset(CARD_LISTS)


@dataclass(frozen=True)
class RawCategory:
    """One category as a file spells it; `above` is the index of the category that it lies in, where the file nests them."""

    place: str  # for messages, as "line 14"
    words: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]
    above: int | None = None


@dataclass(frozen=True)
class RawFile:
    """The categories of a file in its order, the keys that it uses, and what is wrong with how it is written."""

    rows: Sequence[RawCategory] = ()
    said: frozenset[str] = frozenset(KEYS)
    mistakes: Sequence[str] = ()


@dataclass(frozen=True)
class TaxonomyFile:
    """What a file says once it has been checked: categories without members, parents before what lies below them.

    Examples and near misses are text hashes; `texts` holds those that the file spells. `merged` names the successor of each
    category that goes into another one, and `split` the origin of each new one that was taken out of another, all by ids.
    """

    categories: Sequence[Category]
    texts: Mapping[str, str] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()  # what was passed over, and why


def unknown_key(key: str, known: Sequence[str], *, what: str = "key") -> str:
    """Say that a key is not known, with the one that was probably meant."""
    close = difflib.get_close_matches(key.lower(), known, n=1)
    meant = f"did you mean {close[0]!r}? The" if close else "the"
    return f"unknown {what} {key!r}; {meant} {what}s here are {', '.join(known)}"
