"""Any SQL that reads, on the published copy: statement by statement, with rows that are never all in memory.

A session can make temporary tables and set variables, and what it makes ends with it. It reaches no other file, loads no extension,
and cannot change the copy.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.store import schema
from pipeline.store.hints import hint
from pipeline.store.published import Rows
from pipeline.store.store import READ_ONLY
from pipeline.store.warehouse import Connection

__all__ = ["RELATIONS", "Querying", "Values", "querying"]

BATCH = 20_000  # rows
ONLY_DONE = (["Count"], ["Success"])  # what statements give that have no rows of their own
AS_JSON = "select to_json(answered_rows)::varchar from answered_rows"
COLUMNS = "select table_name, column_name from duckdb_columns() where not internal"
RELATIONS = """
select view_name as name, 'view' as kind, null::bigint as rows, comment from duckdb_views() where not internal and not temporary
union all
select table_name, 'table', estimated_size, comment from duckdb_tables() where not internal and not temporary
order by kind desc, name
"""
COLUMNS_OF = """
select column_name as "column", data_type as type, comment from duckdb_columns()
where not internal and database_name <> 'temp' and table_name = getvariable('described') order by column_index
"""
# The views read the pointers of `current`; one of this name in the session goes before it, so they show the facet.
FACET_POINTERS = """
create temp table current as
select substr(key, length(getvariable('facet')) + 2) as key, value from main.current where starts_with(key, getvariable('facet') || '/')
"""
FACET_VIEWS = ("facet_labels", "drift_now")  # these name the facet of each row
COUNTS = "02_label_counts.sql"  # of a large copy it has been added up for the project's own use case


@dataclass(frozen=True)
class Values:
    """The answer to one statement as Python values: its columns, and its rows in batches, to be read once."""

    columns: list[str]
    batches: Iterator[list[tuple[Any, ...]]]


class Querying:
    """Answer statements on one published copy, which stays the same until the session ends."""

    def __init__(self, path: Path, connection: Connection) -> None:
        """Use a connection that only reads; `path` is for messages."""
        self._path, self._connection = path, connection

    def statements(self, sql: str) -> list[str]:
        """Part a text into its statements.

        :raises StoreError: where it cannot be understood.
        """
        with self._told():
            return [text for statement in self._connection.extract_statements(sql) if (text := statement.query.strip())]

    def values(self, statement: str, *, batch: int = BATCH) -> Values | None:
        """Answer with Python values; None where the statement gives no rows, as `set`.

        :raises StoreError: with DuckDB's message and a hint, where the SQL is wrong or would write; also while rows are read.
        """
        columns = self._execute(statement)
        return None if columns is None else Values(columns, self._fetched(batch))

    def arrow(self, statement: str, *, batch: int = BATCH) -> Rows | None:
        """Answer with Arrow; None where the statement gives no rows.

        :raises StoreError: as `values` does.
        """
        relation = self._relation(statement)
        if relation is None:
            return None
        with self._told():
            reader = relation.to_arrow_reader(batch)
        schema = pa.schema([part.with_name(name) for name, part in zip(distinct(relation.columns), reader.schema, strict=True)])
        return Rows(schema, (pa.RecordBatch.from_arrays(found.columns, schema=schema) for found in self._read(reader)))

    def json(self, statement: str, *, batch: int = BATCH) -> Iterator[list[str]] | None:
        """Answer with a JSON object for each row, in batches; None where the statement gives no rows.

        What JSON cannot hold is text, and a number that it lacks is `NaN` or `Infinity`, as DuckDB has it.

        :raises StoreError: as `values` does.
        """
        relation = self._relation(statement)
        if relation is None:
            return None
        with self._told():
            objects = relation.query("answered_rows", AS_JSON)
            reader = None if objects is None else objects.to_arrow_reader(batch)
        return None if reader is None else (found.column(0).to_pylist() for found in self._read(reader))

    def is_current(self) -> bool:
        """Say whether the copy has the tables and views of this version of the code.

        :raises StoreError: where it was written by a newer one.
        """
        return schema.has_table(self._connection, "current") and schema.is_current(self._connection)

    def use_facet(self, name: str) -> None:
        """Show every view as it is for one facet."""
        with self._told():
            self._connection.execute("set variable facet = ?", [name])
            self._connection.execute(FACET_POINTERS)
            for view in FACET_VIEWS:
                self._connection.execute(
                    f"create temp view {view} as select * replace (getvariable('facet') as facet) from {self._path.stem}.main.{view}"  # noqa: S608 - constants
                )
            counts = (schema.VIEWS / COUNTS).read_text(encoding="utf-8").replace("CREATE OR REPLACE VIEW", "CREATE TEMP VIEW")
            self._connection.execute(self._connection.extract_statements(counts)[0])

    def describe(self, relation: str) -> str:
        """Give the statement that lists the columns of a table or view.

        :raises StoreError: where there is none of that name.
        """
        with self._told():
            self._connection.execute("set variable described = ?", [relation])
            if not self._connection.execute(COLUMNS_OF).fetchall():
                quoted = relation.replace('"', '""')
                self._connection.execute(f'from "{quoted}" limit 0')
        return COLUMNS_OF

    def _execute(self, statement: str) -> list[str] | None:
        with self._told():
            self._connection.abort()  # what is left of the answer before
            self._connection.execute(statement)
            names = [column[0] for column in self._connection.description or ()]
            if names and names not in ONLY_DONE:
                return distinct(names)
            self._connection.complete()
        return None

    def _fetched(self, batch: int) -> Iterator[list[tuple[Any, ...]]]:
        while True:
            with self._told():
                rows = self._connection.fetchmany(batch)
            if not rows:
                return
            yield rows

    def _relation(self, statement: str) -> duckdb.DuckDBPyRelation | None:
        with self._told():
            self._connection.abort()
            relation = self._connection.sql(statement)
        return None if relation is None or relation.columns in ONLY_DONE else relation

    def _read(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            with self._told():
                try:
                    found = reader.read_next_batch()
                except StopIteration:
                    return
            yield found

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            message = str(error)
            raise StoreError("\n".join(filter(None, (f"{self._path} could not answer: {message}", hint(message, self._columns()))))) from error

    def _columns(self) -> dict[str, list[str]]:
        """List the columns of every table and view by its name; none where the connection is of no more use."""
        found: dict[str, list[str]] = {}
        with contextlib.suppress(duckdb.Error):
            for table, column in self._connection.execute(COLUMNS).fetchall():
                found.setdefault(table, []).append(column)
        return found


@contextlib.contextmanager
def querying(published: Path, *, facet: str = "") -> Iterator[Querying]:
    """Open a published copy for reading.

    :param facet: the facet that the views show; empty for the project's own use case.
    :raises StoreError: where it cannot be opened.
    """
    try:
        connection = duckdb.connect(str(published), read_only=True, config=READ_ONLY)
    except duckdb.Error as error:
        raise StoreError(f"{published} could not answer: {error}") from error
    with contextlib.closing(connection):
        session = Querying(published, connection)
        if facet:
            session.use_facet(facet)
        yield session


def distinct(names: list[str]) -> list[str]:
    """Number the names that come again, so that no column hides another."""
    found: list[str] = []
    for name in names:
        free, number = name, 1
        while free in found or (number > 1 and free in names):
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found
