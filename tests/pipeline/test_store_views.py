"""What people read of a store: views that add up, documented tables, and a published copy that any client opens."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.ids import text_hash
from pipeline.records import Annotator, Label, Student
from pipeline.store import Store
from pipeline.store.tables import TABLES
from tests.stored import make_taxonomy, save_texts

VIEWS = {
    "category_versions",
    "cited_texts",
    "confusable_pairs",
    "current_labels",
    "disagreements",
    "document_languages",
    "drift_now",
    "evaluation_history",
    "near_copies",
    "taxonomy_versions",
    "unlabelled_documents",
    "facet_labels",
    "review_queue",
    "labelled_documents",
    "label_counts",
    "taxonomy_tree",
    "cost",
    "label_history",
    "plan_against_run",
    "serving",
    "worst_mistakes",
}


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield Store.open(tmp_path_factory.mktemp("shared") / "store")


def labelled_store(store: Store) -> Store:
    """Six documents: by a person, by the teacher, by the student, refused by the teacher, without any, and a duplicate."""
    human, teacher, student, refused, nothing, _ = save_texts(store, "human", "teacher", "student", "refused", "nothing", "human")
    store.save([make_taxonomy("t0"), make_taxonomy("t1")])
    store.save([Annotator("person", "human", None, None, {}), Annotator("llm", "llm", "m", "p", {}), Annotator("best", "teacher", "m", "p", {})])
    store.save([Label(human, "t1", "person", "cat:c", None), Label(nothing, "t0", "best", "cat:a", 0.9)])
    store.save([Label(one, "t1", "best", "cat:a", 0.9) for one in (human, teacher)] + [Label(refused, "t1", "best", None, 0.5)])
    store.save([Label(one, "t1", "llm", "cat:b", 0.2) for one in (teacher, nothing)])
    store.save([Student("c1", "t1", "best", "e", "p", "s", {}, {}, 3), Student("c0", "t0", "best", "e", "p", "s", {}, {}, 3)])
    predicted = [human, teacher, student, refused]
    store.save_predictions("c1", predicted, ["cat:a"] * 4, np.full(4, 0.6))
    store.save_predictions("c0", [nothing], ["cat:a"], np.full(1, 0.6))
    store.mark_current(taxonomy_id="t1", teacher_annotator_id="best", llm_annotator_id="llm", classifier_id="c1")
    return store


def test_the_best_label_wins(store: Store) -> None:
    rows = labelled_store(store).rows("select text, category, labelled_by, probability, taxonomy_id from labelled_documents order by doc_id")
    assert rows == [
        ("human", "Late", "human", None, "t1"),
        ("teacher", "Refunds", "llm", 0.9, "t1"),
        ("student", "Refunds", "student", 0.6, "t1"),
        ("refused", "Refunds", "student", 0.6, "t1"),
        ("nothing", None, None, None, "t1"),
        ("human", "Late", "human", None, "t1"),
    ]


def test_a_student_of_another_taxonomy_labels_nothing(store: Store) -> None:
    labelled_store(store).mark_current(classifier_id="c0", teacher_annotator_id=None)
    rows = store.rows("select text, labelled_by from labelled_documents order by doc_id")
    assert rows == [("human", "human"), ("teacher", "llm"), ("student", None), ("refused", None), ("nothing", "llm"), ("human", "human")]


def test_counts_hold_empty_categories_and_add_up(store: Store) -> None:
    rows = labelled_store(store).rows("select category, documents, share, by_human, by_llm, by_student, mean_probability from label_counts")
    assert rows == [
        ("Refunds", 3, 0.5, 0, 1, 2, pytest.approx(0.7)),
        ("Late", 2, pytest.approx(1 / 3), 2, 0, 0, None),
        (None, 1, pytest.approx(1 / 6), 0, 0, 0, None),
        ("Delivery", 0, 0.0, 0, 0, 0, None),
    ]


def test_the_tree_puts_children_below_their_parents(store: Store) -> None:
    rows = labelled_store(store).rows("select depth, path, documents from taxonomy_tree")
    assert rows == [(0, "Refunds", 3), (0, "Delivery", 0), (1, "Delivery > Late", 2)]


def test_history_tells_what_was_meant_when(store: Store) -> None:
    rows = labelled_store(store).rows(
        "select doc_id, taxonomy_id, category, annotator_kind from label_history where text_hash = ?", [text_hash("nothing")]
    )
    assert sorted(rows) == [("d4", "t0", "Refunds", "teacher"), ("d4", "t1", "Delivery", "llm")]


def test_an_empty_store_has_empty_views(store: Store) -> None:
    for view in VIEWS:
        assert store.query(f"select * from {view}")[1] == []  # noqa: S608 - names of this test


def test_everything_is_documented(store: Store) -> None:
    tables = dict(store.rows("select table_name, comment from duckdb_tables()"))
    views = dict(store.rows("select view_name, comment from duckdb_views() where not internal"))
    assert set(tables) == set(TABLES) | {"migrations"}
    assert set(views) == VIEWS
    columns = store.rows("select table_name, column_name, comment from duckdb_columns() where not internal")
    assert len(columns) > 100
    assert [name for name, comment in [*tables.items(), *views.items()] if not comment] == []
    assert [(table, column) for table, column, comment in columns if not comment] == []


def test_tables_in_code_and_in_sql_agree(store: Store) -> None:
    columns = store.rows("select table_name, column_name from duckdb_columns() where not internal")
    for name, table in TABLES.items():
        in_sql = {column for found, column in columns if found == name}
        assert in_sql - set(table.columns) == ({"active", "first_seen"} if name == "documents" else set())
        assert set(table.columns) <= in_sql


def test_sql_reads_the_published_copy_only(store: Store, tmp_path: Path) -> None:
    save_texts(store, "a", "b")
    assert store.query("select count(*) as n from documents") == (["n"], [(0,)])
    store.publish()
    assert store.query("select doc_id from documents order by doc_id", limit=1) == (["doc_id"], [("d0",)])
    target = tmp_path / "x.csv"
    for sql in (
        "insert into current values ('a', 'b')",
        "select 1; drop table documents",
        f"copy documents to '{target}'",
        "select * from read_csv('/etc/passwd')",
        f"attach '{store.path}' as w",
        "set enable_external_access = true",
        "set lock_configuration = false",
    ):
        with pytest.raises(StoreError, match="could not answer"):
            store.query(sql)
    assert not target.exists()
    with pytest.raises(StoreError, match="nosuch"):
        store.query("select nosuch from documents")


def test_any_client_opens_the_published_copy(store: Store) -> None:
    save_texts(store, "a")
    store.publish()
    with duckdb.connect(str(store.published), read_only=True) as connection:
        assert connection.execute("select text from labelled_documents").fetchall() == [("a",)]
        tags = connection.execute("select tags from duckdb_databases() where database_name = 'labels'").fetchall()
    assert tags[0][0]["storage_version"].startswith("v1.0.0")
