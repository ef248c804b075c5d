"""A store of any older version is brought up to date with every row it has, or left as it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.errors import StoreError
from pipeline.store import Store, schema
from tests.versions import version

NUMBERS = [migration.number for migration in schema.known_migrations()]
OWN = {"migrations", "current"}  # what the code itself writes when it opens a store
SAMPLES = {
    "VARCHAR": "'{table}.{column} ' || n",
    "JSON": "'{{\"n\": ' || n || '}}'",
    "BOOLEAN": "n % 2 = 0",
    "TIMESTAMP": "timestamp '2026-01-01 00:00:00' + to_hours(n::integer)",
    "VARCHAR[]": "['{column} ' || n, 'ä']",
    "FLOAT[]": "[n::float, 0.5]",
    "UINTEGER[]": "[n::uinteger]",
    "DOUBLE": "n / 4",
} | dict.fromkeys(("INTEGER", "BIGINT", "UBIGINT", "HUGEINT"), "n")
COLUMNS = """
select table_name, column_name, data_type from duckdb_columns()
where table_name in (select table_name from duckdb_tables() where not internal) order by column_index
"""
Contents = Mapping[str, Any]


def fill(store: Store) -> None:
    """Put three rows into every table, with something in every column."""
    with store.writer() as connection:
        columns: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in connection.execute(COLUMNS).fetchall():
            columns.setdefault(table, []).append((column, SAMPLES[kind].format(table=table, column=column)))
        for table in columns.keys() - OWN:
            names = ", ".join(f'"{column}"' for column, _ in columns[table])
            values = ", ".join(value for _, value in columns[table])
            connection.execute(f"insert into {table} ({names}) select {values} from range(3) as r(n)")  # noqa: S608 - names of the schema


def contents(store: Store, columns: Mapping[str, list[str]] | None = None) -> tuple[dict[str, list[str]], Contents]:
    """Give the columns of each table, and the rows by those columns."""
    if columns is None:
        columns = {}
        for table, column, _ in store.rows(COLUMNS):
            columns.setdefault(table, []).append(column)
    quoted = {table: ", ".join(f'"{name}"' for name in names) for table, names in columns.items() if table not in OWN}
    return dict(columns), {table: store.rows(f"select {names} from {table} order by all") for table, names in quoted.items()}  # noqa: S608 - names of the schema


@pytest.mark.parametrize("number", NUMBERS[:-1])
def test_a_store_of_any_older_version_keeps_every_row_and_answers_by_every_view(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with version(number, tmp_path):
        old = Store.open(folder)
        fill(old)
        columns, before = contents(old)
    assert all(len(rows) == 3 for rows in before.values())
    store = Store.open(folder)
    assert contents(store, columns)[1] == before
    assert [row[0] for row in store.rows("select number from migrations order by number")] == NUMBERS
    assert store.query("select count(*), min(text) from documents")[1] == [(3, "documents.text 0")], "the published copy has them too"
    with duckdb.connect(str(store.published), read_only=True) as reader:
        views = [name for (name,) in reader.execute("select view_name from duckdb_views() where not internal").fetchall()]
        assert len(views) > 9
        for view in views:
            reader.execute(f"select * from {view}").fetchall()  # noqa: S608 - names of the schema


def test_a_migration_that_fails_midway_leaves_the_version_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, last = tmp_path / "store", NUMBERS[-1]
    with version(last - 1 if last - 1 in NUMBERS else NUMBERS[-2], tmp_path):
        fill(Store.open(folder))
    with version(last, tmp_path):
        broken = schema.MIGRATIONS / f"{last + 1:04}_broken.sql"
        broken.write_text("alter table documents add column extra integer; update documents set text = 'lost'; drop table nosuch;")
        with pytest.raises(StoreError, match="nosuch"):
            Store.open(folder)
        broken.unlink()
        store = Store.open(folder)
    assert store.rows("select max(number) from migrations") == [(last,)], "the migration before it is kept, in a transaction of its own"
    assert store.rows("select distinct column_name from duckdb_columns() where column_name = 'extra'") == []
    assert store.rows("select text from documents order by text") == [(f"documents.text {n}",) for n in range(3)]


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    fill(Store.open(folder))
    before = (folder / "warehouse.duckdb").read_bytes()
    with version(NUMBERS[-2], tmp_path), pytest.raises(StoreError, match=rf"has schema {NUMBERS[-1]} .* up to {NUMBERS[-2]}; update linnaeus"):
        Store.open(folder)
    assert (folder / "warehouse.duckdb").read_bytes() == before
