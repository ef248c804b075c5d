"""Finding where one text quotes another, whatever the case, the spacing, the accents or the escaping.

Two texts are compared letter by letter, without all that is neither letter nor digit. A run of so many equal letters is
taken for a quotation; shorter runs are the common words of a language. A text that is shorter than a run counts as a whole.
"""

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["MARK", "RUN", "WHOLE", "Quotations", "bare_letters"]

MARK = "[forgotten]"
RUN = 24  # letters and digits in a row: about five words
NO_LETTERS = re.compile(r"[\W_]+")
WHOLE = 16  # letters of the shortest text that is looked for: a shorter one is two or three words that anybody may write


class Quotations:
    """What is looked for: the runs of some texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Collect the runs; a text of fewer than `WHOLE` letters has none."""
        self._runs: dict[int, set[str]] = {}
        for text in texts:
            letters = bare_letters(text)
            length = min(RUN, len(letters))
            if length >= WHOLE:
                self._runs.setdefault(length, set()).update(letters[place : place + length] for place in range(len(letters) - length + 1))

    def __bool__(self) -> bool:
        return bool(self._runs)

    def found_in(self, words: str | None) -> bool:
        """Say whether some words quote one of the texts."""
        return bool(words) and bool(self._found(bare_letters(words or "")))

    def blank(self, words: str) -> str:
        """Put a mark in the place of each quotation, grown to whole words; words that quote nothing stay as they are."""
        if not self.found_in(words):
            return words
        letters, places = _placed_letters(words)
        spans: list[tuple[int, int]] = []
        for start, end in self._found(letters):
            first, last = _whole_words(words, places[start], places[end - 1] + 1)
            if spans and first <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
            else:
                spans.append((first, last))
        for first, last in reversed(spans):
            words = words[:first] + MARK + words[last:]
        return words

    def _found(self, letters: str) -> list[tuple[int, int]]:
        """List the runs that are found, by their places in order."""
        found = [
            (place, place + length)
            for length, runs in self._runs.items()
            for place in range(len(letters) - length + 1)
            if letters[place : place + length] in runs
        ]
        return sorted(found)


def bare_letters(text: str) -> str:
    """Give the letters and digits of a text, in lower case and without accents."""
    return NO_LETTERS.sub("", (text if text.isascii() else unicodedata.normalize("NFKD", text)).casefold())


def _placed_letters(text: str) -> tuple[str, list[int]]:
    """Give the same letters, and the place in the text of each."""
    found = [(letter, place) for place, sign in enumerate(text) for letter in bare_letters(sign)]
    return "".join(letter for letter, _ in found), [place for _, place in found]


def _whole_words(words: str, first: int, last: int) -> tuple[int, int]:
    """Grow a span over the letters beside it, in scripts that part words by spaces: at most to the next space on each side."""
    while first and words[first - 1].isalnum() and words[first - 1].isascii():
        first -= 1
    while last < len(words) and words[last].isalnum() and words[last].isascii():
        last += 1
    return first, last
