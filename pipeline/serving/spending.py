"""What a run may still spend: every call is admitted before it is sent and settled when it is answered.

A cap is never passed: a call's tokens are reserved by an upper bound of what it can take, and one that would pass the cap
waits until the calls in flight are settled before it is refused.
"""

import threading
import time
from dataclasses import dataclass

from pipeline.engine_settings import BudgetSettings, PriceSettings
from pipeline.errors import BudgetReachedError

__all__ = ["Reserved", "Spending"]


@dataclass(frozen=True)
class Reserved:
    """What one call may take."""

    tokens: int
    cost: float


class Spending:
    """Count what one run spends, over all its engines."""

    def __init__(self, budget: BudgetSettings | None = None, *, calls: int = 0, tokens: int = 0, cost: float = 0.0) -> None:
        """Go on from what the run has spent already."""
        self._budget = budget or BudgetSettings()
        self._calls, self._tokens, self._cost = calls, tokens, cost
        self._in_flight: list[Reserved] = []
        self._began: float | None = None
        self._lock = threading.Lock()
        self._densest = 0.0  # tokens a byte of prompt, the most seen

    @property
    def tokens(self) -> int:
        """Give the tokens spent so far, those of calls in flight left out."""
        return self._tokens

    def bound(self, prompt_bytes: int, max_tokens: int, prices: PriceSettings | None) -> Reserved:
        """Give an upper bound of what a call can take: a byte is a token at most, and what was seen is believed with a margin."""
        density = min(1.0, 1.25 * self._densest) if self._densest else 1.0
        tokens_in = int(prompt_bytes * density) + 64
        return Reserved(tokens_in + max_tokens, prices.cost(tokens_in, 0, max_tokens) if prices else 0.0)

    def admit(self, wanted: Reserved) -> bool:
        """Reserve a call; False where it has to wait for the calls in flight.

        :raises BudgetReachedError: it would pass a cap, and nothing is in flight whose settling could make room.
        """
        with self._lock:
            if self._began is None:
                self._began = time.monotonic()
            reason = self._passed(wanted)
            if reason is None:
                self._in_flight.append(wanted)
                return True
            if self._in_flight:
                return False
            raise BudgetReachedError(f"The budget of the run is reached: {reason}. What is answered is kept; raise the cap, or run again to go on.")

    def settle(self, reserved: Reserved, *, tokens_in: int, tokens_out: int, cost: float, prompt_bytes: int) -> None:
        """Replace a reservation by what the call took."""
        with self._lock:
            self._in_flight.remove(reserved)
            self._calls += 1
            self._tokens += tokens_in + tokens_out
            self._cost += cost
            if prompt_bytes:
                self._densest = max(self._densest, tokens_in / prompt_bytes)

    def release(self, reserved: Reserved) -> None:
        """Drop the reservation of a call that was never sent."""
        with self._lock:
            self._in_flight.remove(reserved)

    def _passed(self, wanted: Reserved) -> str | None:
        budget = self._budget
        if budget.minutes is not None and self._began is not None and time.monotonic() - self._began > 60 * budget.minutes:
            return f"{budget.minutes:g} minutes have passed (budget.minutes)"
        calls = self._calls + len(self._in_flight)
        if budget.calls is not None and calls + 1 > budget.calls:
            return f"{self._calls} of {budget.calls} calls are made (budget.calls)"
        if budget.tokens is not None and self._tokens + sum(r.tokens for r in self._in_flight) + wanted.tokens > budget.tokens:
            return f"{self._tokens} of {budget.tokens} tokens are used, and the next call may take {wanted.tokens} (budget.tokens)"
        if budget.money is not None and self._cost + sum(r.cost for r in self._in_flight) + wanted.cost > budget.money:
            return f"{self._cost:.4f} of {budget.money:g} is spent, and the next call may cost {wanted.cost:.4f} (budget.money)"
        return None
