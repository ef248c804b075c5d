"""The reference of tables and views, written from the comments that are in the database itself."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import duckdb

from pipeline.store import schema
from pipeline.store.store import Store

__all__ = ["Column", "described_columns", "tables_reference"]

HEADER = """# Tables and views

Every project has these, in `labels.duckdb` (the copy to read) and `warehouse.duckdb` (the pipeline's own). Nothing here needs Linnaeus: any DuckDB
client reads the copy. The same words are in the file: `select table_name, comment from duckdb_tables()`; `make golden` writes this page from them.
Times are UTC; ids and hashes are made by `pipeline/ids.py`.
"""
COLUMNS = "| column | type | meaning |\n|---|---|---|"
NAMES = {
    "Views": "select view_name, comment from duckdb_views() where not internal order by view_name",
    "Tables": "select table_name, comment from duckdb_tables() where not internal order by table_name",
}
DESCRIBED = "select table_name, column_name, data_type, comment from duckdb_columns() where not internal order by table_name, column_index"


@dataclass(frozen=True)
class Column:
    """A column of a table or view, as the database describes it."""

    name: str
    type: str
    comment: str


@cache
def described_columns() -> Mapping[str, tuple[Column, ...]]:
    """Give the columns of every table and view that this version of the code makes, by its name; no store is opened for it."""
    found: dict[str, tuple[Column, ...]] = {}
    with contextlib.closing(duckdb.connect(":memory:")) as connection:
        schema.migrate(connection)
        for table, column, kind, comment in connection.execute(DESCRIBED).fetchall():
            found[table] = (*found.get(table, ()), Column(column, kind, comment or ""))
    return found


def tables_reference(store: Store) -> str:
    """Write what every view, table and column holds, as Markdown."""
    columns: dict[str, list[str]] = {}
    for table, column, kind, comment in store.rows(DESCRIBED):
        columns.setdefault(table, []).append(f"| `{column}` | {kind} | {_cell(comment)} |")
    parts = [HEADER]
    for heading, sql in NAMES.items():
        parts.append(f"## {heading}\n")
        parts += [f"### `{name}`\n\n{comment}\n\n{COLUMNS}\n" + "\n".join(columns[name]) + "\n" for name, comment in store.rows(sql)]
    return "\n".join(parts)


def _cell(comment: str | None) -> str:
    return (comment or "").replace("|", "\\|")
