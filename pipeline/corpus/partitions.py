"""Which partition a row of the corpus belongs to: the day of its column or of its file's name, or the file itself."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.corpus_settings import COMPRESSED
from pipeline.schedule_settings import PartitionSettings

__all__ = ["Unparted", "day_of", "partition_of", "partition_of_file"]

DATE_IN_NAME = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


class Unparted(ValueError):  # noqa: N818 - it is a reason, which becomes a reject
    """Say why a row belongs to no partition."""


def partition_of(source: str, values: Mapping[str, Any], wanted: PartitionSettings, timezone: str, *, today: date | None = None) -> str:
    """Give the partition of a row: YYYY-MM-DD, or the name of its file without the ending.

    :param source: name of the file, relative to the folder of the corpus.
    :param today: the present day in the time zone; looked up when absent.
    :raises Unparted: where no day can be read, or it lies before the first one, or after tomorrow.
    """
    today = today or datetime.now(ZoneInfo(timezone)).date()
    if wanted.column is None:
        return partition_of_file(source, wanted, today)
    found = day_of(values.get(wanted.column), timezone)
    if found is None:
        raise Unparted(f"column {wanted.column!r} holds {values.get(wanted.column)!r}, which is no day; expected one as 2026-01-31 or a time")
    return _known_day(found, wanted, today)


def partition_of_file(source: str, wanted: PartitionSettings, today: date) -> str:
    """Give the partition that all rows of a file belong to.

    :raises Unparted: where days are meant and the name holds none.
    """
    if wanted.by == "batch":
        path = PurePath(source)
        return str((path.with_suffix("") if path.suffix.lower() in COMPRESSED else path).with_suffix(""))
    for found in DATE_IN_NAME.finditer(source):
        try:
            day = date(*map(int, found.groups()))
        except ValueError:  # digits that are no day
            continue
        return _known_day(day, wanted, today)
    raise Unparted(f"the name of the file {source!r} holds no day as 2026-01-31; name the column of the day as partitions.column")


def day_of(value: object, timezone: str) -> date | None:
    """Read a day from a date, a time or text in ISO 8601; a time with a zone is that of the project's, one without is taken as it stands."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value.astimezone(ZoneInfo(timezone)) if value.tzinfo else value).date()
    return value if isinstance(value, date) else None


def _known_day(day: date, wanted: PartitionSettings, today: date) -> str:
    if wanted.start is not None and day < wanted.start:
        raise Unparted(f"its day {day} lies before the first one, {wanted.start} (partitions.start)")
    if day > today + timedelta(days=1):  # tomorrow may have begun where the document was written
        raise Unparted(f"its day {day} lies in the future: today is {today}")
    return day.isoformat()
