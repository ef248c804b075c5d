"""Stand-ins for the wire to the model, for tests and dry runs."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pydantic import ValidationError

from pipeline.call_records import Call
from pipeline.serving.contract import Answer, Choice, Message, Question, Structured

__all__ = ["MemoryLedger", "ScriptedChat"]

Replies = Callable[[Question], "str | Answer"] | Sequence["str | Answer"]


class ScriptedChat:
    """Answer from a function or a list, and keep the questions; implements `Chat`.

    A text becomes the answer that its question's form makes of it: a choice gets `probability`, the other options share
    the rest; what the form does not allow becomes a failed answer.
    """

    def __init__(self, reply: Replies, *, model: str = "scripted", probability: float = 0.9, context_words: int | None = None) -> None:
        """Take the replies from a function of the question, or from a list in order; a word is a token."""
        self._context_words = context_words
        self._reply = reply
        self._probability = probability
        self.model = model
        self.questions: list[Question] = []

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answer one question after the other."""
        for question in questions:
            reply = self._reply(question) if callable(self._reply) else self._listed(len(self.questions))
            self.questions.append(question)
            yield reply if isinstance(reply, Answer) else self._answer(question, reply)

    def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        """Count words; None where the context has no given length."""
        if self._context_words is None:
            return None
        return self._context_words - max_tokens - sum(len(message.content.split()) for message in messages)

    def _listed(self, position: int) -> str | Answer:
        if callable(self._reply) or position >= len(self._reply):
            raise AssertionError(f"the script holds no reply to question {position + 1}")
        return self._reply[position]

    def _answer(self, question: Question, text: str) -> Answer:
        form = question.form
        if isinstance(form, Structured):
            try:
                return Answer("ok", text=text, value=form.schema.model_validate_json(text))
            except ValidationError as error:
                return Answer("wrong_schema", error=str(error))
        if isinstance(form, Choice):
            if text not in form.options:
                return Answer("not_an_option", error=f"{text!r} is none of the {len(form.options)} options")
            return Answer("ok", text=text, scores=self._scores(form, text))
        return Answer("ok", text=text) if text.strip() else Answer("empty", error="the answer is empty")

    def _scores(self, form: Choice, chosen: str) -> dict[str, float]:
        if len(form.options) == 1:
            return {chosen: 0.0}
        rest = math.log((1 - self._probability) / (len(form.options) - 1))
        return {option: math.log(self._probability) if option == chosen else rest for option in form.options}


class MemoryLedger:
    """Keep calls in a list; implements `Ledger`."""

    def __init__(self) -> None:
        """Start empty."""
        self.calls: list[Call] = []
        self.notes: list[Call] = []
        self.found = 0

    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Find the answers of successful calls."""
        wanted = set(keys)
        answers = {call.call_key: call.answer for call in self.calls if call.call_key in wanted and call.answer is not None}
        self.found += len(answers)
        return answers

    def note(self, call: Call) -> None:
        """Keep it with the notes."""
        self.notes.append(call)

    def record(self, calls: Sequence[Call]) -> None:
        """Append calls."""
        self.calls.extend(calls)

    def clear_notes(self) -> None:
        """Forget the notes."""
        self.notes.clear()

    def close(self) -> None:
        """Do nothing."""
