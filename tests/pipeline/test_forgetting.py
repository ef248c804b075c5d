"""What is forgotten is gone: from every table, from every file, and for good."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.call_records import Call
from pipeline.corpus import documents_table
from pipeline.errors import StoreError
from pipeline.ids import text_hash
from pipeline.quoting import MARK
from pipeline.records import Category, Document, Summary
from pipeline.settings import load_project
from pipeline.stages import Session, run_stage
from pipeline.stages.forgetting import find, forget, is_unfinished
from pipeline.stages.learning import lesson_of
from pipeline.stages.returned import without_forgotten
from pipeline.store import Store, StoreLedger
from pipeline.store.forgetting import HOLDS_NO_TEXT, WORDS, erase, find_by_id, hash_columns
from pipeline.store.tables import TABLES, Table, arrow_table, insert_rows
from tests.stored import MORNING, make_document, make_taxonomy
from tests.tiny import tiny_session, write_project

SECRET = "my grandmother Agatha Quillfeather waits in Zwolle for the purple parcel, and nobody tells her where it is"
OTHERS = ("where is the invoice of last month", "I cannot log in since yesterday")
BY_NAME = {"documents", "llm_calls", "rejects"}  # that pipeline/store/forgetting.py looks after beside their hashes
HASH = text_hash(SECRET)
EVENT = '{"md": "| text |\\n| TEXT | caf\\u00e9 |"}'


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    """Three documents, of which the first is to be forgotten."""
    store = Store.open(tmp_path / "state")
    documents = [make_document(name, text) for name, text in zip("abc", (SECRET, *OTHERS), strict=True)]
    store.save_documents(documents, seed=1, seen_at=MORNING)
    return store


def filled(table: Table) -> dict[str, Any]:
    """Make a row of a table that holds the secret wherever it can."""
    quotes = {"rejects": {"record", "message"}, "llm_calls": {"answer", "raw", "error"}, "summaries": {"summary"}, "labels": {"evidence"}}
    words = {*WORDS.get(table.name, ()), *quotes.get(table.name, ())}
    row: dict[str, Any] = {}
    for column, kind in table.columns.items():
        if column in hash_columns(table):
            row[column] = HASH
        elif pa.types.is_list(kind) and column in {"members", "examples", "near_misses", "shown", "texts"}:
            row[column] = [text_hash(OTHERS[0]), HASH]
        elif pa.types.is_list(kind):
            row[column] = [f"says: {SECRET}"] if column in words else []
        elif pa.types.is_string(kind):
            said = f"It says “{SECRET.upper()}”." if column in words else "x"
            row[column] = json.dumps({"text": said}) if column in table.json else said
        else:
            row[column] = MORNING.replace(tzinfo=None) if pa.types.is_timestamp(kind) else False if pa.types.is_boolean(kind) else 1
    return row


def fill(store: Store) -> list[str]:
    """Write a row into each table that can hold the secret, and name the tables."""
    names = [name for name, table in TABLES.items() if name != "documents" and (hash_columns(table) or name in {*WORDS, *BY_NAME})]
    with store.writer() as connection:
        for name in names:
            insert_rows(connection, TABLES[name], arrow_table(TABLES[name], [filled(TABLES[name])]))
    return names


def said(store: Store, table: str) -> str:
    return repr(store.rows(f"select * from {table}")).casefold()  # noqa: S608 - names of TABLES


def holding(folder: Path, text: str = SECRET) -> list[str]:
    """Name the files that hold a text."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes())


@pytest.mark.parametrize("name", TABLES)
def test_each_table_has_its_way_of_forgetting(name: str) -> None:
    ways = [bool(hash_columns(TABLES[name])), name in WORDS, name in HOLDS_NO_TEXT, name in BY_NAME]
    assert any(ways), f"say in pipeline/store/forgetting.py how the table {name} forgets a text"
    assert not (name in HOLDS_NO_TEXT and any([ways[0], ways[1], ways[3]]))


def test_a_text_is_gone_from_every_table_with_its_hash(store: Store) -> None:
    names = fill(store)
    assert all("quillfeather" in said(store, name) or HASH in said(store, name) for name in names), "otherwise this test could not fail"
    erase(store, find_by_id(store, ["a"]))
    for name in TABLES:
        assert "quillfeather" not in said(store, name), name
        assert HASH not in said(store, name) or name == "forgotten", name


def test_what_is_shared_stays_without_the_quotation(store: Store) -> None:
    quoting = Category("cat:q", "Parcels", "Someone waits", members=(HASH, "text:1"), cues=(f"as in: {SECRET}",), examples=(HASH,))
    given = make_taxonomy(categories=(quoting,), guide=f"Not to be mixed up with\n\n> {SECRET}\n\nand the like.")
    store.save([given])
    erase(store, find_by_id(store, ["a"]))
    kept = store.taxonomy(given.taxonomy_id)
    assert (kept.taxonomy_id, kept.guide) == (given.taxonomy_id, f"Not to be mixed up with\n\n> {MARK}\n\nand the like.")
    assert kept.categories[0] == Category("cat:q", "Parcels", "Someone waits", members=("text:1",), cues=(f"as in: {MARK}",))
    assert store.rows("select rows ->> 'categories', rows ->> 'taxonomies' from forgettings") == [("2", "1")]


