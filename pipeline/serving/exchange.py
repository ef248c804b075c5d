"""One request and its reply: every way in which it can go wrong has a named outcome or a named error."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import openai

from pipeline.errors import EngineError
from pipeline.serving.answers import read_answer, read_reply
from pipeline.serving.contract import Answer, Message, Outcome, Question
from pipeline.serving.dialects import Dialect
from pipeline.serving.remote import refused_key
from pipeline.settings import EngineSettings

__all__ = ["ConnectionLostError", "Exchange", "LogprobsRefusedError", "exchange"]

TOO_LONG = ("context size", "context length", "context window", "context_length", "maximum model length", "too long", "max_model_len")
KEPT_CHARACTERS = 20_000  # of a reply that could not be used


class ConnectionLostError(Exception):
    """Report that the request did not get through."""


class LogprobsRefusedError(Exception):
    """Report that the server answers, but never with log-probabilities."""


@dataclass(frozen=True)
class Exchange:
    """What one attempt gave and cost; `again` says whether another attempt may do better."""

    answer: Answer
    again: bool = False
    raw: str | None = None
    finish_reason: str | None = None
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    milliseconds: float = 0.0


def exchange(
    client: openai.OpenAI, question: Question, turns: tuple[Message, ...], *,
    model: str, settings: EngineSettings, dialect: Dialect, temperature: float, logprobs: bool,
) -> Exchange:  # fmt: skip
    """Ask once.

    :raises EngineError: the key is refused, or there is no such model: no further question can do better.
    """
    started = time.monotonic()
    done = _send(client, question, turns, model, settings, dialect, temperature, logprobs)
    return replace(done, milliseconds=1000 * (time.monotonic() - started))


def _send(
    client: openai.OpenAI, question: Question, turns: tuple[Message, ...],
    model: str, settings: EngineSettings, dialect: Dialect, temperature: float, logprobs: bool,
) -> Exchange:  # fmt: skip
    messages: Any = [{"role": turn.role, "content": turn.content} for turn in turns]
    form = dialect.arguments(question.form, max_tokens=question.max_tokens, logprobs=logprobs)
    try:
        reply = client.chat.completions.with_raw_response.create(model=model, messages=messages, temperature=temperature, seed=question.seed, **form)
    except openai.APITimeoutError:
        return _failed("timeout", f"no answer within {settings.timeout_seconds:g} s (engine.timeout_seconds), asked several times")
    except openai.APIConnectionError as error:
        raise ConnectionLostError(str(error.__cause__ or error)) from error
    except openai.APIStatusError as error:
        return _refused(error, client, settings, "logprobs" in form)
    return _read(reply.text, question, dialect)


def _refused(error: openai.APIStatusError, client: openai.OpenAI, settings: EngineSettings, asked_logprobs: bool) -> Exchange:
    address, said = str(client.base_url).rstrip("/"), error.response.text[:1000]
    if error.status_code in {401, 403}:
        raise EngineError(refused_key(address, settings, error.status_code)) from None  # the cause may quote the key
    if error.status_code == 404:
        remedy = "Correct engine.model, or engine.base_url (it usually ends in /v1)."
        message = f"The server at {address} has no model {settings.model!r}, or is no OpenAI-compatible server (status 404). {remedy}"
        raise EngineError(message) from None
    if error.status_code in {400, 413, 422}:
        if any(sign in said.lower() for sign in TOO_LONG):
            return _failed("too_long", f"the prompt does not fit the model's context: {said}")
        if asked_logprobs and "logprob" in said.lower():
            raise LogprobsRefusedError(said) from None
    return _failed("server_error", f"status {error.status_code}: {said}")


def _read(body: str, question: Question, dialect: Dialect) -> Exchange:
    try:
        parsed = _parse(body)
        choice = parsed["choices"][0]
        reply = read_reply(choice)
        tokens = _tokens(parsed.get("usage"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        message = f"the reply is no chat completion ({type(error).__name__}): {body[:200]}"
        return Exchange(Answer("server_error", error=message), again=True, raw=body[:KEPT_CHARACTERS])
    answer = read_answer(question.form, reply, wrapped=dialect.wrapped)
    raw = None if answer.outcome == "ok" else reply.text[:KEPT_CHARACTERS]
    again = answer.outcome not in {"ok", "refused"}
    return Exchange(answer, again, raw, reply.finish_reason, *tokens)


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


def _failed(outcome: Outcome, error: str) -> Exchange:
    return Exchange(Answer(outcome, error=error))
