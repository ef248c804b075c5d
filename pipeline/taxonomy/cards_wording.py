"""What code writes into cards and guides, by language."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Wording", "taxonomy_language", "wording"]

LEFT_AS_IT_IS = "document"  # the setting that lets phrases stay in the language of their text; names are English then


class Wording(BaseModel):
    """The words of one language; braces stand for what is filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    banned: str
    guide: str
    use_case: str
    question: str
    rules: tuple[str, ...] = Field(min_length=1)
    categories: str
    tie_breakers: str
    cues: str
    examples: str
    near_miss: str
    exclusions: str
    belongs_in: str
    nearer_to: str
    torn: str
    says: str
    does: str
    means: str
    exclusion_by_cues: str
    exclusion_by_description: str
    exclusion_by_name: str
    quoted: str
    either: str = Field(alias="or")

    def listed(self, cues: Sequence[str]) -> str:
        """Quote cues and join them with "or"."""
        quoted = [self.quoted.format(text=cue) for cue in cues]
        return self.either.join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))


def taxonomy_language(setting: str) -> str:
    """Name the language that cards and guide are written in."""
    return "English" if setting == LEFT_AS_IT_IS else setting


def wording(language: str) -> Wording:
    """Give the words of a language; the English ones where it has none here."""
    known = _wordings()
    return known.get(language.strip().title(), known["English"])


@cache
def _wordings() -> Mapping[str, Wording]:
    raw = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {language: Wording.model_validate(words) for language, words in raw.items()}
