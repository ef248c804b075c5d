"""Read a table or view of a DuckDB file, opened for reading alone and streamed in Arrow batches."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.corpus.rows import RawRow
from pipeline.errors import CorpusError

__all__ = ["has_table_columns", "read_table", "table_batches"]

NAMED = 20  # tables named in a message
TABLES = """
select table_schema, table_name from information_schema.tables
where table_catalog = current_database() order by table_schema <> 'main', table_schema, table_name
"""
COLUMNS = "select column_name from information_schema.columns where table_catalog = current_database() and table_schema = ? and table_name = ?"


def read_table(path: Path, name: str, wanted: str | None, columns: Sequence[str], *, batch: int) -> Iterator[RawRow]:
    """Read the rows of a table or view, as `table_batches` does."""
    position = 0
    for part in table_batches(path, wanted, columns, batch=batch):
        for values in part.to_pylist():
            position += 1
            yield RawRow(name, position, values)


def has_table_columns(path: Path, wanted: str | None, columns: Sequence[str]) -> bool:
    """Tell whether there is such a table, with all columns; errors are for those who read it."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            found = connection.execute(COLUMNS, [*find_table(connection, path, wanted)]).fetchall()
    except (duckdb.Error, CorpusError):
        return False
    return set(columns) <= {column for (column,) in found}


def table_batches(path: Path, wanted: str | None, columns: Sequence[str], *, batch: int) -> Iterator[pa.RecordBatch]:
    """Read a table or view, only the columns wanted where it has them all.

    :param wanted: name of the table, as tickets or archive.tickets; the only one of the file when absent.
    :raises CorpusError: where the file cannot be opened, or there is no such table.
    """
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            schema, table = find_table(connection, path, wanted)
            found = {column for (column,) in connection.execute(COLUMNS, [schema, table]).fetchall()}
            listed = ", ".join(map(quoted, columns)) if set(columns) <= found else "*"
            query = f"select {listed} from {quoted(schema)}.{quoted(table)}"  # noqa: S608 - names are quoted
            yield from connection.sql(query).to_arrow_reader(batch)
    except duckdb.Error as error:
        hint = " Wait until the other process has closed it, or read a copy." if "lock" in str(error).lower() else ""
        raise CorpusError(f"{path} cannot be read as a DuckDB database: {error}{hint}") from error


def find_table(connection: duckdb.DuckDBPyConnection, path: Path, wanted: str | None) -> tuple[str, str]:
    """Find the schema and name of a table; one of the schema `main` needs no schema."""
    tables = connection.execute(TABLES).fetchall()
    names = [name if schema == "main" else f"{schema}.{name}" for schema, name in tables]
    if wanted is None and len(tables) == 1:
        return str(tables[0][0]), str(tables[0][1])
    for (schema, name), short in zip(tables, names, strict=True):
        if wanted in {short, f"{schema}.{name}"}:
            return str(schema), str(name)
    held = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    asked = "Several tables are there, and none is named" if wanted is None and names else f"There is no table {wanted or 'at all'}"
    raise CorpusError(f"{asked} in {path}; it holds {held or 'none'}. Name one as corpus.table in the project file.")


def quoted(name: str) -> str:
    """Write a name as an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'
