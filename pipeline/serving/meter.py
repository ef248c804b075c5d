"""Measures what is asked of a server and how busy it is kept, from one `take` to the next."""

import threading
import time
from dataclasses import dataclass, field

__all__ = ["Measured", "Meter"]


@dataclass
class Measured:
    """Sums over some time; `queue` holds the server's own reports of waiting calls."""

    questions: int = 0
    from_ledger: int = 0
    calls: int = 0
    failed_calls: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost: float | None = None
    seconds: float = 0.0  # with a question open
    busy_seconds: float = 0.0  # with a call in flight
    flight_seconds: float = 0.0  # the calls' own times added up
    most_in_flight: int = 0
    queue: list[float] = field(default_factory=list)

    @property
    def in_flight(self) -> float:
        """Give the mean number of calls in flight while there were any."""
        return self.flight_seconds / self.busy_seconds if self.busy_seconds else 0.0


class Meter:
    """Counts from several threads."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._now = Measured()
        self._open = self._flying = 0
        self._open_since = self._flying_since = time.monotonic()

    def asked(self, *, from_ledger: bool) -> None:
        """Count a question."""
        with self._lock:
            self._now.questions += 1
            self._now.from_ledger += from_ledger

    def opened(self, change: int) -> None:
        """Say that asking begins (1) or ends (-1)."""
        with self._lock:
            self._tick()
            self._open += change

    def flew(self, change: int) -> None:
        """Say that a call is sent (1) or has come back (-1)."""
        with self._lock:
            self._tick()
            self._flying += change
            self._now.most_in_flight = max(self._now.most_in_flight, self._flying)

    def spent(self, *, ok: bool, tokens_in: int, tokens_cached: int, tokens_out: int, cost: float | None) -> None:
        """Count what one call took."""
        with self._lock:
            now = self._now
            now.calls += 1
            now.failed_calls += not ok
            now.tokens_in += tokens_in
            now.tokens_cached += tokens_cached
            now.tokens_out += tokens_out
            if cost is not None:
                now.cost = (now.cost or 0.0) + cost

    def reported(self, waiting: float) -> None:
        """Keep the server's report of its queue."""
        with self._lock:
            self._now.queue.append(waiting)

    def take(self) -> Measured:
        """Give the sums and start anew."""
        with self._lock:
            self._tick()
            taken, self._now = self._now, Measured()
            return taken

    def _tick(self) -> None:
        now = time.monotonic()
        if self._open:
            self._now.seconds += now - self._open_since
        if self._flying:
            self._now.busy_seconds += now - self._flying_since
            self._now.flight_seconds += self._flying * (now - self._flying_since)
        self._open_since = self._flying_since = now
