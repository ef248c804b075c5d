"""Answer questions through one OpenAI-compatible server, in order, several at once, each paid for once.

The ledger is asked first, and told of every attempt. Threads ask; the thread that consumes the answers alone touches the
ledger, so that it may be a database connection.
"""

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice

from pydantic import ValidationError

from pipeline.ids import canonical_json
from pipeline.records import Call
from pipeline.serving.connection import Connection, Server
from pipeline.serving.contract import Answer, Ledger, Message, Question, Structured
from pipeline.serving.dialects import Dialect
from pipeline.serving.exchange import ConnectionLostError, Exchange, LogprobsRefusedError, exchange
from pipeline.serving.remote import server_key
from pipeline.settings import EngineSettings

__all__ = ["OpenAIChat"]

LOOKUP = 64  # questions looked up in the ledger at once
RECORD_CALLS = 16
RECORD_SECONDS = 5.0
WINDOWS = 4  # answers kept for their turn, in multiples of the concurrency
GOODBYE_SECONDS = 10.0
SHOWN_CHARACTERS = 1500
REPAIR = "That answer could not be used: {error}. Answer again, with one JSON object that follows the schema and nothing else."


class OpenAIChat:
    """Ask a server; implements `Chat`."""

    def __init__(self, server: Server, *, settings: EngineSettings, dialect: Dialect, ledger: Ledger, run_id: str) -> None:
        """Ask `server`, which starts with the first question that the ledger cannot answer."""
        self._server = server
        self._settings = settings
        self._dialect = dialect
        self._ledger = ledger
        self._run_id = run_id
        self._connection = Connection(server, settings)
        self._logprobs = True
        self._key = server_key(settings)

    @property
    def model(self) -> str:
        """Name what answers, weights and all."""
        return self._server.identity

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answer questions in their order.

        :raises EngineError: the server cannot be started or reached, or refuses the key or the model.
        """
        asking = _Asking(self, self._ledger, self._settings.concurrency)
        try:
            yield from asking.answers(questions)
        finally:
            asking.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def open(self) -> None:
        """Start or join the server now."""
        self._connection.open()

    def answer(self, question: Question, key: str, calls: "queue.SimpleQueue[Call]", stopped: threading.Event) -> Answer:
        """Ask one question until it is answered or its attempts are used up."""
        turns = question.messages
        for attempt in range(1, self._settings.attempts + 1):
            done = self._reach(question, turns, question.temperature + 0.1 * (attempt - 1))
            answer = replace(done.answer, attempts=attempt, error=self._without_key(done.answer.error))
            calls.put(self._call(question, key, attempt, replace(done, answer=answer)))
            if not done.again or stopped.is_set():
                break
            turns = _repaired(question, done)
        return answer

    def _reach(self, question: Question, turns: tuple[Message, ...], temperature: float) -> Exchange:
        """Ask once, on a server that is started again where it died."""
        while True:
            line = self._connection.open()
            logprobs = self._logprobs
            try:
                return exchange(
                    line.client, question, turns, model=self._server.model_name, settings=self._settings,
                    dialect=self._dialect, temperature=temperature, logprobs=logprobs,
                )  # fmt: skip
            except LogprobsRefusedError:
                self._logprobs = False
            except ConnectionLostError as error:
                if not self._connection.lost(line, str(error)):
                    return Exchange(Answer("server_error", error=f"the connection was lost: {error}"))

    def _call(self, question: Question, key: str, attempt: int, done: Exchange) -> Call:
        ok = done.answer.outcome == "ok"
        return Call(
            call_key=key, run_id=self._run_id, purpose=question.purpose, model=self.model, prompt=question.prompt, attempt=attempt,
            tokens_in=done.tokens_in, tokens_cached=done.tokens_cached, tokens_out=done.tokens_out, milliseconds=done.milliseconds,
            finish_reason=done.finish_reason, outcome=done.answer.outcome, error=done.answer.error,
            answer=canonical_json({"text": done.answer.text, "scores": done.answer.scores}) if ok else None,
            raw=self._without_key(done.raw),
        )  # fmt: skip

    def _without_key(self, text: str | None) -> str | None:
        return text.replace(self._key, "[key]") if text and self._key else text


@dataclass(frozen=True)
class _Place:
    """One question's place in the row of answers."""

    answer: "Answer | Future[Answer]"

    def ready(self) -> bool:
        return isinstance(self.answer, Answer) or self.answer.done()


