"""Frozen records of files that arrive: which partitions they hold, and what was read in."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Arrival"]


@dataclass(frozen=True)
class Arrival:
    """Documents of one partition in one version of a file; `read_at` is None while they wait to be read in."""

    file: str
    size: int
    modified: int  # nanoseconds since 1970
    partition: str  # empty where no row of the file could be used
    documents: int
    read_at: datetime | None = None
