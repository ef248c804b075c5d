"""Read when a document was written, from whatever a corpus says of it."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = ["read_time"]

EXPECTED = "expected a time as 2026-01-31T09:30:00+01:00, a date as 2026-01-31, or seconds since 1970"
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
MONTH = re.compile(r"(\d{4})-(\d{2})")
MAIL = re.compile(r"([A-Za-z]{3}, +)?\d{1,2} [A-Za-z]{3} \d{4} .*")
START = datetime(1970, 1, 1)
LEAST, MOST = 1e8, 1e11  # seconds since 1970: 1973 and the year 5138; a smaller number would be another unit or no time
UNITS = (1.0, 1e3, 1e6, 1e9)  # seconds, milliseconds, microseconds, nanoseconds


def read_time(value: object) -> datetime | None:
    """Read a time as UTC, without zone; None where the value is empty.

    A time without a zone is taken to be in UTC. Numbers are seconds since 1970, or by their size milli-, micro- or nanoseconds; one of
    four digits is a year, and one of eight a date.

    :raises ValueError: where it is no time, with what was expected.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        found = in_words(value.strip()) if isinstance(value, str) else of_value(value)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{value!r} is no time; {EXPECTED}") from error


def of_value(value: object) -> datetime:
    """Read a time that is not text."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return of_number(value)
    raise ValueError(f"a time cannot be of type {type(value).__name__}")


def in_words(text: str) -> datetime:
    """Read a time that is text: a number, ISO 8601, a month, or as in e-mail."""
    if NUMBER.fullmatch(text):
        return of_number(float(text))
    if MAIL.fullmatch(text):
        return parsedate_to_datetime(text)
    if month := MONTH.fullmatch(text):
        return datetime(int(month[1]), int(month[2]), 1)
    return datetime.fromisoformat(f"{text[:-3].rstrip()}+00:00" if text.endswith("UTC") else text)


def of_number(number: float) -> datetime:
    """Read a year of four digits, a date of eight, or the time since 1970 in the unit that its size tells."""
    if number == int(number) and 1000 <= number <= 9999:
        return datetime(int(number), 1, 1)
    if number == int(number) and 1000_01_01 <= number <= 9999_12_31:
        return datetime(int(number) // 10000, int(number) // 100 % 100, int(number) % 100)
    for unit in UNITS:
        if LEAST <= number / unit < MOST:
            return START + timedelta(seconds=number / unit)
    raise ValueError("too small or too large")
