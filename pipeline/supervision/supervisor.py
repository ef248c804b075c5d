"""Start parts in their order, start those again that die, and stop all of them together."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.errors import SupervisionError
from pipeline.supervision.logs import PartLog
from pipeline.supervision.parts import Part
from pipeline.supervision.patience import Deaths, Patience
from pipeline.supervision.running import REST_SECONDS, Running, stop_all
from pipeline.supervision.signals import Told

__all__ = ["Supervisor"]

LOOK_SECONDS = 0.1
STOP_SECONDS = 8.0  # all of a stop takes less than 10 s


class _Kept:
    """A part with its present start, its deaths and when it is due again."""

    def __init__(self, part: Part, log: PartLog) -> None:
        self.part, self.log = part, log
        self.running: Running | None = None
        self.deaths = Deaths()
        self.due = 0.0


class Supervisor:
    """Keeps parts running until told to stop.

    :param logs: folder of their logs.
    :param tell: shows a line on the console.
    :param on_start: called after each start with the process groups of all parts, by name.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        logs: Path,
        folder: Path,
        environment: Mapping[str, str],
        tell: Callable[[str], None],
        on_start: Callable[[Mapping[str, int]], None] = lambda _: None,
        patience: Patience | None = None,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        """Begin with none started."""
        self._kept = [_Kept(part, PartLog(logs / f"{part.name}.log", name=part.name, tell=tell)) for part in parts]
        self._folder, self._environment = folder, environment
        self._tell, self._on_start = tell, on_start
        self._patience = patience or Patience()
        self._stop_seconds = stop_seconds

    def run(self, told: Told, *, all_up: Callable[[], None] = lambda: None) -> None:
        """Keep all parts running until told to stop, then stop them.

        :param all_up: called once when every part answers.
        :raises SupervisionError: one dies at once again and again, or does not answer in time.
        """
        try:
            for number, kept in enumerate(self._kept, start=1):
                self._bring_up(kept, self._kept[:number], told)
            if not told.stop:
                all_up()
            while not told.stop:
                self._look(self._kept, told)
                time.sleep(LOOK_SECONDS)
        finally:
            self._stop(told)

    def _bring_up(self, kept: _Kept, started: Sequence[_Kept], told: Told) -> None:
        """Start a part and wait until it answers, while those before it are kept running."""
        begun = time.monotonic()
        while not told.stop:
            self._look(started, told)
            if kept.running is not None and kept.running.lives and kept.part.ready():
                return
            if time.monotonic() - begun > kept.part.ready_seconds:
                raise SupervisionError(f"{kept.part.name} did not answer within {kept.part.ready_seconds:g} s. {kept.log.tail()}")
            time.sleep(LOOK_SECONDS)

    def _look(self, kept: Sequence[_Kept], told: Told) -> None:
        for one in kept:
            if one.running is not None and not one.running.lives:
                self._bury(one, one.running, told)
            if one.running is None and time.monotonic() >= one.due and not told.stop:
                self._start(one)

    def _start(self, kept: _Kept) -> None:
        kept.running = Running(kept.part, kept.log, folder=self._folder, environment=self._environment)
        self._on_start({one.part.name: one.running.pid for one in self._kept if one.running is not None})

    def _bury(self, kept: _Kept, dead: Running, told: Told) -> None:
        """Count a death, and say when the part is started again.

        :raises SupervisionError: it died at once too often.
        """
        ran = dead.seconds
        dead.clear(REST_SECONDS, hurry=lambda: told.stop)
        kept.running, kept.deaths = None, self._patience.after(kept.deaths, ran)
        end = f"{kept.part.name} {dead.how_it_ended} after {ran:.0f} s"
        if self._patience.is_spent(kept.deaths):
            raise SupervisionError(f"{end}, {kept.deaths.at_once} times in a row right after its start: it is given up. {kept.log.tail()}")
        pause = self._patience.pause(kept.deaths)
        kept.due = time.monotonic() + pause
        self._tell(f"{end}; it is started again in {pause:g} s. Its log is {kept.log.path}")

    def _stop(self, told: Told) -> None:
        running = [kept.running for kept in self._kept if kept.running is not None]
        if killed := stop_all(running, seconds=self._stop_seconds, hurry=lambda: told.hurry):
            self._tell(f"{killed} of {len(running)} did not end in time and {'was' if killed == 1 else 'were'} killed")
        for kept in self._kept:
            kept.log.close()
