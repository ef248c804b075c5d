"""Names that a text spells out, and the text without them: how a label that the text itself dictates is told from one that fits it."""

import base64
import re
import unicodedata
from functools import lru_cache

__all__ = ["without_name"]

IN_PLACE = "…"  # of a name
UNSEEN = {"Cc", "Cf"}  # control characters, and those without a shape of their own
UNSPACED_FROM = "\u0e00"  # from Thai on, most scripts write no spaces between words
NEVER = r"(?!)"  # a pattern that matches nowhere
SHORT = 3  # characters: a name as short as "IT" occurs only as it is written


def without_name(text: str, name: str) -> str | None:
    """Give a text with an ellipsis in place of each occurrence of a name; None where it does not occur.

    It also occurs spelt backwards, in base64, in other cases, widths and spacing, and with characters in between that cannot
    be seen. What is left has none of these characters: it is for a model to read, and no part of the text to quote.
    """
    seen = _visible(text)
    left = _spellings(name).sub(IN_PLACE, seen)
    return None if left == seen else left


def _visible(text: str) -> str:
    whole = unicodedata.normalize("NFKC", text)
    return whole if whole.isascii() else "".join(letter for letter in whole if letter.isspace() or unicodedata.category(letter) not in UNSEEN)


@lru_cache(maxsize=4096)
def _spellings(name: str) -> re.Pattern[str]:
    plain, encoded = _visible(name).strip(), base64.b64encode(name.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    ways = [_bounded(words) for words in (plain, plain[::-1]) if words] + ([rf"{_bounded(encoded)}=*"] if encoded else [])
    return re.compile("|".join(ways) or NEVER, re.IGNORECASE if len(plain) > SHORT else re.NOFLAG)


def _bounded(words: str) -> str:
    """Match words as whole ones, with any white space between them."""
    inside = r"\s+".join(map(re.escape, words.split()))
    before, after = (edge.isalnum() and edge < UNSPACED_FROM for edge in (words[0], words[-1]))
    return (r"(?<!\w)" if before else "") + inside + (r"(?!\w)" if after else "")
