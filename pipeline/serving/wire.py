"""One request and its reply: every way in which it can go wrong has a named outcome or a named error."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import aiohttp

from pipeline.errors import EngineError
from pipeline.serving.answers import read_answer, read_reply
from pipeline.serving.contract import Answer, AnswerForm, Message, Outcome
from pipeline.serving.dialects import Dialect
from pipeline.serving.remote import refused_certificate, refused_key
from pipeline.settings import EngineSettings

__all__ = ["ConnectionLostError", "Exchange", "LogprobsRefusedError", "Request", "exchange", "request_body"]

TOO_LONG = ("context size", "context length", "context window", "context_length", "maximum model length", "too long", "max_model_len")
KEPT_CHARACTERS = 20_000  # of a reply that could not be used
LONGEST_BODY = 32 * 2**20  # bytes: a server that never ends must not fill the memory
BUSY = frozenset({408, 409, 425, 429})  # statuses that ask to come back
Again = Literal["never", "answer", "transport"]


class ConnectionLostError(Exception):
    """Report that the request did not get through."""


class LogprobsRefusedError(Exception):
    """Report that the server answers, but not with as many log-probabilities."""


@dataclass(frozen=True)
class Request:
    """What is sent once: a question's turns as they are by now, and how it is to be decoded."""

    turns: tuple[Message, ...]
    form: AnswerForm
    max_tokens: int
    temperature: float
    seed: int


@dataclass(frozen=True)
class Exchange:
    """What one attempt gave and cost.

    `again` says what another attempt may mend: nothing, the model's answer, or the way there. `busy` means that the server
    asked for fewer calls, and `retry_after` for how many seconds.
    """

    answer: Answer
    again: Again = "never"
    busy: bool = False
    retry_after: float | None = None
    raw: str | None = None
    finish_reason: str | None = None
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    milliseconds: float = 0.0
    server: str | None = None


async def exchange(
    session: aiohttp.ClientSession, address: str, request: Request, *,
    model: str, settings: EngineSettings, dialect: Dialect, logprobs: int, slot: int | None = None,
) -> Exchange:  # fmt: skip
    """Ask once.

    :param logprobs: alternatives to report for each token of a choice, 0 for none.
    :param slot: the place of an embedded server that is to answer; any where absent.
    :raises EngineError: the key, the certificate or the model is refused: no further question can do better.
    :raises ConnectionLostError: the request did not get through, or the reply broke off.
    :raises LogprobsRefusedError: the server would answer with fewer log-probabilities, or with none.
    """
    started = time.perf_counter()
    body = request_body(request, model=model, dialect=dialect, logprobs=logprobs, slot=slot)
    try:
        async with session.post(f"{address}/chat/completions", data=body) as reply:
            text = await _body(reply)
            done = _read(text, request.form, dialect) if reply.status == 200 else _refused(reply, text, settings, address, bool(logprobs))
    except TimeoutError:
        done = _failed("timeout", f"no answer within {settings.timeout_seconds:g} s (engine.timeout_seconds)", again="transport", busy=True)
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        raise EngineError(refused_certificate(address, settings, str(error))) from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
        raise ConnectionLostError(str(error) or type(error).__name__) from error
    except aiohttp.ClientError as error:  # the server speaks, but not HTTP
        done = _failed("server_error", f"the reply is no HTTP: {type(error).__name__}: {error}"[:500], again="transport")
    return replace(done, milliseconds=1000 * (time.perf_counter() - started))


def request_body(request: Request, *, model: str, dialect: Dialect, logprobs: int, slot: int | None = None) -> bytes:
    """Spell a request as JSON."""
    form = dialect.arguments(request.form, max_tokens=request.max_tokens, top_logprobs=logprobs)
    messages = [{"role": turn.role, "content": turn.content} for turn in request.turns]
    placed = {} if slot is None else {"id_slot": slot}
    return json.dumps({"model": model, "messages": messages, "temperature": request.temperature, "seed": request.seed, **form, **placed}).encode()


async def _body(reply: aiohttp.ClientResponse) -> str:
    parts: list[bytes] = []
    length = 0
    async for part in reply.content.iter_any():
        parts.append(part)
        length += len(part)
        if length > LONGEST_BODY:
            raise aiohttp.ClientPayloadError(f"the reply is longer than {LONGEST_BODY} bytes")
    return b"".join(parts).decode("utf-8", "replace")


def _refused(reply: aiohttp.ClientResponse, text: str, settings: EngineSettings, address: str, asked_logprobs: bool) -> Exchange:
    status, said = reply.status, text[:1000]
    if status in {401, 403}:
        raise EngineError(refused_key(address, settings, status))
    if status == 404:
        remedy = "Correct engine.model, or engine.base_url (it usually ends in /v1)."
        raise EngineError(f"The server at {address} has no model {settings.model!r}, or is no OpenAI-compatible server (status 404). {remedy}")
    if status in {400, 413, 422}:
        if any(sign in said.lower() for sign in TOO_LONG):
            return _failed("too_long", f"the prompt does not fit the model's context: {said}")
        if asked_logprobs and "logprob" in said.lower():
            raise LogprobsRefusedError(said)
    error = f"status {status}: {said}"
    if status in BUSY or status >= 500:
        busy = status in BUSY or status == 503
        return _failed("server_error", error, again="transport", busy=busy, retry_after=_retry_after(reply.headers.get("Retry-After")))
    return _failed("server_error", error)


def _retry_after(header: str | None) -> float | None:
    """Read the header, which holds seconds or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _read(body: str, form: AnswerForm, dialect: Dialect) -> Exchange:
    try:
        parsed = _parse(body)
        if parsed.get("error") and "choices" not in parsed:
            message = f"status 200 with an error in the body: {json.dumps(parsed['error'])[:500]}"
            return replace(_failed("server_error", message, again="transport"), raw=body[:KEPT_CHARACTERS])
        reply = read_reply(parsed["choices"][0])
        tokens = _tokens(parsed.get("usage"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        message = f"the reply is no chat completion ({type(error).__name__}): {body[:200]}"
        return replace(_failed("server_error", message, again="transport"), raw=body[:KEPT_CHARACTERS])
    answer = read_answer(form, reply, wrapped=dialect.wrapped)
    again: Again = "never" if answer.outcome in {"ok", "refused"} else "answer"
    version = parsed.get("system_fingerprint")
    return Exchange(
        answer, again, raw=reply.text[:KEPT_CHARACTERS], finish_reason=reply.finish_reason, server=version if isinstance(version, str) else None,
        tokens_in=tokens[0], tokens_cached=tokens[1], tokens_out=tokens[2],
    )  # fmt: skip


def _parse(body: str) -> Mapping[str, Any]:
    parsed = json.loads(body)
    if not isinstance(parsed, dict):
        raise TypeError(f"expected an object, found {type(parsed).__name__}")
    return parsed


def _tokens(usage: object) -> tuple[int, int, int]:
    if not isinstance(usage, dict):
        return 0, 0, 0
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    return int(usage.get("prompt_tokens") or 0), int(cached or 0), int(usage.get("completion_tokens") or 0)


def _failed(outcome: Outcome, error: str, *, again: Again = "never", busy: bool = False, retry_after: float | None = None) -> Exchange:
    return Exchange(Answer(outcome, error=error), again, busy=busy, retry_after=retry_after)
