"""The form in which every format can hold a category, so that what was written is what is read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.ids import text_hash
from pipeline.records import Category
from pipeline.taxonomy_files.contents import CARD_LISTS

__all__ = ["distinct", "in_tree_order", "read_example", "shown_example", "tidied", "tidy_name", "tidy_text"]

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML cannot hold, not even escaped
REFERENCE = re.compile(r"text:[0-9a-f]{32}(?=\s|$)")
LONGEST_EXAMPLE = 1000  # characters; a longer one is named by its hash, with its beginning to recognise it by
BEGINNING = 200


def tidy_text(text: str) -> str:
    """Trim a text, bring its line ends, of which Unicode has many, to one form, and leave out what XML cannot hold."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return FORBIDDEN.sub("", "\n".join(whole.splitlines())).strip()


def tidy_name(name: str) -> str:
    """Bring a name into one line."""
    return " ".join(tidy_text(name).split())


def tidied(categories: Sequence[Category]) -> tuple[Category, ...]:
    """Bring categories into the form that a file holds: tidy words, nothing empty or twice in a list, parents before those below them."""
    return tuple(tidy_category(category) for category in in_tree_order(categories))


def tidy_category(category: Category) -> Category:
    """Tidy the words of one category, and the lists of its card."""
    words: dict[str, Any] = {key: distinct(map(tidy_text, getattr(category, key))) for key in CARD_LISTS}
    return replace(category, name=tidy_name(category.name), description=tidy_text(category.description), **words)


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Keep each value once, and none that is empty."""
    return tuple(value for value in dict.fromkeys(values) if value)


def in_tree_order(categories: Sequence[Category]) -> list[Category]:
    """Order categories so that each is followed by those below it; siblings stay as they are, and one below nothing is at the top."""
    known = {category.category_id for category in categories}
    below: dict[str | None, list[Category]] = {}
    for category in categories:
        below.setdefault(category.parent_id if category.parent_id in known else None, []).append(category)
    ordered: list[Category] = []
    waiting = below.get(None, [])[::-1]
    while waiting:
        ordered.append(waiting.pop())
        waiting += below.pop(ordered[-1].category_id, [])[::-1]  # once, also where two have one id
    return ordered


def shown_example(text_id: str, texts: Mapping[str, str]) -> str:
    """Spell an example for people: its text, or its hash where the text is not known, too long or not to be written as it is."""
    text = tidy_text(texts.get(text_id, ""))
    if len(text) > LONGEST_EXAMPLE and REFERENCE.fullmatch(text_id):
        return f"{text_id} {' '.join(text[:BEGINNING].split())}…"
    return text if text and not REFERENCE.match(text) and text_hash(text) == text_id else text_id


def read_example(value: str) -> tuple[str, str | None]:
    """Read an example back: its hash, and its text where it is spelled."""
    reference = REFERENCE.match(value)
    return (reference.group(), None) if reference else (text_hash(value), value)
