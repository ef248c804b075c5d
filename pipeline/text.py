"""Pure functions on texts that more than one step needs."""

import re

__all__ = ["content_words", "cut_words", "tidy_description", "tidy_phrase"]

LONGEST_WORD = 12  # characters a word may take of the budget: a text without spaces is cut as well
STOP_WORDS = frozenset(
    "a an and are as at be by can do does for from has have how i in is it its kind of on or our say says should that the their they this to"
    " type us want wants was we what when where which who why will with would you your".split()
)  # fmt: skip


def cut_words(text: str, max_words: int) -> tuple[str, bool]:
    """Keep the head of a text, at most so many words and 12 characters a word; say whether anything was cut."""
    head = text[: max_words * LONGEST_WORD]
    words = head.split()
    if len(head) == len(text) and len(words) <= max_words:
        return text, False
    return " ".join(words[:max_words]), True


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
