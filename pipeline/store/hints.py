"""What to do about DuckDB's errors at a person's SQL: which column or table was meant, and what is not possible."""

import difflib
import re
from collections.abc import Mapping, Sequence

__all__ = ["hint"]

NO_TABLE = re.compile(r"Table with name (?P<name>\S+) does not exist")
NO_COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "(?P<name>[^"]+)"')
WRITES = ("read-only mode", "read-only database")
ELSEWHERE = ("disabled by configuration", "configuration has been locked")
ONLY_READING = (
    "These tables can only be read: the pipeline writes them. `create temp table` works within one call; to write a result to a file give --out; "
    "to change categories use `linnaeus taxonomy`."
)
ONLY_THIS_FILE = (
    "SQL here reaches this project's tables alone, no other file and no setting. To write a result to a file give --out; to join with other data "
    "open the file named above with any DuckDB client (read_only)."
)
LISTS = "--tables lists what there is, --describe NAME its columns."
MOST = 6  # tables that are named


def hint(message: str, tables: Mapping[str, Sequence[str]]) -> str:
    """Say what may have been meant, or what to do instead; empty where nothing is known that the message does not say.

    :param message: DuckDB's own.
    :param tables: the columns of every table and view, by its name.
    """
    if any(sign in message for sign in WRITES):
        return ONLY_READING
    if any(sign in message for sign in ELSEWHERE):
        return ONLY_THIS_FILE
    if found := NO_TABLE.search(message):
        return _no_table(found["name"].strip('"!'), tables)
    if found := NO_COLUMN.search(message):
        return _no_column(found["name"], message, tables)
    return ""


def _no_table(name: str, tables: Mapping[str, Sequence[str]]) -> str:
    close = difflib.get_close_matches(name.lower(), tables, n=3)
    having = sorted(table for table, columns in tables.items() if name.lower() in columns)
    said = f"Tables and views with a name like it: {', '.join(close)}. " if close else ""
    return f"{said}{f'It is a column of {_listed(having)}. ' if having else ''}{LISTS}"


def _no_column(name: str, message: str, tables: Mapping[str, Sequence[str]]) -> str:
    having = sorted(table for table, columns in tables.items() if name.lower() in columns)
    if having:
        return f"`{name}` is a column of {_listed(having)}. {LISTS}"
    close = difflib.get_close_matches(name.lower(), sorted({column for columns in tables.values() for column in columns}), n=1)
    if not close or f'"{close[0]}"' in message:
        return LISTS
    return f"`{close[0]}` is a column of {_listed(sorted(table for table, columns in tables.items() if close[0] in columns))}. {LISTS}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more} more" if more > 0 else "")
