"""Scores requests in one thread: those that wait are embedded and scored together.

What arrives while one batch is scored makes the next. A request that comes alone waits for nothing. After several were scored
together, as many are waited for, at most a tenth of the time that those took, because clients that got their answers together ask
again together. Each batch is scored by the student that is served when it begins.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.endpoint.asked import Asked
from pipeline.endpoint.figures import Figures
from pipeline.endpoint.served import Scored
from pipeline.students import TextClassifier, TextPrediction

__all__ = ["Batcher", "score_one"]

TOGETHER = 256  # texts scored at once: enough for full speed, few enough that none waits long
PATIENCE, LONGEST, LOOK = 0.1, 0.05, 0.001  # share of the last batch's seconds that is waited for others, seconds at most, seconds between looks
Answer = Scored | Exception


@dataclass(frozen=True)
class _Waiting:
    asked: Asked
    answer: asyncio.Future[Answer]  # an error is a value, so that one whose client has gone is not shown by anybody


class Batcher:
    """Takes requests on the event loop and scores them in a thread of its own."""

    def __init__(self, classifier: TextClassifier, figures: Figures) -> None:
        """Start nothing yet."""
        self.classifier = classifier  # which may be replaced at any time
        self._figures = figures
        self._waiting: deque[_Waiting] = deque()
        self._pool = ThreadPoolExecutor(1, "scoring")
        self._work: asyncio.Task[None] | None = None
        self._last, self._seconds = 0, 0.0  # requests scored last, and how long it took

    async def load(self) -> None:
        """Score one text, so that weights are fetched and loaded before there is a request."""
        await asyncio.get_running_loop().run_in_executor(self._pool, score_one, self.classifier)

    async def ask(self, asked: Asked) -> Scored:
        """Score the texts of a request, together with those of others."""
        one = _Waiting(asked, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._score_all())
        found = await one.answer
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End the thread, without waiting for what it does."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _score_all(self) -> None:
        while self._waiting:
            if self._last > 1:
                await self._wait_for_others()
            batch = self._next_batch()
            if not batch:
                continue
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                answers = await loop.run_in_executor(self._pool, _answers, self.classifier, [one.asked for one in batch])
            except RuntimeError as error:  # the thread has ended
                answers = [error] * len(batch)
            self._last, self._seconds = len(batch), loop.time() - began
            self._figures.scored(sum(len(one.asked.texts) for one in batch), self._seconds)
            for one, answer in zip(batch, answers, strict=True):
                if not one.answer.done():
                    one.answer.set_result(answer)

    async def _wait_for_others(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + min(LONGEST, PATIENCE * self._seconds)
        while len(self._waiting) < self._last and loop.time() < until:
            await asyncio.sleep(LOOK)

    def _next_batch(self) -> list[_Waiting]:
        """Take whole requests in order, at least one, without those whose clients have gone."""
        batch: list[_Waiting] = []
        texts = 0
        while self._waiting and (not batch or texts + len(self._waiting[0].asked.texts) <= TOGETHER):
            one = self._waiting.popleft()
            if not one.answer.done():
                batch.append(one)
                texts += len(one.asked.texts)
        return batch


def score_one(classifier: TextClassifier) -> None:
    """Score a text for nothing but to load what is needed, and to see that it works."""
    _scored(classifier, [Asked(["a text"], [{}], 1)])


def _answers(classifier: TextClassifier, batch: Sequence[Asked]) -> list[Answer]:
    """Score requests together; where that fails, one by one, so that one that cannot be scored costs only itself."""
    try:
        return list(_scored(classifier, batch))
    except Exception as error:
        return [error] if len(batch) == 1 else [answer for one in batch for answer in _answers(classifier, [one])]


def _scored(classifier: TextClassifier, batch: Sequence[Asked]) -> list[Scored]:
    texts = [text for asked in batch for text in asked.texts]
    metadata = [row for asked in batch for row in (asked.metadata or [{}] * len(asked.texts))]
    found = iter(classifier.predict(texts, metadata=metadata, top=max(asked.top for asked in batch)))
    name = classifier.student.card["classifier_id"]
    return [Scored(name, [_cut(next(found), asked.top) for _ in asked.texts]) for asked in batch]


def _cut(found: TextPrediction, top: int) -> TextPrediction:
    """Leave out the alternatives that another request has asked for."""
    return found if len(found.alternatives) < top else TextPrediction(**{**vars(found), "alternatives": found.alternatives[: top - 1]})
