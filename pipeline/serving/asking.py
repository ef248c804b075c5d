"""One pass through an iterable of questions: looked up, asked, and answered in order.

The thread that consumes the answers reads the questions and the ledger; the calls go on beside it.
"""

import asyncio
import json
import queue
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import TimeoutError as WaitTimeoutError
from itertools import islice

from pydantic import ValidationError

from pipeline.serving.background import Background
from pipeline.serving.contract import Answer, Ledger, Question, Structured
from pipeline.serving.meter import Meter
from pipeline.serving.recorder import Recorder
from pipeline.serving.sending import Sender

__all__ = ["Asking"]

FIRST_LOOKUP, LARGEST_LOOKUP = 64, 1024  # questions looked up in the ledger at once: a look takes a fixed time
WINDOWS = 4  # answers kept for their turn, in multiples of the calls in flight
REMEMBERED = 1024  # finished questions that an equal one is answered from, until the ledger can
GOODBYE_SECONDS = 6.0  # a cancelled run is to be over within ten


class Place:
    """One question's place in the row of answers."""

    __slots__ = ("answer", "error", "task", "waited_for")

    def __init__(self, answer: Answer | None = None) -> None:
        """Hold an answer that is there already, or wait for one."""
        self.answer = answer
        self.error: BaseException | None = None
        self.task: asyncio.Task[None] | None = None
        self.waited_for = False

    @property
    def done(self) -> bool:
        """Say whether an answer or an error is there."""
        return self.answer is not None or self.error is not None


class Asking:
    """Ask questions of one chat."""

    def __init__(self, *, model: str, ledger: Ledger, background: Background, sender: Sender, recorder: Recorder, meter: Meter) -> None:
        """Ask nothing yet."""
        self._model = model
        self._ledger = ledger
        self._background = background
        self._sender = sender
        self._recorder = recorder
        self._meter = meter
        self._places: deque[Place] = deque()
        self._known: OrderedDict[str, Place] = OrderedDict()
        self._finished: queue.SimpleQueue[None] = queue.SimpleQueue()

    def answers(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answer the questions in their order, reading no further ahead than keeps the server busy."""
        self._meter.opened(1)
        try:
            for place in self._asked_for(questions):
                self._places.append(place)
                while self._places and (len(self._places) >= WINDOWS * self._sender.gate.flow.limit or self._places[0].done):
                    yield self._first()
            while self._places:
                yield self._first()
        finally:
            self._meter.opened(-1)

    def close(self) -> None:
        """Give up what has not been sent, wait shortly for what has, and write everything down."""
        try:
            if any(not place.done for place in self._places):
                try:
                    self._background.run(self._leave(list(self._places)), GOODBYE_SECONDS + 5.0)
                except WaitTimeoutError:
                    pass
        finally:
            self._recorder.flush()

    def _asked_for(self, questions: Iterable[Question]) -> Iterator[Place]:
        source, size = iter(questions), FIRST_LOOKUP
        while chunk := list(islice(source, size)):
            keys = [question.key(self._model) for question in chunk]
            found = self._ledger.find(list(dict.fromkeys(key for key in keys if key not in self._known)))
            for question, key in zip(chunk, keys, strict=True):
                stored = _from_ledger(question, found[key]) if key in found else None
                self._meter.asked(from_ledger=stored is not None)
                yield Place(stored) if stored is not None else self._submit(question, key)
            size = min(2 * size, LARGEST_LOOKUP)

    def _submit(self, question: Question, key: str) -> Place:
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = Place()
            self._background.loop.call_soon_threadsafe(self._begin, place, question, key)
            while len(self._known) > REMEMBERED and next(iter(self._known.values())).done:
                self._known.popitem(last=False)
        return place

    def _begin(self, place: Place, question: Question, key: str) -> None:
        place.task = asyncio.get_running_loop().create_task(self._answer(place, question, key))

    async def _answer(self, place: Place, question: Question, key: str) -> None:
        try:
            place.answer = await self._sender.answer(question, key)
        except BaseException as error:  # raised where the answer is due
            place.error = error
        if place.waited_for:
            self._finished.put(None)

    def _first(self) -> Answer:
        place = self._places[0]
        place.waited_for = True  # before looking whether it is done: one of the two threads sees the other
        while not place.done:
            self._finished.get()
        self._recorder.check()
        if place.answer is None:
            raise place.error if place.error is not None else AssertionError("a place without answer and error")
        self._places.popleft()
        return place.answer

    async def _leave(self, places: list[Place]) -> None:
        """Cancel what waits for its turn or for another try, and let what is in flight come back."""
        tasks = {place.task for place in places if place.task is not None and not place.task.done()}
        self._sender.gate.shut()
        for task in tasks - self._sender.in_flight:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GOODBYE_SECONDS)
            for task in late:
                task.cancel()
        self._sender.gate.reopen()


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
