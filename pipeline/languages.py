"""Which language a text is in, by its script and by function words that no other language of `function-words.yaml` has.

Light enough to look at every name that a model writes, and sure enough to refuse one: what shows nothing is let pass.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from pipeline.ids import normalise_text

__all__ = ["function_word_counts", "other_language", "own_words"]

CLEAR = 2  # function words of another language from which a text counts as being in it
SCRIPTS: Mapping[str, frozenset[str]] = {
    "arabic": frozenset({"ARABIC"}), "bulgarian": frozenset({"CYRILLIC"}), "chinese": frozenset({"CJK"}), "greek": frozenset({"GREEK"}),
    "hebrew": frozenset({"HEBREW"}), "hindi": frozenset({"DEVANAGARI"}), "japanese": frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    "korean": frozenset({"HANGUL"}), "persian": frozenset({"ARABIC"}), "russian": frozenset({"CYRILLIC"}), "thai": frozenset({"THAI"}),
    "ukrainian": frozenset({"CYRILLIC"}), "urdu": frozenset({"ARABIC"}),
    **{name: frozenset({"LATIN"}) for name in (
        "czech", "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "indonesian", "italian", "norwegian", "polish",
        "portuguese", "romanian", "spanish", "swahili", "swedish", "turkish", "vietnamese",
    )},
}  # fmt: skip


@cache
def own_words() -> Mapping[str, frozenset[str]]:
    """Read the function words of each language, without those that another language of the file has as well."""
    listed = yaml.safe_load(Path(__file__).with_name("function-words.yaml").read_text(encoding="utf-8"))
    words = {str(language): frozenset(str(text).split()) for language, text in listed.items()}
    return {language: own.difference(*(other for name, other in words.items() if name != language)) for language, own in words.items()}


def function_word_counts(text: str) -> dict[str, int]:
    """Count the function words of each language in a text."""
    words = re.findall(r"\w+", normalise_text(text).casefold())
    return {name: sum(word in own for word in words) for name, own in own_words().items()}


def other_language(text: str, wanted: str) -> str | None:
    """Name the language or the script that a text is in and should not be; None where it may be in the wanted one.

    A language that is not listed is not told from others.
    """
    scripts = Counter(unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha())
    expected = SCRIPTS.get(wanted.casefold())
    if expected and scripts and 2 * sum(scripts[script] for script in expected) < scripts.total():
        return f"{scripts.most_common(1)[0][0].capitalize()} script"
    counts = function_word_counts(text)
    own = next((name for name in counts if name.casefold() == wanted.casefold()), None)
    if own is None:
        return None
    others = {name: count for name, count in counts.items() if name != own}
    likely = max(others, key=lambda name: others[name])
    return likely if others[likely] >= CLEAR and others[likely] > 2 * counts[own] else None
