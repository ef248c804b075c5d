"""The line to one server: opened with the first call, opened again once where a server of ours died."""

import logging
import threading
from dataclasses import dataclass
from typing import Protocol

import openai

from pipeline.errors import EngineGoneError
from pipeline.serving.remote import is_loopback, server_key
from pipeline.settings import EngineSettings

__all__ = ["Connection", "Line", "Server"]

log = logging.getLogger(__name__)
CONNECT_SECONDS = 15.0
TRANSPORT_RETRIES = 2  # by the openai client: 429 with Retry-After, 5xx, lost connections


class Server(Protocol):
    """A model server that can be started (or joined) and stopped."""

    @property
    def identity(self) -> str:
        """Name the model, weights and all."""

    @property
    def model_name(self) -> str:
        """Give the name that requests use."""

    @property
    def started_here(self) -> bool:
        """Say whether the server is ours to start again."""

    def start(self) -> str:
        """Start or join the server and give its base address."""

    def alive(self) -> bool:
        """Say whether it still answers."""

    def stop(self) -> None:
        """Stop the server if it was started here."""


@dataclass(frozen=True)
class Line:
    """An open client, and how often the server had been started when it was opened."""

    client: openai.OpenAI
    address: str
    start: int


class Connection:
    """Share one line among the threads of a chat."""

    def __init__(self, server: Server, settings: EngineSettings) -> None:
        """Open nothing yet."""
        self._server = server
        self._settings = settings
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._retired: list[openai.OpenAI] = []
        self._closed = False

    def open(self) -> Line:
        """Give the line, starting or joining the server first where that has not been done."""
        with self._lock:
            self._refuse_if_closed()
            if self._line is None:
                self._line = self._connect(0)
            return self._line

    def lost(self, line: Line, error: str) -> bool:
        """Act on a lost connection: True where the server is back, False where it had not gone at all.

        :raises EngineGoneError: it went, and is not ours to start again or has died twice.
        """
        with self._lock:
            self._refuse_if_closed()
            if self._line is not line:  # another thread has brought it back
                return True
            if self._server.alive():
                return False
            gone = f"The server at {line.address} ({self._server.identity}) answered before and does not any more: {error}."
            if not self._server.started_here:
                raise EngineGoneError(f"{gone} Start it again and run once more; what was answered is kept.")
            if line.start > 0:
                raise EngineGoneError(f"{gone} It was started again once already. Look at its log; less engine.concurrency takes less memory.")
            log.warning("%s It is started again.", gone)
            self._retired.append(line.client)  # other threads are still about to learn that it is of no use
            self._server.stop()
            self._line = self._connect(line.start + 1)
            return True

    def close(self) -> None:
        """Hang up; the server is left as it is."""
        with self._lock:
            self._closed = True
            for client in [*self._retired, *([self._line.client] if self._line is not None else [])]:
                client.close()
            self._line = None

    def _refuse_if_closed(self) -> None:
        if self._closed:  # a call still in flight at the end of a run must not start the server again
            raise EngineGoneError("The engine has been closed. Ask within `with open_chat(...)`.")

    def _connect(self, start: int) -> Line:
        address = self._server.start()
        seconds = self._settings.timeout_seconds
        client = openai.OpenAI(
            base_url=address,
            api_key=server_key(self._settings) or "none",
            timeout=openai.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
            max_retries=TRANSPORT_RETRIES,
            http_client=openai.DefaultHttpxClient(trust_env=not is_loopback(address)),
        )
        return Line(client, address, start)
