"""What a step may ask of a model, and what it gets back.

A step builds `Question`s and reads `Answer`s; which server answers, how its dialect spells a constraint, how often a bad
answer is retried and where calls are recorded is the business of the implementation behind `Chat`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from pipeline.call_records import Call
from pipeline.ids import content_id

__all__ = ["Answer", "AnswerForm", "Chat", "Choice", "Ledger", "Line", "Message", "Outcome", "Question", "Structured"]

Outcome = Literal["ok", "truncated", "empty", "refused", "broken_json", "wrong_schema", "not_an_option", "too_long", "timeout", "server_error"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Choice:
    """Exactly one of these strings; decoding can emit nothing else, and every option gets a score."""

    options: tuple[str, ...]


@dataclass(frozen=True)
class Structured:
    """A JSON object of this class."""

    schema: type[BaseModel]


@dataclass(frozen=True)
class Line:
    """Free text that ends at the first line break."""


AnswerForm = Choice | Structured | Line


@dataclass(frozen=True)
class Question:
    """One question to a model.

    `prompt` is the fingerprint of the prompt file; `temperature` is that of the first attempt. `texts` are the hashes of the
    documents whose text the messages show, so that the call can be found again when one of them is to be forgotten.
    """

    purpose: str
    prompt: str
    messages: tuple[Message, ...]
    form: AnswerForm
    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    texts: tuple[str, ...] = ()

    def key(self, model: str) -> str:
        """Hash everything that determines the answer: the ledger's key."""
        turns = [[message.role, message.content] for message in self.messages]
        return content_id("call", [model, self.prompt, turns, _spelled(self.form), self.max_tokens, self.temperature, self.seed])

    @property
    def form_id(self) -> str:
        """Name the kind of answer, @, and the hash of its options or its schema."""
        return _form_id(self.form)

    @property
    def opening(self) -> tuple[Message, ...]:
        """Give what the prompt shares with others of its kind: all turns but the last."""
        return self.messages[:-1]


def _spelled(form: AnswerForm) -> Any:
    if isinstance(form, Structured):
        return _schema(form.schema)
    return form.options if isinstance(form, Choice) else type(form).__name__


@lru_cache(maxsize=64)
def _schema(schema: type[BaseModel]) -> Any:
    return schema.model_json_schema()


@lru_cache(maxsize=256)
def _form_id(form: AnswerForm) -> str:
    return f"{type(form).__name__.lower()}@{content_id('form', _spelled(form)).split(':')[1]}"


@dataclass(frozen=True)
class Answer:
    """What came of a question; `text` and `value` are None unless `outcome` is "ok".

    `scores` holds the natural logarithm of each option's probability, renormalised over the options, or None where the
    server reports no log-probabilities. An option outside the server's list of most likely tokens gets the lowest
    value of the list, which is an upper bound.
    """

    outcome: Outcome
    text: str | None = None
    value: BaseModel | None = None
    scores: Mapping[str, float] | None = None
    error: str | None = None
    attempts: int = 1
    from_ledger: bool = False


class Chat(Protocol):
    """Anything that answers questions."""

    @property
    def model(self) -> str:
        """Name what answers, weights and all: part of every derived row's key."""

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answer questions in their order, several in flight at once, reading no further ahead than needed."""

    def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        """Say how many tokens are left in the context beside a prompt and its answer, by the server's own tokenizer.

        Negative where they do not fit; None where the server counts no tokens.
        """


class Ledger(Protocol):
    """Where calls are recorded, and looked up so that no question is paid for twice."""

    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Find the answers (JSON) of successful calls among these keys."""

    def note(self, call: Call) -> None:
        """Keep a call safe from the death of this process, at little cost, until it is recorded."""

    def record(self, calls: Sequence[Call]) -> None:
        """Append calls."""

    def clear_notes(self) -> None:
        """Forget what was noted, because all of it is recorded."""

    def close(self) -> None:
        """Give up what noting needs."""
