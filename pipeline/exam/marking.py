"""Marking answers by code: nothing here asks a model."""

import re
from collections.abc import Mapping, Sequence

from pipeline.exam.paper import own_words
from pipeline.ids import normalise_text

__all__ = ["in_language", "right_object", "within_cap"]

FEWEST_CATEGORIES = 2
SPARE_WORDS = 4  # that a text fact may have beside the words it must hold: "boxes of", "the"
FEWEST_FUNCTION_WORDS = 2


def right_object(found: Mapping[str, object], right: Mapping[str, str | int | bool]) -> bool:
    """Say whether every field is right; a text must hold the words asked for and little else, whatever the case."""
    return set(found) == set(right) and all(_right_value(found[name], value) for name, value in right.items())


def within_cap(names: Sequence[str], *, most: int, phrases: Sequence[str]) -> bool:
    """Say whether names are two to `most`, all distinct, all words, and not merely phrases picked from the list."""
    tidy = [_tidy(name) for name in names]
    distinct = len(set(tidy)) == len(tidy)
    return FEWEST_CATEGORIES <= len(tidy) <= most and distinct and all(tidy) and not set(tidy) <= {_tidy(phrase) for phrase in phrases}


def in_language(text: str, language: str) -> bool:
    """Say whether a sentence is in one of the languages of `function_words.yaml`, by the words that only that language has."""
    words = _tidy(text).split()
    hits = {name: sum(word in own for word in words) for name, own in own_words().items()}
    others = sum(count for name, count in hits.items() if name != language)
    return hits[language] >= FEWEST_FUNCTION_WORDS and hits[language] > 2 * others


def _right_value(found: object, right: str | int | bool) -> bool:
    if not isinstance(right, str) or not isinstance(found, str):
        return type(found) is type(right) and found == right
    given, wanted = _tidy(found), _tidy(right)
    return f" {wanted} " in f" {given} " and len(given.split()) <= len(wanted.split()) + SPARE_WORDS


def _tidy(text: str) -> str:
    return " ".join(re.findall(r"\w+", normalise_text(text).casefold()))
