"""An embedder behind an OpenAI-compatible server, as vLLM or llama.cpp with `--embedding`.

What goes wrong on the way (429, 5xx, time-outs, broken connections, replies that are no embeddings) is sent again, after the server's
Retry-After or a growing pause. What asking again cannot mend is told at once: a refused key, an unknown model, vectors of another width.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import httpx
import numpy as np
import tenacity

from pipeline.embedder_settings import EmbedderSettings
from pipeline.embedding.contract import LONGEST_TEXT, Matrix, unit_rows
from pipeline.embedding.replies import PassingError, TooLongError, embeddings_of
from pipeline.errors import EngineError
from pipeline.serving.remote import is_loopback

__all__ = ["ServedEmbedder"]

BATCH = 64
IN_FLIGHT = 4
SECONDS, CONNECT_SECONDS = 120.0, 15.0
SENDS = 6
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_RETRY_AFTER = 0.5, 15.0, 300.0
SHORTEST_CUT = 50  # characters below which a text that is too long for the server is no matter of its length
NO_TEXT = "."  # sent for a text without a word, since servers refuse empty input


class ServedEmbedder:
    """A model that a server embeds with; implements `Embedder`.

    :param first_pause: seconds before something is sent again; each further pause is longer.
    """

    def __init__(self, settings: EmbedderSettings, *, first_pause: float = FIRST_PAUSE) -> None:
        """Remember whom to ask; nothing is sent before the first text."""
        self._settings = settings
        self._address = settings.base_url.rstrip("/")
        self._first_pause = first_pause
        self._width: int | None = None
        self._lock = threading.Lock()

    @property
    def embedder_id(self) -> str:
        """Name the model; where it is served does not matter."""
        return f"{self._settings.model}@served"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; only the first 4,000 characters of a text count, or as many as fit the server's context.

        :raises EngineError: the server cannot be reached, refuses the key or the model, or answers nothing usable after several attempts.
        """
        heads = [text[:LONGEST_TEXT] if text.strip() else NO_TEXT for text in texts]
        batches = [heads[start : start + BATCH] for start in range(0, len(heads), BATCH)]
        if not batches:
            return np.zeros((0, self._width or 0), dtype=np.float32)
        _ = self._client  # made once, and not by several threads
        pool = ThreadPoolExecutor(min(IN_FLIGHT, len(batches)))
        try:
            return unit_rows(np.concatenate(list(pool.map(self._embedded, batches))))
        finally:
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Hang up."""
        if "_client" in self.__dict__:
            self._client.close()
            del self.__dict__["_client"]

    @cached_property
    def _client(self) -> httpx.Client:
        key = self._key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
        return httpx.Client(headers=headers, timeout=timeout, trust_env=not is_loopback(self._address))

    @cached_property
    def _key(self) -> str | None:
        name = self._settings.key_env
        if name is None:
            return None
        key = os.environ.get(name, "").strip()
        if not key:
            raise EngineError(f"The environment variable {name} (embedder.key_env) is not set. Set it to the key of {self._address}.")
        return key

    def _embedded(self, batch: list[str]) -> Matrix:
        """Embed one batch, in smaller ones and shorter texts where it is too long for the server."""
        try:
            found = self._delivered(batch)
        except TooLongError as error:
            if len(batch) > 1:
                return np.concatenate([self._embedded(batch[: len(batch) // 2]), self._embedded(batch[len(batch) // 2 :])])
            if len(batch[0]) <= SHORTEST_CUT:
                raise EngineError(f"{self._who} says that a text of {len(batch[0])} characters is too long: {error}.") from error
            return self._embedded([batch[0][: len(batch[0]) // 2]])
        with self._lock:
            self._width = self._width or found.shape[1]
        if found.shape[1] != self._width:
            raise EngineError(f"{self._who} gave vectors of {self._width} values and then of {found.shape[1]}. Look which models it serves.")
        return found

    def _delivered(self, batch: list[str]) -> Matrix:
        """Send a batch until it gets through, or has failed on the way too often."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingError), wait=self._pause, stop=tenacity.stop_after_attempt(SENDS), reraise=True
        )
        try:
            return retrying(self._sent, batch)
        except PassingError as error:
            raise EngineError(f"{self._who} answered nothing usable in {SENDS} attempts; the last: {error}. Look at the server.") from error

    def _sent(self, batch: list[str]) -> Matrix:
        request = {"model": self._settings.model, "input": batch, "encoding_format": "float"}
        try:
            reply = self._client.post(f"{self._address}/embeddings", json=request)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise EngineError(f"{self._address} (embedder.base_url) is no address: {error}. Give one as http://127.0.0.1:8000/v1.") from error
        except httpx.HTTPError as error:
            raise PassingError(f"{type(error).__name__}: {error}") from error
        return embeddings_of(reply, count=len(batch), who=self._who, key=self._key)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Wait as long as the server asked, else longer each time, each batch a little differently."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, PassingError) and error.retry_after is not None:
            return min(error.retry_after, LONGEST_RETRY_AFTER)
        return tenacity.wait_exponential_jitter(multiplier=self._first_pause, max=LONGEST_PAUSE, jitter=self._first_pause)(state)

    @property
    def _who(self) -> str:
        return f"The embedder {self._settings.model!r} at {self._address}"
