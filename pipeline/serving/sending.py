"""Sends questions to the servers until each is answered or given up; all of it on one event loop.

Two kinds of fault are kept apart. What the model answered badly is asked again, warmer and told what was wrong, as often
as `engine.attempts` says. What went wrong on the way (429, 5xx, time-outs, broken connections, garbage) is sent again
unchanged, after the server's Retry-After or a growing pause: that is `tenacity`'s work.
"""

import asyncio
import importlib.metadata
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import tenacity

from pipeline.errors import EngineGoneError
from pipeline.serving.accounts import Accounts
from pipeline.serving.contract import Answer, Message, Question, Structured
from pipeline.serving.dialects import Dialect
from pipeline.serving.flow import Flow, Gate
from pipeline.serving.prompt_cache import share_prompt_cache
from pipeline.serving.remote import is_loopback, server_key, tls_of
from pipeline.serving.replicas import Replica, Replicas
from pipeline.serving.reports import count_tokens, queue_length, server_version
from pipeline.serving.servers import embedded_slots
from pipeline.serving.wire import ConnectionLostError, Exchange, LogprobsRefusedError, Request, exchange
from pipeline.settings import EngineSettings

__all__ = ["Sender", "first_limit", "most_in_flight"]

CONNECT_SECONDS = 15.0
KEEP_SECONDS = 4.0  # of an idle connection: less than the five after which common servers close it
SENDS = 6  # of one attempt that fails on the way
HUNG_SENDS = 2  # of one attempt that the server lets hang
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
LONGEST_RETRY_AFTER = 300.0
FIRST_LIMIT, MOST_IN_FLIGHT = 8, 256
FEWER_LOGPROBS = {40: 20, 20: 5, 5: 0}
LONG_OPENING = 1000  # characters from which computing an opening once, and not once a slot, is worth waiting for
REPORT_SECONDS = 2.0
SHOWN_CHARACTERS = 1500  # of a bad answer, when the model is told of it


def first_limit(settings: EngineSettings) -> int:
    """Give the number of calls in flight to start with."""
    return most_in_flight(settings) if settings.kind == "embedded" else min(FIRST_LIMIT * max(1, len(settings.base_url)), most_in_flight(settings))


def most_in_flight(settings: EngineSettings) -> int:
    """Give the largest number of calls in flight: the embedded engine's places are known, other servers' are found out."""
    return embedded_slots(settings) if settings.kind == "embedded" else settings.concurrency or MOST_IN_FLIGHT


