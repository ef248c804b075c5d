"""How long to wait before a part that died is started again, and when to give up."""

from dataclasses import dataclass

__all__ = ["Deaths", "Patience"]


@dataclass(frozen=True)
class Deaths:
    """The deaths of a part: `in_row` since it last ran soundly, `at_once` of them in a row right after a start."""

    in_row: int = 0
    at_once: int = 0


@dataclass(frozen=True)
class Patience:
    """Pauses that double from the first to the longest, in seconds; so many deaths at once are enough to give up."""

    first_pause: float = 1.0
    longest_pause: float = 60.0
    at_once_seconds: float = 30.0  # a code server that cannot load its code needs some of them to find out
    sound_seconds: float = 300.0
    most_at_once: int = 5

    def after(self, deaths: Deaths, ran_seconds: float) -> Deaths:
        """Count one more death, of a part that ran for so long."""
        in_row = 1 if ran_seconds >= self.sound_seconds else deaths.in_row + 1
        return Deaths(in_row, deaths.at_once + 1 if ran_seconds < self.at_once_seconds else 0)

    def pause(self, deaths: Deaths) -> float:
        """Give the seconds to wait before the next start."""
        doublings = min(max(deaths.in_row - 1, 0), 60)  # more would only be too large a number
        return min(self.first_pause * 2.0**doublings, self.longest_pause)

    def is_spent(self, deaths: Deaths) -> bool:
        """Say whether to give up."""
        return deaths.at_once >= self.most_at_once
