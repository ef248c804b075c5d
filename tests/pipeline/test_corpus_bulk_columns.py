"""Files and tables of columns, of whatever types, give the same documents and rejects in bulk as row by row."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpus import stretches
from pipeline.schedule_settings import PartitionSettings
from tests.bulk import LAWS, SAMPLES, TEXTS, Row, check, project


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "BLOCK_BYTES", 300)
    monkeypatch.setattr(stretches, "BULK_ROWS", 20)


COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "words": (pa.string(), st.none() | TEXTS),
    "long": (pa.large_string(), TEXTS),
    "seen": (pa.string_view(), TEXTS),
    "kind": (pa.dictionary(pa.int8(), pa.string()), st.none() | st.sampled_from(["a", " b", 'c"', ""])),
    "whole": (pa.int64(), st.integers(-3, 20)),
    "small": (pa.uint8(), st.none() | st.integers(0, 9)),
    "real": (pa.float64(), st.none() | st.sampled_from([0.5, 1.0, 2e15, float("nan"), 1.7e9])),
    "single": (pa.float32(), st.sampled_from([0.1, 1.0])),
    "yes": (pa.bool_(), st.none() | st.booleans()),
    "day": (pa.date32(), st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 3))),
    "moment": (pa.timestamp("us", "UTC"), st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 1))),
    "several": (pa.list_(pa.string()), st.none() | st.lists(TEXTS, max_size=2)),
    "price": (pa.decimal128(9, 2), st.decimals(0, 9, places=2)),
    "raw": (pa.binary(), st.binary(max_size=3)),
}
ROLES = st.fixed_dictionaries(
    {"text": st.sampled_from(["words", "long", "seen", "kind", "whole", "day"])},
    optional={
        "id": st.sampled_from(["whole", "small", "seen", "day", "real"]),
        **{role: st.sampled_from(sorted(COLUMNS)) for role in ("gold", "language", "time")},
        "metadata": st.sets(st.sampled_from(sorted(COLUMNS)), max_size=4).map(lambda names: tuple(sorted(names))),
        "title": st.sampled_from(["words", "kind"]),
        "sample": SAMPLES,
        "partitions": st.sampled_from([PartitionSettings(by="day", start=date(2026, 1, 2), column=name) for name in ("day", "moment", "words")]),
    },
).filter(lambda roles: "partitions" not in roles or (roles.get("sample") or {}).get("rows") is None)


@settings(LAWS, max_examples=60)
@given(st.lists(st.fixed_dictionaries({name: values for name, (_, values) in COLUMNS.items()}), min_size=1, max_size=30), ROLES)
def test_law_parquet_and_tables_are_the_same_in_bulk_whatever_their_types(tmp_path: Path, rows: list[Row], roles: Row) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({name: pa.array([row[name] for row in rows], kind) for name, (kind, _) in COLUMNS.items()}), path, row_group_size=7)
    check(project(path, **roles))
    table, options = pq.read_table(path), pa.ipc.IpcWriteOptions(compression="zstd")
    for new in (pa.ipc.new_file, pa.ipc.new_stream):
        with new(str(path.with_suffix(".arrow")), table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=9)
        check(project(path.with_suffix(".arrow"), **roles))
    database = path.with_suffix(".duckdb")
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table rows as from '{path}'")
    check(project(database, table="rows", **roles))


UNHELD = ("date", "timestamp")  # of which DuckDB's first and last are beyond those of Python


@pytest.mark.parametrize("role", ["text", "id", "gold", "language", "time", "metadata"])
def test_a_table_of_every_type_of_duckdb_is_the_same_in_bulk(tmp_path: Path, role: str) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        every = [str(name) for name, *_ in connection.execute("describe from test_all_types()").fetchall()]
        held = ", ".join(f'"{name}"' for name in every if not name.startswith(UNHELD))
        own = """'text ' || row_number() over () as "own text", '{"a": [1]}'::json as object, date '2026-01-31' as day"""
        connection.execute(f"create table rows as select {held}, {own} from test_all_types()")  # noqa: S608 - names of DuckDB
        names = [str(name) for name, *_ in connection.execute("describe rows").fetchall()]
    assert len(names) > 50
    for name in names:
        check(project(path, **({"text": "own text"} | {role: (name,) if role == "metadata" else name})))
