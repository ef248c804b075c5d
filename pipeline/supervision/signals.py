"""Learn from signals that a person or the machine wants an end."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

__all__ = ["Told", "told_to_stop"]

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Told:
    """Whether we were told to stop, and whether more than once; an event with a lock could block in a signal handler."""

    def __init__(self) -> None:
        """Begin untold."""
        self.times = 0

    @property
    def stop(self) -> bool:
        """Say whether to stop."""
        return self.times > 0

    @property
    def hurry(self) -> bool:
        """Say whether not to wait for anybody."""
        return self.times > 1

    def tell(self) -> None:
        """Ask to stop; a second time, to hurry."""
        self.times += 1


@contextlib.contextmanager
def told_to_stop() -> Iterator[Told]:
    """Count the signals that ask for an end, in place of what they did before.

    Children start with what a handler leaves them, the default; a shell that put us in the background had them ignore SIGINT,
    and with it SIGTERM, which Dagster handles alike.
    """
    told = Told()

    def handle(_: int, __: FrameType | None) -> None:
        told.tell()

    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()  # by nohup, which is to outlive its terminal
    before = {number: signal.signal(number, handle) for number in SIGNALS if number not in ignored}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