def test_a_call_that_showed_the_text_keeps_its_cost_alone(store: Store) -> None:
    store.save([call("call:1", texts=(HASH,)), call("call:2", texts=(text_hash(OTHERS[0]),)), call("call:3", answer=f'{{"text": "{SECRET}"}}')])
    erase(store, find_by_id(store, ["a"]))
    kept = store.rows("select call_key, answer, texts, tokens_in from llm_calls order by call_key")
    assert kept == [("call:2", '{"text": "yes"}', [text_hash(OTHERS[0])], 7), ("forgotten", None, [], 7), ("forgotten", None, [], 7)]
    assert StoreLedger(store).find(["call:1", "call:2"]).keys() == {"call:2"}


def call(key: str, *, answer: str = '{"text": "yes"}', texts: tuple[str, ...] = ()) -> Call:
    return Call(key, "run", "annotate", "m", "p", 1, 7, 0, 3, 1.0, "stop", "ok", None, answer, None, texts=texts)


def test_a_text_that_another_document_has_stays_with_all_that_hangs_on_it(store: Store) -> None:
    store.save_documents([make_document("twin", SECRET)], seed=1, seen_at=MORNING)
    store.save([Summary(HASH, "spec", "a summary", "phrase", False)])
    found = find_by_id(store, ["a"])
    assert found.gone == []
    assert found.shared == {HASH}
    erase(store, found)
    assert [row[0] for row in store.rows("select doc_id from documents where text_hash = ?", [HASH])] == ["twin"]
    assert store.count("summaries") == 1
    assert store.rows("select text_hash from forgotten") == [(None,)]
    erase(store, find_by_id(store, ["twin"]))
    assert store.count("summaries") == 0


def test_all_versions_of_a_document_go(store: Store) -> None:
    store.save_documents([make_document("a", f"{SECRET}, still")], seed=1, seen_at=MORNING)
    assert erase(store, find_by_id(store, ["a"])).texts == 2
    assert store.rows("select count(*) from documents where doc_id = 'a'") == [(0,)]


def test_a_condition_finds_documents_and_a_wrong_one_is_told(store: Store) -> None:
    assert find(store, where="text ilike '%quillfeather%' -- hers").doc_ids == ["a"]
    assert find(store, ids=["b"], where="doc_id = 'c'").doc_ids == ["b", "c"]
    with pytest.raises(StoreError, match="is no condition on the table documents"):
        find(store, where="color = 'red'")
    with pytest.raises(StoreError):
        find(store, where="true); delete from documents; select (1")
    assert store.count("documents") == 3


def test_no_file_holds_the_text_any_more(store: Store) -> None:
    fill(store)
    store.publish()
    assert {"labels.duckdb", "warehouse.duckdb"} <= set(holding(store.folder)), "otherwise this test could not fail"
    done = forget(store, find(store, ids=["a"]))
    assert holding(store.folder) == []
    assert done.leftovers == []
    assert store.query("select doc_id from documents order by doc_id")[1] == [("b",), ("c",)]
    assert not is_unfinished(store)


def test_what_killed_processes_left_goes_too(store: Store) -> None:
    noted = store.folder / "journal" / "1-dead.jsonl"
    ledger = StoreLedger(store)
    ledger.note(call("call:1", answer=f'{{"text": "{SECRET}"}}', texts=(HASH,)))
    (journal,) = noted.parent.glob("*.jsonl")
    noted.write_bytes(journal.read_bytes())
    ledger.clear_notes()
    (store.folder / ".labels.duckdb.999999999.1.tmp").write_text(SECRET)
    forget(store, find(store, ids=["a"]))
    assert holding(store.folder) == []
    assert store.rows("select call_key from llm_calls") == [("forgotten",)]


def test_a_file_that_others_write_is_named_and_a_history_is_blanked(store: Store, tmp_path: Path) -> None:
    beside = tmp_path / "dagster"
    beside.mkdir()
    (beside / "compute.log").write_text(f"labelled: {SECRET}\n")
    with sqlite3.connect(beside / "history.db") as history:
        history.execute("create table event_logs (id integer primary key, event text)")
        history.execute("insert into event_logs (event) values (?)", [EVENT.replace("TEXT", SECRET)])
    done = forget(store, find(store, ids=["a"]), beside=[beside])
    assert [left.path.name for left in done.leftovers] == ["compute.log"]
    assert holding(beside) == ["compute.log"]
    with sqlite3.connect(beside / "history.db") as history:
        assert history.execute("select event from event_logs").fetchall() == [(EVENT.replace("TEXT", MARK),)]


def test_forgetting_twice_is_forgetting_once(store: Store) -> None:
    forget(store, find(store, ids=["a"]))
    before = {name: said(store, name) for name in TABLES}
    again = forget(store, find(store, ids=["a"]), ids=["a"])
    assert again.erased is None
    assert {name: said(store, name) for name in TABLES} == before