class Sender:
    """Answers one question at a time, any number of them side by side."""

    def __init__(self, replicas: Replicas, *, settings: EngineSettings, dialect: Dialect, model_name: str, accounts: Accounts) -> None:
        """Send nothing yet."""
        self.gate = Gate(Flow(first_limit(settings), most_in_flight(settings)))
        self.in_flight: set[asyncio.Task[Any]] = set()
        self._replicas = replicas
        self._settings = settings
        self._dialect = dialect
        self._model_name = model_name
        self._accounts = accounts
        self._logprobs = dialect.top_logprobs
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._reporting: asyncio.Task[None] | None = None
        self._failing_since: float | None = None

    async def answer(self, question: Question, call_key: str) -> Answer:
        """Ask one question until it is answered or its attempts are used up.

        :raises EngineError: no server can be started or reached, or it refuses the key or the model.
        :raises BudgetReachedError: the run may not spend more.
        """
        turns, attempts = question.messages, itertools.count(1)
        attempt = 0
        for round_ in range(self._settings.attempts):
            # Only what a model writes freely becomes another answer when it is warmer.
            warmer = 0.1 * round_ if isinstance(question.form, Structured) else 0.1 * max(0, round_ - 1)
            request = Request(turns, question.form, question.max_tokens, question.temperature + warmer, question.seed)
            done, attempt = await self._deliver(question, call_key, request, attempts)
            if done.again != "answer":
                break
            turns = _repaired(question, done)
        return replace(self._accounts.clean(done).answer, attempts=attempt)

    async def room(self, messages: Sequence[Message], max_tokens: int) -> int | None:
        """Count the tokens left beside a prompt and its answer; None where the server counts none."""
        replica = await self._replicas.choose()
        counted = await count_tokens(self._session(replica.address), replica.address, self._model_name, messages)
        if counted is None:
            return None
        tokens, longest = counted
        return min(self._settings.context_tokens, longest or self._settings.context_tokens) - tokens - max_tokens

    async def close(self) -> None:
        """Hang up."""
        if self._reporting is not None:
            self._reporting.cancel()
        await self._replicas.close()
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _deliver(self, question: Question, call_key: str, request: Request, attempts: Iterator[int]) -> tuple[Exchange, int]:
        """Send one request until it gets through, or has failed on the way too often; say which attempt was the last."""
        last = 0

        async def send() -> Exchange:
            nonlocal last
            last = next(attempts)
            return await self._send(question, call_key, request, last)

        done = await send()
        if done.again == "transport":
            retrying = tenacity.AsyncRetrying(
                retry=tenacity.retry_if_result(lambda result: result.again == "transport"),
                wait=_pause,
                stop=_enough,
                retry_error_callback=_last_result,
            )
            state = tenacity.RetryCallState(retrying, None, (), {})
            state.set_result(done)
            await asyncio.sleep(_pause(state))
            done = await retrying(send)
        if done.again == "transport":
            self._give_up_on_a_server_that_refuses_all(done)
        return done, last

    async def _send(self, question: Question, call_key: str, request: Request, attempt: int) -> Exchange:
        """Send once, on a server that is brought back where it went, and book what came of it."""
        await self.gate.enter()
        try:
            admitted = await self._accounts.admit(request)
            try:
                done = await self._on_a_server(question, request)
            except BaseException:
                self._accounts.give_back(admitted)
                raise
            self._accounts.book(question, call_key, attempt, request, done, admitted)
            self._learn(done)
            return done
        finally:
            self.gate.leave()

    async def _on_a_server(self, question: Question, request: Request) -> Exchange:
        while True:
            replica = await self._replicas.choose()
            life = replica.life
            try:
                return await self._warmed(replica, question, request)
            except LogprobsRefusedError:
                self._logprobs = FEWER_LOGPROBS.get(self._logprobs, 0)
            except ConnectionLostError as error:
                await self._replicas.lost(replica, life, str(error))
                if replica.life == life and replica.up:  # it lives: this connection alone broke
                    return Exchange(Answer("server_error", error=f"the connection was lost: {error}"), again="transport")

    async def _warmed(self, replica: Replica, question: Question, request: Request) -> Exchange:
        """Let the first question of its kind go ahead, so that what all have in common is computed once."""
        opening = request.turns[:-1]
        if sum(len(turn.content) for turn in opening) < LONG_OPENING or opening != question.opening:
            return await self._exchange(replica, request)
        known = replica.warm.get(opening)
        if known is not None:
            await known.wait()
            return await self._exchange(replica, request)
        known = replica.warm[opening] = asyncio.Event()
        try:
            embedded = self._settings.kind == "embedded"
            done = await self._exchange(replica, request, slot=0 if embedded else None)
            if embedded and (slots := embedded_slots(self._settings)) > 1:
                await asyncio.to_thread(share_prompt_cache, replica.address, 0, slots)
            return done
        finally:
            known.set()

    async def _exchange(self, replica: Replica, request: Request, slot: int | None = None) -> Exchange:
        session = self._session(replica.address)
        if self._reporting is None:
            self._reporting = asyncio.create_task(self._report(session))
            self._accounts.server = await self._software(session, replica.address)
        task = asyncio.current_task()
        replica.in_flight += 1
        self._accounts.meter.flew(1)
        if task is not None:
            self.in_flight.add(task)
        try:
            done = await exchange(
                session, replica.address, request, model=self._model_name, settings=self._settings, dialect=self._dialect,
                logprobs=self._logprobs, slot=slot,
            )  # fmt: skip
        finally:
            if task is not None:
                self.in_flight.discard(task)
            self._accounts.meter.flew(-1)
            replica.in_flight -= 1
        if done.again != "transport":
            self._replicas.answered(replica)
        return done

    async def _software(self, session: aiohttp.ClientSession, address: str) -> str | None:
        """Name what serves, with its version, as far as it can be known beside the replies."""
        if self._settings.kind == "embedded":
            return f"llama.cpp in xllamacpp {importlib.metadata.version('xllamacpp')}"
        return await server_version(session, address) if self._settings.kind == "vllm" else None

    def _learn(self, done: Exchange) -> None:
        """Let the flow see what came of a call."""
        if done.again != "transport":
            self._failing_since = None
            self.gate.answered()
            return
        self._failing_since = self._failing_since or time.monotonic()
        if done.busy:
            self.gate.flow.refused()
        if done.retry_after:
            self.gate.pause(min(done.retry_after, LONGEST_RETRY_AFTER))

    def _give_up_on_a_server_that_refuses_all(self, done: Exchange) -> None:
        """Stop early where nothing has got through for `engine.patience_seconds`."""
        since, patience = self._failing_since, self._settings.patience_seconds
        if since is not None and time.monotonic() - since > patience:
            error = self._accounts.without_key(done.answer.error)
            raise EngineGoneError(
                f"The server has answered nothing usable for more than {patience:g} s (engine.patience_seconds); the last it said: {error}."
                " Look at the server and run once more; what was answered is kept."
            )

    async def _report(self, session: aiohttp.ClientSession) -> None:
        """Watch the servers' own queues for as long as calls are in flight."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if not self.gate.inside:
                continue
            waiting = [await queue_length(self._session(replica.address), replica.address) for replica in self._replicas.up]
            known = [length for length in waiting if length is not None]
            if not known:
                return
            self._accounts.meter.reported(sum(known))
            if self._settings.kind != "embedded":
                self.gate.flow.reported(sum(known))

    def _session(self, address: str) -> aiohttp.ClientSession:
        """Give the connections to an address: no proxy may stand between us and this machine."""
        local = is_loopback(address)
        if local not in self._sessions:
            key, seconds = server_key(self._settings), self._settings.timeout_seconds
            self._sessions[local] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS, ssl=tls_of(self._settings, address)),
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, CONNECT_SECONDS)),
                headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}),
                trust_env=not local,
            )
        return self._sessions[local]


def _pause(state: tenacity.RetryCallState) -> float:
    """Wait as long as the server asked, else longer each time, each call a little differently."""
    done: Exchange = state.outcome.result()  # type: ignore[union-attr]
    if done.retry_after is not None:
        return min(done.retry_after, LONGEST_RETRY_AFTER)
    return tenacity.wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE)(state)


def _enough(state: tenacity.RetryCallState) -> bool:
    """Say whether a request has been sent often enough; the first sending is not tenacity's."""
    done: Exchange = state.outcome.result()  # type: ignore[union-attr]
    return state.attempt_number + 1 >= (HUNG_SENDS if done.answer.outcome == "timeout" else SENDS)


def _last_result(state: tenacity.RetryCallState) -> Exchange:
    done: Exchange = state.outcome.result()  # type: ignore[union-attr]
    return done


def _repaired(question: Question, done: Exchange) -> tuple[Message, ...]:
    """Tell a model that writes objects what was wrong with the last one."""
    from pipeline.prompts import load_prompt  # it needs the contract, which this package loads

    if not isinstance(question.form, Structured) or not done.raw or not done.raw.strip():
        return question.messages
    said = Message("assistant", done.raw[:SHOWN_CHARACTERS])
    return (*question.messages, said, *load_prompt("repair").render(error=done.answer.error or ""))
