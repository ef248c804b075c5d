"""What is missing is counted and read page by page, each text once, however many documents have it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ids import text_hash
from pipeline.store import Store
from tests.stored import MORNING, make_document, save_texts

LAWS = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = "abcdef"
KEYS = {"summaries": {"summary_spec": "s"}, "embeddings": {"embedder_id": "e"}, "predictions": {"classifier_id": "c"}}


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield Store.open(tmp_path_factory.mktemp("shared") / "store")


def unembedded(store: Store, batch: int = 2, partitions: list[str] | None = None) -> list[str]:
    pages = list(store.iter_unembedded("e", batch, partitions))
    assert all(0 < len(page) <= batch for page in pages)
    return [document.text for page in pages for document in page]


@LAWS
@given(st.lists(st.sampled_from(TEXTS), max_size=9), st.sets(st.sampled_from(TEXTS)), st.sets(st.sampled_from(TEXTS)), st.integers(1, 4))
def test_law_counts_pages_and_lists_say_the_same(shared: Store, texts: list[str], embedded: set[str], predicted: set[str], batch: int) -> None:
    with shared.writer() as connection:  # one transaction an example, for speed
        for table in ("documents", "embeddings", "predictions"):
            connection.execute(f"delete from {table}")  # noqa: S608 - names of this test
        shared.save_documents([make_document(f"d{number}", text) for number, text in enumerate(texts)], seed=1, seen_at=MORNING)
        hashes = {text: text_hash(text) for text in TEXTS}
        if embedded:
            shared.save_vectors("e", [hashes[text] for text in sorted(embedded)], np.ones((len(embedded), 2)))
        shared.save_predictions("c", [hashes[text] for text in sorted(predicted)], ["cat"] * len(predicted), np.ones(len(predicted)))
        for table, key in KEYS.items():
            assert shared.count_pending(table, key) == len(shared.pending(table, key))
        assert sorted(unembedded(shared, batch)) == sorted(set(texts) - embedded)
        pages = list(shared.iter_unpredicted("c", "e", batch))
        assert all(vectors.shape == (len(some), 2) for some, vectors in pages)
        assert sorted(one for some, _ in pages for one in some) == sorted(hashes[text] for text in set(texts) & embedded - predicted)


def test_what_is_missing_is_counted_and_paged_by_partition(store: Store) -> None:
    days = {"a": "monday", "b": "monday", "c": "tuesday"}
    store.save_documents([make_document(text, text, partition=day) for text, day in days.items()], seed=1, seen_at=MORNING)
    store.save_documents([make_document("again", "a", partition="tuesday")], seed=1, seen_at=MORNING)
    scopes: list[tuple[list[str] | None, str]] = [(["monday"], "ab"), (["tuesday"], "ac"), (["monday", "tuesday"], "abc"), (None, "abc"), ([], "abc")]
    for partitions, texts in scopes:
        assert sorted(unembedded(store, 2, partitions)) == list(texts)
        assert store.count_pending("embeddings", {"embedder_id": "e"}, partitions) == len(texts)
    hashes = [text_hash(text) for text in "abc"]
    assert store.in_partitions([hashes[2], hashes[1], hashes[0], "text:none"], ["monday"]) == [hashes[1], hashes[0]]
    store.save_vectors("e", hashes, np.ones((3, 2)))
    assert [some for some, _ in store.iter_unpredicted("c", "e", 5, ["tuesday"])] == [[hashes[0], hashes[2]]], "as they lie in the table"


def test_pages_go_on_while_others_write(store: Store) -> None:
    save_texts(store, *"abcd")
    pages = store.iter_unembedded("e", 2)
    first = next(pages)
    store.save_vectors("e", [document.text_hash for document in first], np.ones((2, 2)))  # no lock is held between two pages
    store.save_documents([make_document("late", "z")], seed=1, seen_at=MORNING)
    assert [document.text for document in next(pages)] == ["c", "d"]
    assert unembedded(store) == ["c", "d", "z"], "what came meanwhile is for the next look"


def test_nothing_else_can_be_counted(store: Store) -> None:
    wrong: list[tuple[str, dict[str, str]]] = [("documents", {}), ("labels", {"x": "y"}), ("labels; drop table labels", {})]
    for table, key in wrong:
        with pytest.raises(ValueError, match="expected one of"):
            store.count_pending(table, key)