def test_a_forgotten_document_is_turned_away_until_its_return_is_allowed(store: Store) -> None:
    forget(store, find(store, ids=["a"]))
    same_id, same_text, other = (
        make_document(
            "a",
            "a new text",
        ),
        make_document("z", SECRET),
        make_document("d", "quite another one"),
    )
    numbered = [make_document(one.doc_id, one.text) for one in (same_id, same_text, other)]
    kept, rejects = without_forgotten(store, documents_table([_at(one, place) for place, one in enumerate(numbered, 1)], 1))
    assert kept["doc_id"].to_pylist() == ["d"]
    assert [(one.reason, one.record, one.source, one.position) for one in rejects] == [
        ("forgotten", "", "file.csv", 1),
        ("forgotten", "", "file.csv", 2),
    ]
    assert forget(store, find(store, ids=["a"]), ids=["a"], returning=True).allowed == 1
    assert without_forgotten(store, documents_table([_at(one, 1) for one in numbered], 1))[1] == []


def _at(document: Document, place: int) -> Document:
    return replace(document, source=f"file.csv:{place}")


def test_a_run_under_way_brings_nothing_back(store: Store) -> None:
    forget(store, find(store, ids=["a"]))
    store.save([Summary(HASH, "spec", SECRET, "phrase", False), Summary(text_hash(OTHERS[0]), "spec", "s", "phrase", False)])
    StoreLedger(store).record([call("call:1", texts=(HASH, text_hash(OTHERS[0]))), call("call:2", texts=(text_hash(OTHERS[1]),))])
    assert store.rows("select text_hash from summaries") == [(text_hash(OTHERS[0]),)]
    assert store.rows("select call_key, answer from llm_calls order by call_key") == [("call:2", '{"text": "yes"}'), ("forgotten", None)]


@pytest.fixture(name="taught")
def _taught(copied: Path) -> Iterator[Session]:
    """Give a session on a copy of the finished project."""
    with tiny_session(load_project(write_project(copied.parents[2])), copied) as session:
        yield session


def test_the_students_that_learnt_from_a_text_are_named_and_another_one_is_due(taught: Session) -> None:
    store, in_use = taught.store, taught.store.current("classifier_id")
    assert lesson_of(taught).classifier_id == in_use
    doc_id = store.rows("select doc_id from documents join lesson_texts using (text_hash) where part = 'taught' order by doc_id limit 1")[0][0]
    done = forget(store, find(store, ids=[doc_id]))
    assert done.erased is not None
    assert [(one.classifier_id, one.part, one.in_use) for one in done.erased.students] == [(in_use, "taught", True)]
    run_stage("documents", taught)
    assert store.rows("select reason, record from rejects") == [("forgotten", "")]
    assert store.rows("select count(*) from documents where doc_id = ?", [doc_id]) == [(0,)]
    assert lesson_of(taught).classifier_id != in_use


def test_a_student_of_before_lessons_were_kept_may_have_learnt_from_it(taught: Session) -> None:
    store = taught.store
    with store.writer() as connection:
        connection.execute("delete from lesson_texts")
    done = erase(store, find_by_id(store, [store.rows("select min(doc_id) from documents")[0][0]]))
    assert [one.part for one in done.students] == ["unknown"]


def test_a_document_that_quotes_it_keeps_its_words_and_that_is_told(store: Store) -> None:
    store.save_documents([make_document("reply", f"You wrote: {SECRET}. We are sorry.")], seed=1, seen_at=MORNING)
    store.publish()
    done = forget(store, find(store, ids=["a"]))
    assert {left.path.name for left in done.leftovers} == {"warehouse.duckdb", "labels.duckdb"}
    assert "another document" in done.leftovers[0].why


def test_every_call_about_a_document_says_which(finished_session: Session) -> None:
    silent = finished_session.store.rows("select distinct purpose from llm_calls where len(texts) = 0 order by purpose")
    assert silent == [("facet",)], "a question of this purpose shows a text: give its hash in Question.texts"
    labelled = finished_session.store.rows(
        "select count(distinct text_hash) from labels where text_hash not in (select unnest(texts) from llm_calls)"
    )
    assert labelled == [(0,)]


def test_a_mistake_whose_evidence_names_the_text_goes_too(store: Store) -> None:
    rows = [("text:1", f'{{"neighbours": [["{HASH}", "x"]]}}'), ("text:2", '{"neighbours": [["text:1", "x"]]}'), ("text:3", "no JSON")]
    with store.writer() as connection:
        for place, (text, evidence) in enumerate(rows):
            connection.execute("insert into mistakes values ('eval:1', 'teacher', ?, 'k', 'c', 'g', null, 0.5, 0.0, ?, ?)", [text, place, evidence])
    erase(store, find_by_id(store, ["a"]))
    assert store.rows("select text_hash from mistakes order by text_hash") == [("text:2",), ("text:3",)]
