"""Documents in a store: each text once, its versions, its order, and what is still to be done for it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import StoreError
from pipeline.ids import text_hash
from pipeline.records import Label, Reject, Summary
from pipeline.store import Store
from tests.stored import MORNING, everything, make_document, save_texts

LAWS = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(min_size=1, max_size=30)


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield Store.open(tmp_path_factory.mktemp("shared") / "store")


@LAWS
@given(st.lists(st.tuples(TEXT, TEXT), max_size=8, unique_by=lambda pair: pair[0]))
def test_law_documents_come_back_and_saving_twice_changes_nothing(shared: Store, pairs: list[tuple[str, str]]) -> None:
    documents = [make_document(doc_id, text, metadata={"m": text, "n": [1, {"a": None}]}, gold=text) for doc_id, text in pairs]
    with shared.writer() as connection:  # one transaction an example, for speed
        connection.execute("delete from documents")
        assert shared.save_documents(documents, seed=1, seen_at=MORNING) == len(documents)
        before = everything(shared)
        shared.save_documents(documents, seed=1, seen_at=MORNING)
        assert everything(shared) == before
        hashes = {document.text_hash for document in documents}
        assert {document.text_hash for document in shared.sample_texts(100)} == hashes
        assert all(document in documents for document in shared.texts(sorted(hashes)))


@LAWS
@given(st.sets(TEXT, max_size=8), st.integers(1, 3))
def test_law_nothing_is_pending_after_saving(shared: Store, texts: set[str], batch: int) -> None:
    with shared.writer() as connection:
        for table in ("documents", "summaries", "embeddings", "predictions", "labels"):
            connection.execute(f"delete from {table}")  # noqa: S608 - names of this test
        check_pending(shared, texts, batch)


def check_pending(store: Store, texts: set[str], batch: int) -> None:
    hashes = list(dict.fromkeys(save_texts(store, *texts)))
    assert set(store.pending("summaries", {"summary_spec": "s"})) == set(hashes)
    assert store.pending("labels", {"taxonomy_id": "t", "annotator_id": "a"}, among=hashes) == hashes
    store.save([Summary(one, "s", "x", "y", False) for one in hashes])
    store.save([Label(one, "t", "a", None, None) for one in hashes])
    store.save_vectors("e", hashes, np.ones((len(hashes), 3)))
    seen = []
    for some, vectors in store.iter_unpredicted("c", "e", batch):
        assert vectors.shape == (len(some), 3)
        store.save_predictions("c", some, ["cat"] * len(some), np.ones(len(some)))
        seen += some
    assert sorted(seen) == sorted(hashes)
    assert store.pending("summaries", {"summary_spec": "s"}) == []
    assert store.pending("labels", {"taxonomy_id": "t", "annotator_id": "a"}) == []
    assert store.pending("embeddings", {"embedder_id": "e"}, among=hashes) == []
    assert store.pending("predictions", {"classifier_id": "c"}) == []
    assert set(store.pending("predictions", {"classifier_id": "other"})) == set(hashes)


def test_pending_keeps_the_order_and_the_limit(store: Store) -> None:
    hashes = save_texts(store, "a", "b", "c", "a")
    order = [document.text_hash for document in store.sample_texts(10)]
    assert store.pending("summaries", {"summary_spec": "s"}) == order
    assert store.pending("summaries", {"summary_spec": "s"}, limit=2) == order[:2]
    assert store.pending("summaries", {"summary_spec": "s"}, among=[hashes[2], hashes[0], hashes[2]]) == [hashes[2], hashes[0]]
    wrong: list[tuple[str, dict[str, str]]] = [("documents", {}), ("labels", {"x": "y"}), ("labels; drop table labels", {})]
    for table, key in wrong:
        with pytest.raises(ValueError, match="expected one of"):
            store.pending(table, key)


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_texts_are_read_once_each_in_the_seeded_order(store: Store, batch: int) -> None:
    save_texts(store, *[f"text {number % 7}" for number in range(30)])
    batches = list(store.iter_texts(batch))
    read = [document for some in batches for document in some]
    assert max(map(len, batches)) <= batch
    assert len(read) == len({document.text_hash for document in read}) == 7
    assert read == store.sample_texts(100)
    assert store.sample_texts(3, skip=2) == read[2:5]


def test_a_seed_gives_another_order_and_growth_keeps_it(store: Store, tmp_path: Path) -> None:
    save_texts(store, *map(str, range(50)))
    before = [document.text for document in store.sample_texts(50)]
    save_texts(store, *map(str, range(80)))
    assert [document.text for document in store.sample_texts(80) if int(document.text) < 50] == before
    other = Store.open(tmp_path / "other")
    other.save_documents([make_document(f"d{number}", str(number)) for number in range(50)], seed=2, seen_at=MORNING)
    assert [document.text for document in other.sample_texts(50)] != before


def test_a_new_version_of_a_document_retires_the_old_one(store: Store) -> None:
    store.save_documents([make_document("d", "old", gold="x")], seed=1, seen_at=MORNING)
    store.save_documents([make_document("d", "new")], seed=1, seen_at=MORNING + timedelta(days=1))
    assert [document.text for document in store.sample_texts(9)] == ["new"]
    assert store.gold() == {}
    assert store.counts()["inactive"] == 1
    store.save_documents([make_document("d", "old", gold="y")], seed=1, seen_at=MORNING + timedelta(days=2))
    assert [document.text for document in store.sample_texts(9)] == ["old"]
    assert store.gold() == {text_hash("old"): "y"}
    seen = store.rows("select first_seen, last_seen from documents where text = 'old'")
    assert seen == [(MORNING.replace(tzinfo=None), (MORNING + timedelta(days=2)).replace(tzinfo=None))]


def test_documents_that_a_read_did_not_hold_become_inactive(store: Store) -> None:
    save_texts(store, "a", "b", "c")
    store.save([Reject("corpus", "empty_text", "", "", "f", 1), Reject("other", "x", "", "", "f", 1)])
    later = datetime.now(UTC) + timedelta(days=1)
    store.save_documents([make_document("d0", "a")], seed=1, seen_at=later)
    assert store.deactivate_unseen(later) == 2
    assert store.deactivate_unseen(later) == 0
    assert [document.text for document in store.sample_texts(9)] == ["a"]
    assert store.count("documents") == 3
    assert store.rows("select stage from rejects") == [("other",)]


def test_odd_characters_survive_or_are_replaced(store: Store) -> None:
    store.save([Summary("text:1", "s", "half \ud800 emoji \U0001f600 nul \0 '\"", "p", False)])
    assert store.summaries("s")[0].summary == "half \ufffd emoji \U0001f600 nul \0 '\""


def test_texts_of_unknown_hashes_are_an_error(store: Store) -> None:
    known = save_texts(store, "a", "b")
    assert [document.text for document in store.texts([known[1], known[0], known[1]])] == ["b", "a", "b"]
    with pytest.raises(StoreError, match="1 of 3 text hashes"):
        store.texts([*known, "text:none"])


def test_gold_is_that_of_active_texts(store: Store) -> None:
    documents = [make_document("b", "t", gold="second"), make_document("a", "t", gold="first"), make_document("c", "u")]
    store.save_documents(documents, seed=1, seen_at=MORNING)
    assert store.gold() == {text_hash("t"): "first"}
    assert store.gold([text_hash("u")]) == {}
    assert store.gold([text_hash("t"), "text:none"]) == {text_hash("t"): "first"}


def test_the_value_of_a_kept_column_is_read_as_text_whatever_its_name(store: Store) -> None:
    columns = ("lang", "a/b~c", '"$.x"')
    rows = [dict.fromkeys(columns, "de"), dict.fromkeys(columns, 3), dict.fromkeys(columns), {}]
    documents = [replace(make_document(str(number), f"text {number}"), metadata=row) for number, row in enumerate(rows)]
    store.save_documents(documents, seed=1, seen_at=MORNING)
    hashes = [text_hash(f"text {number}") for number in range(4)]
    for column in columns:
        assert store.metadata_values(column, hashes) == {hashes[0]: "de", hashes[1]: "3"}
    assert store.metadata_values("lang", hashes[1:]) == {hashes[1]: "3"}
