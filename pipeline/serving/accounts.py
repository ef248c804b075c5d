"""The books of a chat: each call becomes a row of the ledger, a part of the measurements and a debit of the budget."""

import asyncio
from dataclasses import replace

from pipeline.call_records import Call
from pipeline.ids import canonical_json
from pipeline.serving.contract import Question
from pipeline.serving.meter import Meter
from pipeline.serving.recorder import Recorder
from pipeline.serving.spending import Reserved, Spending
from pipeline.serving.wire import Exchange, Request
from pipeline.settings import EngineSettings

__all__ = ["Accounts"]

WAIT_SECONDS = 0.05  # between two looks at a budget that calls in flight may still leave room in


class Accounts:
    """Admits calls and books them."""

    def __init__(self, *, settings: EngineSettings, model: str, run_id: str, recorder: Recorder, spending: Spending, key: str | None) -> None:
        """Book for one model and one run; `key` is the server's, which must never be written down."""
        self.meter = Meter()
        self.recorder = recorder
        self.server: str | None = None
        self._settings = settings
        self._model = model
        self._run_id = run_id
        self._spending = spending
        self._key = key

    async def admit(self, request: Request) -> tuple[Reserved, int]:
        """Wait until the budget has room for a call, and give what is reserved and the prompt's bytes.

        :raises BudgetReachedError: it has none left.
        """
        prompt_bytes = sum(len(turn.content.encode()) for turn in request.turns)
        wanted = self._spending.bound(prompt_bytes, request.max_tokens, self._settings.prices)
        while not self._spending.admit(wanted):
            await asyncio.sleep(WAIT_SECONDS)
        return wanted, prompt_bytes

    def book(self, question: Question, call_key: str, attempt: int, request: Request, done: Exchange, admitted: tuple[Reserved, int]) -> None:
        """Enter one attempt, whatever came of it."""
        prices, ok = self._settings.prices, done.answer.outcome == "ok"
        cost = prices.cost(done.tokens_in, done.tokens_cached, done.tokens_out) if prices else None
        reserved, prompt_bytes = admitted
        self._spending.settle(reserved, tokens_in=done.tokens_in, tokens_out=done.tokens_out, cost=cost or 0.0, prompt_bytes=prompt_bytes)
        self.meter.spent(ok=ok, tokens_in=done.tokens_in, tokens_cached=done.tokens_cached, tokens_out=done.tokens_out, cost=cost)
        kept = done.raw if not ok or self._settings.keep_answers == "all" else None
        self.recorder.put(
            Call(
                call_key=call_key, run_id=self._run_id, purpose=question.purpose, model=self._model, prompt=question.prompt, attempt=attempt,
                tokens_in=done.tokens_in, tokens_cached=done.tokens_cached, tokens_out=done.tokens_out, milliseconds=done.milliseconds,
                finish_reason=done.finish_reason, outcome=done.answer.outcome, error=self.without_key(done.answer.error),
                answer=canonical_json({"text": done.answer.text, "scores": done.answer.scores}) if ok else None,
                raw=self.without_key(kept), server=self.server or done.server, answer_form=question.form_id,
                parameters={"max_tokens": request.max_tokens, "temperature": round(request.temperature, 6)}, seed=request.seed, cost=cost,
                texts=question.texts,
            )
        )  # fmt: skip

    def give_back(self, admitted: tuple[Reserved, int]) -> None:
        """Release what was reserved for a call that was never sent."""
        self._spending.release(admitted[0])

    def clean(self, done: Exchange) -> Exchange:
        """Take the server's key out of what a person will read."""
        return replace(done, answer=replace(done.answer, error=self.without_key(done.answer.error)))

    def without_key(self, text: str | None) -> str | None:
        """Blank the server's key out of a text."""
        return text.replace(self._key, "[key]") if text and self._key else text
