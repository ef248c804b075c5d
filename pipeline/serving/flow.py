"""How many calls may be in flight: found by watching what more of them bring, and what the server says of its queue.

The limit is doubled while throughput follows, then raised by half now and then; a rise that brings too little is taken
back. A server that refuses calls (429, 503, time-outs) or reports a queue of its own gets fewer at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Flow", "Gate"]

WINDOW_SECONDS = 0.5  # shortest time over which throughput is measured
WINDOW_CALLS = 2  # fewest calls of a window, in multiples of the limit
WORTH = 0.3  # share of a proportional gain from which a higher limit is kept
LATER_RISE = 1.5
HOLD, LONGEST_HOLD = 10, 80  # windows until the next try after one that brought too little
CUT = 0.7
REFUSED = 0.2  # share of the recent calls from which refusals are no accidents
LEAST_RECENT = 16
HOLD_AFTER_CUT = 3
LONGEST_NAP = 1.0  # of a pause, so that shutting the gate is noticed
LONG_QUEUE = 0.25  # of the limit, from which the server has more than it can take up


class Flow:
    """The limit, and what moves it; not for several threads at once."""

    def __init__(self, first: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start at `first` calls in flight, and never allow more than `most`."""
        self.limit = min(first, most)
        self._most = most
        self._clock = clock
        self._slow_start = True
        self._lower: tuple[int, float] | None = None  # the limit before a rise on trial, and its rate
        self._hold = 0
        self._next_hold = HOLD
        self._calls = self._idle = self._skip = 0
        self._since = clock()
        self._cut_at = float("-inf")
        self._queues = 0
        self._refusals = 0.0  # share of the recent calls

    def answered(self, *, wanted: bool) -> None:
        """Count a call that was answered; `wanted` says whether another one waits for its place."""
        self._refusals -= self._refusals / max(LEAST_RECENT, 2 * self.limit)
        if self._skip > 0:  # calls of before the rise
            self._skip -= 1
            self._since = self._clock()
            return
        self._calls += 1
        self._idle += not wanted
        now = self._clock()
        if self._calls >= WINDOW_CALLS * self.limit and now - self._since >= WINDOW_SECONDS:
            self._judge(self._calls / (now - self._since), enough=self._idle > 0.2 * self._calls)
            self._calls = self._idle = 0
            self._since = now

    def refused(self) -> None:
        """Take refusals for the server's wish for fewer calls, where they are many; all at about the same time are one."""
        self._refusals += (1 - self._refusals) / max(LEAST_RECENT, 2 * self.limit)
        now = self._clock()
        if self._refusals > REFUSED and now - self._cut_at >= 1.0:
            self._cut_at, self._refusals = now, 0.0
            self._lower_to(max(1, int(self.limit * CUT)))

    def reported(self, waiting: float) -> None:
        """Take the server's own report of the calls that wait in its queue; two long ones in a row are believed."""
        self._queues = self._queues + 1 if waiting > max(2.0, LONG_QUEUE * self.limit) else 0
        if self._queues >= 2:
            self._queues = 0
            self._lower_to(max(1, self.limit - int(waiting / 2)))

    def _lower_to(self, limit: int) -> None:
        self.limit = limit
        self._lower = None
        self._slow_start = False
        self._hold, self._calls, self._idle = HOLD_AFTER_CUT, 0, 0
        self._since = self._clock()

    def _judge(self, rate: float, *, enough: bool) -> None:
        if enough:  # there was nothing more to ask, so that the limit was not what bounded it
            self._lower = None
            return
        if self._lower is not None:
            before, old_rate = self._lower
            if rate < old_rate * (1 + WORTH * (self.limit / before - 1)):
                self.limit, self._lower, self._slow_start = before, None, False
                self._hold, self._next_hold = self._next_hold, min(2 * self._next_hold, LONGEST_HOLD)
                return
            self._next_hold = HOLD
        if self._hold > 0:
            self._hold -= 1
            return
        if self.limit < self._most:
            self._lower = (self.limit, rate)
            self._skip = self.limit
            self.limit = min(self._most, 2 * self.limit if self._slow_start else int(self.limit * LATER_RISE) + 1)


class Gate:
    """Lets as many calls through at once as the flow allows, first come first served; belongs to one event loop."""

    def __init__(self, flow: Flow) -> None:
        """Open for the flow's limit."""
        self.flow = flow
        self.inside = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._closed_until = 0.0
        self._shut = False

    async def enter(self) -> None:
        """Wait for a place.

        :raises asyncio.CancelledError: the gate is shut.
        """
        if self._shut:
            raise asyncio.CancelledError
        if self.inside < self.flow.limit and not self._waiting:
            self.inside += 1
        else:
            place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                given = await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled() and place.result():
                    self.leave()
                raise
            if not given:
                raise asyncio.CancelledError
        try:
            while (pause := self._closed_until - time.monotonic()) > 0:
                if self._shut:
                    raise asyncio.CancelledError
                await asyncio.sleep(min(pause, LONGEST_NAP))
        except asyncio.CancelledError:
            self.leave()
            raise

    def leave(self) -> None:
        """Give the place back: to the first who waits, as far as the flow allows."""
        self.inside -= 1
        while self._waiting and self.inside < self.flow.limit:
            place = self._waiting.popleft()
            if not place.done():
                self.inside += 1
                place.set_result(True)

    def answered(self) -> None:
        """Count an answered call; say it before leaving."""
        self.flow.answered(wanted=any(not place.done() for place in self._waiting))

    def shut(self) -> None:
        """Send away everybody who waits or comes, until it is opened again."""
        self._shut = True
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(False)

    def reopen(self) -> None:
        """Let calls through again."""
        self._shut = False

    def pause(self, seconds: float) -> None:
        """Let nobody in for some seconds."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)
