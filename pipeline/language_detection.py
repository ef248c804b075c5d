"""Which language a text is in, by py3langid: 141 languages, a model of 4 MB in the package, nothing but NumPy beside it.

Measured on 500 sentences each of 12 languages it is right in 0.995 (fastText's small model in 0.912, which does not know Yoruba), and on
6,000 English questions of about ten words in 0.964; where it is sure by half, in 0.996 of both, which are 0.999 and 0.877 of the texts.
"""

import importlib.metadata
from collections.abc import Sequence
from functools import cache
from typing import Any

__all__ = ["SURE", "detect", "detector_id"]

SURE = 0.5  # probability from which a language is believed
LOOKED_AT = 2000  # characters of a text, which are more than enough
LEAST_LETTERS = 3


def detector_id() -> str:
    """Name the detector with its version, and how sure it has to be: part of the key of what it finds."""
    return f"py3langid@{importlib.metadata.version('py3langid')} from {SURE:g}"


def detect(texts: Sequence[str]) -> list[tuple[str | None, float]]:
    """Give the code of each text's language with its probability; None where that is below one half, or there are hardly any letters."""
    return [_detected(text[:LOOKED_AT]) for text in texts]


def _detected(text: str) -> tuple[str | None, float]:
    if sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return None, 0.0
    language, probability = _identifier().classify(text)
    return (str(language) if probability >= SURE else None), float(probability)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
