"""Reads what a server answers to `/v1/embeddings`: every way in which it can be wrong has a named error."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import numpy as np

from pipeline.embedding.contract import Matrix
from pipeline.errors import EngineError

__all__ = ["PassingError", "TooLongError", "embeddings_of"]

BUSY = frozenset({408, 409, 425, 429})  # statuses that ask to come back
TOO_LONG_BROKEN = ("too large to process", "context size")  # as llama.cpp says it, with status 500
TOO_LONG = ("context size", "context length", "context window", "context_length", "maximum model length", "too long", "too large", "max_model_len")
SHOWN = 300  # characters of what the server said


class PassingError(Exception):
    """Report what may go better when it is sent again, and for how many seconds the server asked."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLongError(Exception):
    """Report that the texts do not fit the server's context."""


def embeddings_of(reply: httpx.Response, *, count: int, who: str, key: str | None) -> Matrix:
    """Give the vectors of a reply in the order of the texts, (count, d), of any length.

    :param who: the server and its model, for messages; `key` is kept out of them.
    :raises PassingError: the server is busy or broken, or the reply is not what was asked for.
    :raises TooLongError: the texts are too long for the server.
    :raises EngineError: the server refuses the key, the model or the request.
    """
    said = reply.text[:SHOWN].replace(key, "***") if key else reply.text[:SHOWN]
    if reply.status_code == 200:
        return _vectors(reply, count, said)
    signs = TOO_LONG if reply.status_code in {400, 413, 422} else TOO_LONG_BROKEN if reply.status_code == 500 else ()
    if reply.status_code == 413 or any(sign in reply.text.lower() for sign in signs):
        raise TooLongError(said)
    if reply.status_code in BUSY or reply.status_code >= 500:
        raise PassingError(f"status {reply.status_code}: {said}", _retry_after(reply.headers.get("Retry-After")))
    if reply.status_code in {401, 403}:
        given = "the key in embedder.key_env" if key else "a call without a key (embedder.key_env is not set)"
        raise EngineError(f"{who} refuses {given} (status {reply.status_code}). Correct the key or embedder.key_env.")
    if reply.status_code == 404:
        remedy = "Correct embedder.model, or embedder.base_url (it usually ends in /v1)"
        raise EngineError(f"{who} is not there: no such model, or no server of embeddings (status 404: {said}). {remedy}.")
    raise EngineError(f"{who} refuses the texts: status {reply.status_code}: {said}.")


def _vectors(reply: httpx.Response, count: int, said: str) -> Matrix:
    try:
        rows: list[Any] = reply.json()["data"]
        places = [int(row.get("index", place)) for place, row in enumerate(rows)]
        values = [[float(value) for value in row["embedding"]] for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PassingError(f"the reply holds no embeddings ({type(error).__name__}: {error}): {said}") from error
    if len(rows) != count:
        raise PassingError(f"the reply holds {len(rows)} embeddings for {count} texts")
    if sorted(places) != list(range(count)):
        raise PassingError(f"the reply numbers its {count} embeddings {places[:10]}")
    widths = sorted({len(row) for row in values})
    if len(widths) != 1 or not widths[0]:
        raise PassingError(f"the reply holds embeddings of {' and '.join(map(str, widths))} values")
    found = np.empty((count, widths[0]), dtype=np.float32)
    with np.errstate(over="ignore"):
        found[places] = np.asarray(values)
    if not np.isfinite(found).all():
        raise PassingError(f"the reply holds {int((~np.isfinite(found)).sum())} values that are no numbers")
    if not found.any(axis=1).all():
        raise PassingError(f"the reply holds {int((~found.any(axis=1)).sum())} embeddings of nothing but zeros")
    return found


def _retry_after(header: str | None) -> float | None:
    """Read the header, which holds seconds or a date."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
