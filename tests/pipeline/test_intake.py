"""Documents come into their table as one read sees them, whatever was there before."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.batches import one_ahead, one_behind
from pipeline.corpus import documents_table
from pipeline.records import Document
from pipeline.store import Store, intake
from pipeline.store.intake import Intake
from tests.stored import MORNING, make_document

LAWS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path)


def take_in(store: Store, batches: Sequence[Sequence[Document]], seen_at: datetime = MORNING) -> None:
    taken = Intake(store, seen_at)
    for batch in batches:
        taken.add(documents_table(batch, 1))
    taken.finish()


def rows(store: Store) -> list[tuple[Any, ...]]:
    return store.rows("select doc_id, text, gold, source, active, first_seen, last_seen from documents order by doc_id, text")


def test_a_first_read_is_written_in_whole_groups(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "ROWS_TOGETHER", 2)
    taken, numbers = Intake(store, MORNING), count()
    written = []
    for size in (1, 2, 0, 4):
        taken.add(documents_table([make_document(f"d{next(numbers)}", f"t{size}") for _ in range(size)], 1))
        written.append(store.count("documents"))
    taken.finish()
    assert [*written, store.count("documents")] == [0, 2, 2, 6, 7]


def test_a_second_read_knows_what_is_there(store: Store) -> None:
    later = MORNING + timedelta(days=1)
    take_in(store, [[make_document("a", "one", gold="x"), make_document("b", "two")], [make_document("c", "three")]])
    take_in(store, [[make_document("a", "one", gold="y"), make_document("b", "two anew")], [make_document("d", "four")]], later)
    at = {"morning": MORNING.replace(tzinfo=None), "later": later.replace(tzinfo=None)}
    assert rows(store) == [
        ("a", "one", "y", "file.csv:a", True, at["morning"], at["later"]),
        ("b", "two", None, "file.csv:b", False, at["morning"], at["morning"]),
        ("b", "two anew", None, "file.csv:b", True, at["later"], at["later"]),
        ("c", "three", None, "file.csv:c", True, at["morning"], at["morning"]),
        ("d", "four", None, "file.csv:d", True, at["later"], at["later"]),
    ]
    take_in(store, [[make_document("b", "two")]], later + timedelta(days=1))
    assert [row[1:5:3] for row in rows(store) if row[0] == "b"] == [("two", True), ("two anew", False)]


def test_what_another_process_has_brought_meanwhile_is_not_brought_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "ROWS_TOGETHER", 1)
    first, second = Intake(store, MORNING), Intake(store, MORNING + timedelta(seconds=1))
    for taken in (first, second):
        taken.add(documents_table([make_document("a", "one"), make_document("b", "two")], 1))
    first.add(documents_table([make_document("b2", "two")], 1))
    second.add(documents_table([make_document("b2", "two")], 1))
    assert [row[0] for row in rows(store)] == ["a", "b", "b2"]


@LAWS
@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"), max_size=6), max_size=4), st.integers(1, 3))
def test_law_each_read_leaves_its_documents_active(tmp_path: Path, reads: list[dict[str, str]], size: int) -> None:
    store = Store.open(tmp_path)
    with store.writer() as connection:
        connection.execute("delete from documents")
    for number, read in enumerate(reads):
        documents = [make_document(doc_id, text) for doc_id, text in read.items()]
        seen_at = datetime(2026, 1, 1 + number, tzinfo=UTC)
        take_in(store, [documents[start : start + size] for start in range(0, len(documents), size)], seen_at)
        store.deactivate_unseen(seen_at)
        assert dict(store.rows("select doc_id, text from documents where active")) == read
    assert store.count("documents") == len({pair for read in reads for pair in read.items()})


def test_texts_counted_part_by_part_are_counted_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(store, [[make_document(f"d{number}", f"t{number % 40}") for number in range(60)]])
    whole = store.counts()
    monkeypatch.setattr(Store, "many", 10)
    assert store.counts() == whole
    assert whole["texts"] == 40


def test_one_behind_keeps_the_order_and_raises_what_was_raised() -> None:
    used: list[int] = []

    def divide(number: int) -> None:
        used.append(1 // number)

    with one_behind(used.append) as take:
        for number in range(5):
            take(number)
    assert used == [0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError), one_behind(divide) as take:
        take(0)


def test_one_ahead_passes_all_items_and_errors_on() -> None:
    def items() -> Any:
        yield from (1, None, 2)
        raise ValueError("the end")

    found = []
    with pytest.raises(ValueError, match="the end"):
        for item in one_ahead(items()):
            found.append(item)
    assert found == [1, None, 2]
