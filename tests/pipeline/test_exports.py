"""Plain tables: whatever is written is read back by other libraries, and equals the rows of the views."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ExportError, StoreError
from pipeline.exports import write_csv, write_json_lines, write_parquet, write_parts
from pipeline.exports.tables import NO_VALUE
from pipeline.store import Store
from pipeline.store.compaction import leftovers, remove_leftovers
from pipeline.store.published import Rows
from tests.exported import TEXTS, awkward_store, export_to, view_rows

VIEW = ("doc_id", "text", "category", "category_id", "probability", "labelled_by", "taxonomy_id", "also", "evidence", "text_hash")
text = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
    | st.sampled_from(["", "=a", '"', "\r\n", ",", "'"])
)
row = st.fixed_dictionaries(
    {
        "name, odd": text,
        "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "flag": st.none() | st.booleans(),
        "many": st.none() | st.lists(text, max_size=3),
    }
)
SCHEMA = pa.schema(
    [("name, odd", pa.string()), ("number", pa.float64()), ("count", pa.int64()), ("flag", pa.bool_()), ("many", pa.list_(pa.string()))]
)
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return awkward_store(tmp_path_factory.mktemp("exports") / "store")


def rows_of(table: Sequence[dict[str, Any]], size: int = 2) -> Rows:
    return Rows(SCHEMA, iter(pa.Table.from_pylist(list(table), schema=SCHEMA).to_batches(max_chunksize=size)))


def cell(value: Any) -> str:
    return (
        ""
        if value is None
        else json.dumps(value, ensure_ascii=False)
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else value
    )


@few
@given(st.lists(row, max_size=5))
def test_what_is_written_as_csv_is_read_back_by_csv(tmp_path: Path, table: list[dict[str, Any]]) -> None:
    assert write_csv(rows_of(table), tmp_path / "x.csv") == len(table)
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file, strict=True))
    assert len(found) == len(table)
    for read, written in zip(found, table, strict=True):
        for name in ("name, odd", "flag", "many"):
            assert read[name] == cell(written[name])
        for name, kind in (("number", float), ("count", int)):
            assert (None if read[name] == "" else kind(read[name])) == written[name]


@few
@given(st.lists(row, max_size=5))
def test_what_is_written_as_json_lines_or_parquet_is_read_back_whole(tmp_path: Path, table: list[dict[str, Any]]) -> None:
    write_json_lines(rows_of(table), tmp_path / "x.jsonl")
    with (tmp_path / "x.jsonl").open(encoding="utf-8", newline="\n") as file:
        assert [json.loads(line) for line in file] == table
    write_parquet(rows_of(table), tmp_path / "x.parquet", about={})
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == table


@few
@given(st.lists(row, max_size=6))
def test_any_text_may_name_a_part(tmp_path_factory: pytest.TempPathFactory, table: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("parts")
    write_parts(rows_of(table), folder, by="name, odd", about={})
    parting = pyarrow.dataset.partitioning(pa.schema([("name, odd", pa.string())]), flavor="hive")
    found = pyarrow.dataset.dataset(folder, partitioning=parting, format="parquet").to_table()
    assert sorted(map(repr, found["name, odd"].to_pylist())) == sorted(repr(one["name, odd"]) for one in table)


@few
@given(st.lists(row, max_size=6))
def test_the_parts_of_a_table_are_the_table(tmp_path_factory: pytest.TempPathFactory, table: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("parts")
    write_parts(rows_of(table), folder, by="flag", about={})
    parting = pyarrow.dataset.partitioning(pa.schema([("flag", pa.string())]), flavor="hive")
    found = pyarrow.dataset.dataset(folder, partitioning=parting, format="parquet").to_table()
    if table:
        read = found.select(SCHEMA.names).to_pylist()
        expected = [{**one, "flag": None if one["flag"] is None else str(one["flag"])} for one in table]
        assert sorted(repr(sorted(one.items())) for one in read) == sorted(repr(sorted(one.items())) for one in expected)
    else:
        assert found.num_rows == 0


def test_parquet_holds_the_rows_of_the_view_and_says_what_it_is(store: Store, tmp_path: Path) -> None:
    made = export_to(store, tmp_path / "labels.parquet")
    table = pq.read_table(tmp_path / "labels.parquet")
    assert (made.rows, made.files, made.taxonomy_id, table.num_rows) == (6, 1, "t1", 6)
    assert sorted(table.select(VIEW).to_pylist(), key=lambda one: one["doc_id"]) == view_rows(store, ", ".join(VIEW))
    about = json.loads(table.schema.metadata[b"linnaeus"])
    assert (about["project"], about["taxonomy_id"], [one["name"] for one in about["categories"]]) == ("mine", "t1", ["Refunds", "Delivery", "Late"])
    assert pq.ParquetFile(tmp_path / "labels.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_kept_columns_stand_beside_the_labels_with_their_types(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "labels.parquet")
    found = {one["doc_id"]: one for one in pq.read_table(tmp_path / "labels.parquet").to_pylist()}
    assert found["human"]["text"] == TEXTS["human"]
    human = {name: found["human"][name] for name in ("Channel", "stars", "vip", "metadata.text", "tags", "score")}
    assert human == {"Channel": "mail, post", "stars": 5, "vip": True, "metadata.text": "clash", "tags": '["a","b"]', "score": None}
    assert (found["none"]["Channel"], found["none"]["score"], found["nobody"]["Channel"]) == ("", 0.5, None)
    assert "gold" not in found["human"]


def test_known_labels_are_exported_only_where_they_are_asked_for(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "with.jsonl", gold=True)
    export_to(store, tmp_path / "documents.jsonl", what="documents")
    with_gold = [json.loads(line) for line in (tmp_path / "with.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {one["doc_id"]: one["gold"] for one in with_gold} == dict.fromkeys(TEXTS) | {"human": "Known, label"}
    assert all("gold" not in json.loads(line) for line in (tmp_path / "documents.jsonl").read_text(encoding="utf-8").splitlines())


def test_duckdb_and_arrow_read_the_folders_by_a_column(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "parts", format="parquet", partition_by="Channel", columns=("doc_id", "category"))
    folders = sorted(path.name for path in (tmp_path / "parts").iterdir() if path.is_dir())
    assert f"Channel={NO_VALUE}" in folders
    expected = {"human": "mail, post", "copy": "mail, post", "teacher": "@chat", "student": "a/b=c %", "nobody": None, "none": ""}
    sql = f"select doc_id, Channel from read_parquet('{tmp_path}/parts/**/*.parquet', hive_partitioning = true)"  # noqa: S608 - a folder of this test
    assert dict(duckdb.sql(sql).fetchall()) == expected
    found = pyarrow.dataset.dataset(tmp_path / "parts", partitioning="hive", format="parquet").to_table().to_pylist()
    assert {one["doc_id"]: one["Channel"] for one in found} == expected


def test_csv_tells_an_empty_text_from_none_at_all(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "labels.csv")
    raw = (tmp_path / "labels.csv").read_bytes()
    assert raw.count(b"\r\n") == 1 + 6 + 1, "a line each, and one within a text"
    sql = f"select * from read_csv('{tmp_path}/labels.csv', all_varchar = true, allow_quoted_nulls = false)"  # noqa: S608 - a file of this test
    relation = duckdb.sql(sql)
    found = {one[0]: dict(zip(relation.columns, one, strict=True)) for one in relation.fetchall()}
    assert {key: one["text"] for key, one in found.items()} == TEXTS
    assert (found["none"]["Channel"], found["nobody"]["Channel"], found["teacher"]["also"]) == ("", None, '["cat:c"]')


def test_a_spreadsheet_is_kept_from_running_what_a_text_says(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "plain.csv", columns=("doc_id", "text", "Channel"))
    export_to(store, tmp_path / "safe.csv", columns=("doc_id", "text", "Channel"), spreadsheet_safe=True)

    def read(name: str) -> dict[str, tuple[str, str]]:
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            return {one["doc_id"]: (one["text"], one["Channel"]) for one in csv.DictReader(file)}

    plain, safe = read("plain.csv"), read("safe.csv")
    assert plain["teacher"] == ("=1+1, formula", "@chat")
    assert safe["teacher"] == ("'=1+1, formula", "'@chat")
    assert {key: safe[key] for key in safe if key != "teacher"} == {key: plain[key] for key in plain if key != "teacher"}


def test_a_condition_and_columns_choose_what_is_written(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "some.jsonl", where="stars >= 3 -- at least", columns=("stars", "doc_id"))
    found = [json.loads(line) for line in (tmp_path / "some.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(found, key=str) == [{"stars": 3, "doc_id": "student"}, {"stars": 5, "doc_id": "human"}]
    assert list(found[0]) == ["stars", "doc_id"]


def test_a_facet_is_exported_by_its_own_taxonomy(store: Store, tmp_path: Path) -> None:
    made = export_to(store, tmp_path / "urgency.jsonl", facet="urgency", columns=("doc_id", "category", "taxonomy_id"))
    found = [json.loads(line) for line in (tmp_path / "urgency.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {one["doc_id"]: one["category"] for one in found} == dict.fromkeys(TEXTS) | {"student": "Later"}
    assert (made.taxonomy_id, {one["taxonomy_id"] for one in found}) == ("t2", {"t2"})


def test_what_is_worth_a_look_comes_first(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "review.jsonl", what="review")
    found = [json.loads(line) for line in (tmp_path / "review.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["doc_id"] for one in found] == [one[0] for one in store.query("select doc_id from review_queue")[1]]
    assert found[0]["reason"] == "no label"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("name", ["documents", "categories", "predictions", "near_signatures", "label_counts"])
def test_tables_and_views_of_every_type_can_be_exported(store: Store, tmp_path: Path, name: str, ending: str) -> None:
    columns, rows = store.query(f"select * from {name}")  # noqa: S608 - the name of a table
    export_to(store, tmp_path / f"{name}.{ending}", what=name, gold=True)
    relation = duckdb.sql(f"select * from '{tmp_path}/{name}.{ending}'")  # noqa: S608 - a file of this test
    assert len(relation.fetchall()) == len(rows)
    assert not rows or relation.columns == columns


def test_a_view_is_written_in_its_order(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "tree.csv", what="taxonomy_tree")
    with (tmp_path / "tree.csv").open(encoding="utf-8", newline="") as file:
        assert [one["path"] for one in csv.DictReader(file)] == [one[0] for one in store.query("select path from taxonomy_tree")[1]]


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"columns": ("doc_id", "nosuch")}, r"There is no column 'nosuch' in labels; there are doc_id, text, "),
        ({"what": "nosuch"}, "There is no 'nosuch' to export; there are labels, review, and .*documents"),
        ({"what": "labels_of", "facet": "urgency"}, "There is no 'labels_of'"),
        ({"what": "evaluations", "facet": "urgency"}, "not told apart by facet"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_written(store: Store, tmp_path: Path, wishes: dict[str, Any], error: str) -> None:
    with pytest.raises(ExportError, match=error):
        export_to(store, tmp_path / "x.csv", **wishes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "condition",
    [
        "nosuch > 1",
        "1 = 1) union select",
        "exists (select 1 from read_csv('/etc/passwd'))",
        "1 = 1); drop table documents; select (1 = 1",
        "probability =",
    ],
)
def test_a_condition_can_do_nothing_but_choose(store: Store, tmp_path: Path, condition: str) -> None:
    with pytest.raises(StoreError, match="could not answer"):
        export_to(store, tmp_path / "x.csv", where=condition)
    assert list(tmp_path.iterdir()) == []


def test_an_export_is_about_one_state_whatever_is_published_meanwhile(tmp_path: Path) -> None:
    store = awkward_store(tmp_path / "store")
    with store.snapshot() as copy:
        rows = copy.stream("select doc_id from labelled_documents")
        with store.writer() as connection:
            connection.execute("delete from documents where doc_id = 'human'")
        store.publish()
        assert sum(batch.num_rows for batch in rows.batches) == 6
    with store.snapshot() as copy:
        assert copy.rows("select count(*) from labelled_documents") == [(5,)]


def test_an_error_while_rows_are_read_is_told_as_one_of_the_store(store: Store) -> None:
    with store.snapshot() as copy, pytest.raises(StoreError, match="could not answer"):
        list(copy.stream("select case when range > 900000 then error('late') else range end as n from range(1000000)").batches)


def test_what_a_killed_export_spilled_is_known_to_be_left_over_and_what_a_living_one_spills_is_not(tmp_path: Path) -> None:
    store = awkward_store(tmp_path / "store")
    (store.folder / ".spilled.dead" / "rows").mkdir(parents=True)
    with store.snapshot() as copy:
        assert [path.name for path, *_ in leftovers(store)] == [".spilled.dead"]
        remove_leftovers(store)
        assert copy.rows("select count(*) from labelled_documents") == [(6,)]
    assert not list(store.folder.glob(".spilled.*"))
