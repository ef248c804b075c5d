"""Frozen records of the checks of a taxonomy: whether a definition fits a text, by a model."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["DefinitionCheck", "Fits"]

Fits = Literal["yes", "no"]


@dataclass(frozen=True)
class DefinitionCheck:
    """Whether the definition of one category says what a text is about, by one model that sees no other category.

    Where the model gave no usable answer, `answer` is None and `reason` says why.
    """

    text_hash: str
    taxonomy_id: str
    category_id: str
    annotator_id: str
    answer: Fits | None
    probability: float | None = None  # that it fits, without what the model leans to; None where the model gives no scores
    reason: str | None = None
    message: str | None = None

    @property
    def fits(self) -> bool | None:
        """Say whether the definition fits; None where that is not known."""
        return None if self.answer is None else self.answer == "yes"
