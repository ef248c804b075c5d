"""How the fields of a CSV file are told apart, and which delimiter a file has.

Only a character of the header line can be the delimiter. Where there are several, the one counts by which most records have as many
fields as the header.
"""

import csv
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.corpus.rows import read_lines
from pipeline.corpus_settings import DialectSettings

__all__ = ["DELIMITERS", "Dialect", "dialect_of", "field_counts", "find_delimiter", "hinted_delimiter"]

DELIMITERS = (",", ";", "\t", "|")  # the first counts where several do equally well
LOOK_LINES = 500
HEADER_LINES = 20  # a quoted name may go over several
LOOK_CHARACTERS = 1_000_000
HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart: by default as in RFC 4180."""

    delimiter: str = ","
    quote: str = '"'  # empty where no field is quoted
    escape: str | None = None
    skip_spaces: bool = False

    def reader(self, lines: Iterable[str], *, strict: bool = True) -> Any:
        """Parse lines as `csv.reader` does."""
        quoting = {"quotechar": self.quote} if self.quote else {"quotechar": None, "quoting": csv.QUOTE_NONE}
        options: dict[str, Any] = {"delimiter": self.delimiter, "escapechar": self.escape, "skipinitialspace": self.skip_spaces, **quoting}
        return csv.reader(lines, strict=strict, **options)


def dialect_of(path: Path, wanted: DialectSettings | None, *, delimiter: str | None = None, encoding: str | None = None) -> Dialect:
    """Give the dialect of a file: as wanted, and the delimiter found by looking where none is.

    :param delimiter: what the format says, as a tab.
    """
    dialect = Dialect() if wanted is None else Dialect(",", wanted.quote, wanted.escape, wanted.skip_spaces)
    known = (wanted.delimiter if wanted else None) or delimiter
    if known is None:
        lines, size = [], 0
        for line in islice(read_lines(path, encoding), LOOK_LINES):
            lines.append(line.text)
            if (size := size + len(line.text)) > LOOK_CHARACTERS:
                break
        known = find_delimiter(lines, dialect)
    return replace(dialect, delimiter=known)


def hinted_delimiter(line: str) -> str | None:
    """Give the delimiter that spreadsheets name in a first line of its own, as sep=;."""
    found = HINT.fullmatch(line)
    return found[1] if found else None


def find_delimiter(lines: Sequence[str], dialect: Dialect) -> str:
    """Find the delimiter of a file by its first lines; a comma where none of the usual ones is in its header."""
    csv.field_size_limit(sys.maxsize)
    header = next((line for line in lines if line.strip()), "")
    if hinted := hinted_delimiter(header):
        return hinted
    able = [one for one in DELIMITERS if one != dialect.quote and field_counts(lines[:HEADER_LINES], replace(dialect, delimiter=one))[0] > 1]
    if len(able) < 2:
        return able[0] if able else DELIMITERS[0]
    return max(able, key=lambda one: consistency(lines, replace(dialect, delimiter=one)))


def consistency(lines: Sequence[str], dialect: Dialect) -> tuple[float, int]:
    """Give the share of records with as many fields as the header, and that number."""
    counts = field_counts(lines, dialect)
    return sum(count == counts[0] for count in counts) / len(counts), counts[0]


def field_counts(lines: Iterable[str], dialect: Dialect) -> list[int]:
    """Count the fields of each record; -1 for one that cannot be parsed, and 0 alone where there is no record."""
    counts, reader = [], dialect.reader(lines, strict=False)
    while True:
        try:
            counts.append(len(next(reader)))
        except csv.Error:
            counts.append(-1)
        except StopIteration:
            return [count for count in counts if count] or [0]
