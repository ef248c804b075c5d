"""Pure functions on texts that more than one step needs."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

__all__ = [
    "ELLIPSIS",
    "END_THIRDS",
    "STOP_WORDS",
    "Keep",
    "TextWindow",
    "content_words",
    "cut_words",
    "name_key",
    "tidy_description",
    "tidy_phrase",
    "word_windows",
]

Keep = Literal["head", "tail", "both_ends", "windows"]  # what stays of a long document
# Thirds of what may be kept that come from the end; what shows one part alone shows both ends where others show windows.
END_THIRDS: Mapping[Keep, int] = {"head": 0, "tail": 3, "both_ends": 1, "windows": 1}
ELLIPSIS = "…"  # between two ends
LONGEST_WORD = 12  # characters a word may take of the budget
WORD = re.compile(rf"\S{{1,{LONGEST_WORD}}}")
STOP_WORDS = frozenset(
    "a an and are as at be by can do does for from has have how i in is it its kind of on or our say says should that the their they this to"
    " type us want wants was we what when where which who why will with would you your".split()
)  # fmt: skip


def cut_words(text: str, max_words: int, keep: Keep = "head", *, characters: int | None = None) -> tuple[str, bool]:
    """Keep a part of a text, at most so many words and characters; say whether anything but white space is missing.

    Both ends are the first two thirds and the last third of what may be kept, with an ellipsis between them.

    :param characters: 12 a word when absent, so that a text without spaces is cut as well.
    """
    most = max_words * LONGEST_WORD if characters is None else characters
    if len(text) <= most and len(text.split()) <= max_words:
        return text, False
    last = END_THIRDS[keep]
    words_at_end, characters_at_end = max_words * last // 3, most * last // 3
    head = text[: most - characters_at_end].split()[: max_words - words_at_end]
    tail = text[max(0, len(text) - characters_at_end) :].split() if words_at_end and characters_at_end else []
    tail = tail[max(0, len(tail) - words_at_end) :]
    if head + tail == text.split():
        return " ".join(head + tail), False
    return (f" {ELLIPSIS} " if head and tail else "").join((" ".join(head), " ".join(tail))), True


@dataclass(frozen=True)
class TextWindow:
    """A part of a text: `start` characters of the text are before it, and it has so many words."""

    start: int
    text: str
    words: int


def word_windows(text: str, max_words: int, *, most: int) -> tuple[Sequence[TextWindow], bool]:
    """Cut a text into overlapping windows of so many words, evenly spread from its beginning to its end; say whether anything is between them.

    Neighbours share an eighth or more of their words; of a text that takes more than `most` such windows, a part is left out. A text that
    fits is one window. Of what has no spaces, 12 characters count as a word.
    """
    if not cut_words(text, max_words)[1]:
        return (TextWindow(0, text, len(text.split())),), False
    words = [found.span() for found in WORD.finditer(text)]
    beyond, step = max(0, len(words) - max_words), max_words - max_words // 8
    count = min(most, 1 + -(-beyond // step))
    places = [round(number * beyond / max(1, count - 1)) for number in range(count)]
    parts = [words[place : place + max_words] for place in places]
    windows = tuple(TextWindow(part[0][0], text[part[0][0] : part[-1][1]], len(part)) for part in parts)
    return windows, any(later - earlier > max_words for earlier, later in pairwise(places))


def name_key(name: str) -> str:
    """Give what two names that look alike to a reader have in common: without case, spacing, forms of letters, or what cannot be seen."""
    whole = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(letter for letter in whole if unicodedata.category(letter) not in {"Cc", "Cf"} or letter.isspace()).split())


def tidy_phrase(phrase: str) -> str:
    """Bring a topic phrase into the form in which phrases are counted: lower case, no end punctuation, at most 6 words."""
    return " ".join(phrase.strip().strip("\"'`.,:;!?-").lower().split()[:6])


def tidy_description(description: str, longest: int = 120) -> str:
    """Bring a description into one line that ends with a full stop, cut at a comma or a space where it is too long."""
    line = " ".join(description.split()).rstrip(" .,;")
    if len(line) > longest:
        head = line[:longest]
        line = head[: max(head.rfind(","), longest // 2) if "," in head[longest // 2 :] else head.rfind(" ")].rstrip(" .,;")
    return f"{line}."


def content_words(text: str) -> set[str]:
    """Collect the words of a text that carry meaning, in lower case with a plural s removed."""
    words = re.findall(r"[^\W_]+", text.lower())
    return {word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words if word not in STOP_WORDS}
