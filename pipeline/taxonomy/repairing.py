"""Asking for an answer whose content code can check: what is wrong goes back to the model, and the best that came is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from pipeline.prompts import Prompt
from pipeline.serving.contract import Answer, Chat, Message, Question, Structured
from pipeline.taxonomy.citations import Violation

__all__ = ["Asking", "Attempt", "Tried"]

REPAIRS = 5
UNREADABLE = 2  # rounds without an object, each of which the engine has asked again by itself
MOST_TOLD = 20  # mistakes in one turn


@dataclass(frozen=True)
class Attempt:
    """An answer and what is wrong with it, as the model is shown it."""

    answer: str
    mistakes: tuple[str, ...]


class Tried(Protocol):
    """What came of an answer."""

    @property
    def violations(self) -> Sequence[Violation]:
        """List what is wrong."""

    @property
    def covered(self) -> float:
        """Give the share of the documents listed that it has a valid place for."""


T = TypeVar("T", bound=Tried)


@dataclass(frozen=True)
class Asking:
    """Everything a question needs, but what was wrong with the last answer."""

    chat: Chat
    prompt: Prompt
    purpose: str
    form: type[BaseModel]
    render: Callable[[Sequence[Attempt]], tuple[Message, ...]]
    max_tokens: int
    seed: int

    @property
    def fits(self) -> bool:
        """Say whether the question fits the model's context, as far as the server counts."""
        return self._fit(self.render([]))

    def best(self, judged: Callable[[Any], T]) -> tuple[T | None, list[str]]:
        """Ask until nothing is wrong or all repairs are used up; give the best that came, and what was wrong with the last answer.

        What a model may be right in is told to it once, and then let be.
        """
        tried: list[T] = []
        attempts: list[Attempt] = []
        said: list[str] = []
        unreadable = 0
        for round_ in range(REPAIRS + 1):
            answer = self._ask(round_, attempts)
            if not isinstance(answer.value, self.form):
                attempts, said, unreadable = [], [f"the answer could not be read: {answer.error or answer.outcome}"], unreadable + 1
                if unreadable == UNREADABLE:
                    break
                continue
            tried.append(found := judged(answer.value))
            said = [violation.message for violation in found.violations]
            wrong = [violation for violation in found.violations if not violation.mended]
            if not wrong or (len(tried) > 1 and all(violation.soft for violation in wrong)):
                break
            attempts = [Attempt(answer.text or "", tuple(said[:MOST_TOLD]))]
        return max(tried, key=_worth, default=None), said

    def _ask(self, round_: int, attempts: Sequence[Attempt]) -> Answer:
        messages = self.render(attempts)
        if attempts and not self._fit(messages):
            messages = self.render([])
        temperature, form = self.prompt.about.temperature + 0.1 * round_, Structured(self.form)
        question = Question(self.purpose, self.prompt.fingerprint, messages, form, self.max_tokens, temperature, self.seed + round_)
        return next(iter(self.chat.ask([question])))

    def _fit(self, messages: Sequence[Message]) -> bool:
        room = self.chat.room(messages, self.max_tokens)
        return room is None or room >= 0


def _worth(tried: Tried) -> tuple[float, int]:
    """Order answers: by what they cover, then by how little is wrong; the first of equals is taken."""
    return round(tried.covered, 6), -len(tried.violations)
