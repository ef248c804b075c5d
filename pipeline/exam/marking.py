"""Marking answers by code: nothing here asks a model."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.ids import normalise_text
from pipeline.languages import function_word_counts

__all__ = ["in_language", "right_object", "well_grouped", "within_cap"]

FEWEST_CATEGORIES = 2
SPARE_WORDS = 4  # that a text fact may have beside the words it must hold: "boxes of", "the"
FEWEST_FUNCTION_WORDS = 2
COVERAGE, PURITY = 0.9, 0.8  # of a grouping: phrases cited, and of those the ones that are with their own kind


def right_object(found: Mapping[str, object], right: Mapping[str, str | int | bool]) -> bool:
    """Say whether every field is right; a text must hold the words asked for and little else, whatever the case."""
    return set(found) == set(right) and all(_right_value(found[name], value) for name, value in right.items())


def within_cap(names: Sequence[str], *, most: int, phrases: Sequence[str]) -> bool:
    """Say whether names are two to `most`, all distinct, all words, and not merely phrases picked from the list."""
    tidy = [_tidy(name) for name in names]
    distinct = len(set(tidy)) == len(tidy)
    return FEWEST_CATEGORIES <= len(tidy) <= most and distinct and all(tidy) and not set(tidy) <= {_tidy(phrase) for phrase in phrases}


def in_language(text: str, language: str) -> bool:
    """Say whether a sentence is in one of the languages of `function-words.yaml`, by the words that only that language has."""
    hits = function_word_counts(text)
    others = sum(count for name, count in hits.items() if name != language)
    return hits[language] >= FEWEST_FUNCTION_WORDS and hits[language] > 2 * others


def well_grouped(covers: Sequence[Sequence[int]], names: Sequence[str], *, most: int, gold: Sequence[str]) -> bool:
    """Say whether a grouping keeps to its size, has distinct names, and brings nearly all phrases together with their own kind.

    :param covers: the numbers in each category, from 1; what is cited twice counts where it is cited first.
    :param gold: the kind of each phrase, in the order of their numbers.
    """
    tidy = [_tidy(name) for name in names]
    if not all(tidy) or len(set(tidy)) < len(tidy) or not FEWEST_CATEGORIES <= len(tidy) <= most:
        return False
    cited: set[int] = set()
    with_their_kind = 0
    for own in covers:
        new = {number for number in own if 1 <= number <= len(gold)} - cited
        cited |= new
        with_their_kind += max(Counter(gold[number - 1] for number in new).values(), default=0)
    return len(cited) >= COVERAGE * len(gold) and with_their_kind >= PURITY * len(cited)


def _right_value(found: object, right: str | int | bool) -> bool:
    if not isinstance(right, str) or not isinstance(found, str):
        return type(found) is type(right) and found == right
    given, wanted = _tidy(found), _tidy(right)
    return f" {wanted} " in f" {given} " and len(given.split()) <= len(wanted.split()) + SPARE_WORDS


def _tidy(text: str) -> str:
    return " ".join(re.findall(r"\w+", normalise_text(text).casefold()))