class _Asking:
    """One run through an iterable of questions."""

    def __init__(self, chat: OpenAIChat, ledger: Ledger, concurrency: int) -> None:
        self._chat = chat
        self._ledger = ledger
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="linnaeus-chat")
        self._size = concurrency * WINDOWS
        self._places: deque[_Place] = deque()
        self._asked: dict[str, Future[Answer]] = {}
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._unrecorded: list[Call] = []
        self._recorded_at = time.monotonic()
        self._stopped = threading.Event()

    def answers(self, questions: Iterable[Question]) -> Iterator[Answer]:
        for place in self._asked_for(questions):
            self._places.append(place)
            while self._places and (len(self._places) >= self._size or self._places[0].ready()):
                yield self._first()
        while self._places:
            yield self._first()

    def close(self) -> None:
        """Give up what has not been sent, wait shortly for what has, and record everything."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        sent = [place.answer for place in self._places if isinstance(place.answer, Future) and not place.answer.cancelled()]
        wait(sent, GOODBYE_SECONDS)  # a cancelled one would never be done
        self._record(force=True)

    def _asked_for(self, questions: Iterable[Question]) -> Iterator[_Place]:
        source = iter(questions)
        while chunk := list(islice(source, LOOKUP)):
            self._record(force=True)
            self._asked = {key: future for key, future in self._asked.items() if not future.done()}
            keys = [question.key(self._chat.model) for question in chunk]
            found = self._ledger.find(list(dict.fromkeys(keys)))
            for question, key in zip(chunk, keys, strict=True):
                stored = _from_ledger(question, found[key]) if key in found else None
                yield _Place(stored or self._submit(question, key))

    def _submit(self, question: Question, key: str) -> "Future[Answer]":
        if key not in self._asked:
            self._chat.open()  # here, so that a server that cannot start is reported once
            self._asked[key] = self._pool.submit(self._chat.answer, question, key, self._calls, self._stopped)
        return self._asked[key]

    def _first(self) -> Answer:
        answer = self._places[0].answer
        if isinstance(answer, Future):
            while not wait([answer], RECORD_SECONDS).done:
                self._record()
            self._record()
            answer = answer.result()
        self._places.popleft()
        return answer

    def _record(self, *, force: bool = False) -> None:
        while not self._calls.empty():
            self._unrecorded.append(self._calls.get())
        late = time.monotonic() - self._recorded_at >= RECORD_SECONDS
        if self._unrecorded and (force or late or len(self._unrecorded) >= RECORD_CALLS):
            self._ledger.record(self._unrecorded)
            self._unrecorded = []
            self._recorded_at = time.monotonic()


def _from_ledger(question: Question, stored: str) -> Answer | None:
    """Read a stored answer; None where it is not one that the question's form allows any more."""
    kept: Mapping[str, object] = json.loads(stored)
    text, scores = kept["text"], kept["scores"]
    if not isinstance(text, str) or not isinstance(scores, dict | None):
        return None
    try:
        value = question.form.schema.model_validate_json(text) if isinstance(question.form, Structured) else None
    except ValidationError:
        return None
    return Answer("ok", text=text, value=value, scores=scores, attempts=1, from_ledger=True)


def _repaired(question: Question, done: Exchange) -> tuple[Message, ...]:
    """Tell a model that writes objects what was wrong with the last one."""
    if not isinstance(question.form, Structured) or not done.raw or not done.raw.strip():
        return question.messages
    said = Message("assistant", done.raw[:SHOWN_CHARACTERS])
    return (*question.messages, said, Message("user", REPAIR.format(error=done.answer.error)))
