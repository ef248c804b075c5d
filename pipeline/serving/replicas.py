"""The servers behind one chat: started or joined with the first call, chosen by load, brought back where they went.

A server of ours that died is started again; one of somebody else's is waited for, while its replicas take its calls.
Everything here runs on the chat's event loop; what blocks (starting, joining, asking whether one lives) runs beside it.
"""

import asyncio
import logging
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.errors import EngineError, EngineGoneError
from pipeline.settings import EngineSettings

__all__ = ["Replica", "Replicas", "Server"]

log = logging.getLogger(__name__)
MOST_DEATHS = 2  # of a server of ours without an answer in between
POLL_SECONDS = 1.0
SAME_FAILURE_SECONDS = 10.0  # in which the calls that waited for a start share its failure


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


@dataclass
class Replica:
    """One server, as this chat knows it; `life` counts how often it came up."""

    server: Server
    address: str = ""
    life: int = 0
    up: bool = False
    starting: bool = False
    in_flight: int = 0
    deaths: int = 0  # since its last answer
    failed: tuple[float, EngineError] | None = None  # when it could not be started, and why
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    warm: dict[Hashable, asyncio.Event] = field(default_factory=dict)  # openings of prompts that it has seen, or is seeing


class Replicas:
    """Choose a server for each call."""

    def __init__(self, servers: Sequence[Server], settings: EngineSettings) -> None:
        """Start nothing yet."""
        self._all = [Replica(server) for server in servers]
        self._settings = settings
        self._watches: set[asyncio.Task[None]] = set()

    @property
    def up(self) -> list[Replica]:
        """List the servers that answer, as far as is known."""
        return [replica for replica in self._all if replica.up]

    async def choose(self) -> Replica:
        """Give the server with the fewest calls in flight, starting or joining what has not been.

        :raises EngineError: none can be started or reached.
        """
        fresh = [replica for replica in self._all if replica.life == 0]
        if fresh:
            outcomes = await asyncio.gather(*(self._start(replica) for replica in fresh), return_exceptions=True)
            for replica, outcome in zip(fresh, outcomes, strict=True):
                if isinstance(outcome, EngineError):
                    if len(self._all) == 1 or not self.up:
                        raise outcome
                    log.warning("%s The other replicas take its calls.", outcome)
                    replica.life = max(1, replica.life)
                    self._watch(replica)
                elif outcome is not None:
                    raise outcome
        if not self.up:
            await self._first_back()
        return min(self.up, key=lambda replica: replica.in_flight)

    async def lost(self, replica: Replica, life: int, error: str) -> None:
        """Act on a lost connection: return once there is a server to ask again.

        :raises EngineGoneError: there is none, and none has come back within `engine.patience_seconds`.
        """
        async with replica.lock:
            if replica.life != life or not replica.up:  # another call has seen to it
                return
            if await asyncio.to_thread(replica.server.alive):
                return
            replica.up = False
            replica.warm.clear()
            gone = f"The server at {replica.address} ({replica.server.identity}) answered before and does not any more: {error}."
            if replica.server.started_here:
                replica.deaths += 1
                if replica.deaths >= MOST_DEATHS:
                    died = f"It died {replica.deaths} times without an answer in between."
                    raise EngineGoneError(f"{gone} {died} Look at its log; less engine.concurrency takes less memory.")
                log.warning("%s It is started again.", gone)
                await self._start_now(replica)
                return
            log.warning("%s", gone)
            self._watch(replica)
        if not self.up:
            await self._first_back(gone)

    def answered(self, replica: Replica) -> None:
        """Note that a server has answered a call."""
        replica.deaths = 0

    async def close(self) -> None:
        """Stop watching; the servers are left as they are."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def _start(self, replica: Replica) -> None:
        async with replica.lock:
            if replica.failed is not None and time.monotonic() - replica.failed[0] < SAME_FAILURE_SECONDS:
                raise replica.failed[1]
            if replica.life == 0:
                try:
                    await self._start_now(replica)
                except EngineError as error:
                    replica.failed = (time.monotonic(), error)
                    raise

    async def _start_now(self, replica: Replica) -> None:
        replica.starting = True
        try:
            replica.address = await asyncio.to_thread(replica.server.start)
        finally:
            replica.starting = False
        replica.life += 1
        replica.up = True

    def _watch(self, replica: Replica) -> None:
        """Look for a server that has gone until it is back."""

        async def watch() -> None:
            while not await asyncio.to_thread(replica.server.alive):
                await asyncio.sleep(POLL_SECONDS)
            try:
                await self._start_now(replica)
            except EngineError as error:
                log.warning("%s", error)

        task = asyncio.create_task(watch())
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _first_back(self, gone: str = "No server answers.") -> None:
        """Wait until one of the servers is back; one that is being started has `engine.start_seconds` of its own."""
        patience = self._settings.patience_seconds
        until = time.monotonic() + patience
        while not self.up:
            if any(replica.starting for replica in self._all):
                until = time.monotonic() + patience
            if time.monotonic() >= until:
                waited = f"It did not come back within {patience:g} s (engine.patience_seconds)."
                raise EngineGoneError(f"{gone} {waited} Start it again and run once more; what was answered is kept.")
            await asyncio.sleep(min(POLL_SECONDS / 4, max(0.01, until - time.monotonic())))
