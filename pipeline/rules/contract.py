"""What a rule is to those who apply it, whatever it is written in."""

from collections.abc import Sequence
from typing import Protocol

from pipeline.records import Document, Failure

__all__ = ["LoadedRule", "RuleAnswer"]

RuleAnswer = str | None | Failure  # a category's name, nothing to say, or what went wrong


class LoadedRule(Protocol):
    """A rule that was checked and can be applied."""

    @property
    def name(self) -> str:
        """Give the rule's name in the project file."""

    @property
    def fingerprint(self) -> str:
        """Name by content all that determines what the rule answers; its name does not."""

    def apply(self, documents: Sequence[Document]) -> list[RuleAnswer]:
        """Answer for each document in order.

        :return: a name that need not be a category's, None where the rule says nothing, or a failure (`rule_error`, or
            `not_an_option` where the answer is no text at all).
        """
