"""What a store saves is what it gives back, once, whatever the order."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from pipeline.call_records import Call
from pipeline.errors import StoreError
from pipeline.records import Annotator, Change, Evaluation, Failure, Label, Prediction, Reject, Student, Summary
from pipeline.store import Store, StoreLedger
from tests.stored import everything, make_document, make_taxonomy, save_texts

LAWS = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield Store.open(tmp_path_factory.mktemp("shared") / "store")


CALL = Call("call:1", "run:1", "label", "m", "p", 1, 10, 4, 2, 250.0, "stop", "ok", None, '{"text": "a"}', None)
RECORDS = [
    Summary("text:1", "spec:1", "short", "a phrase", False),
    Annotator("annotator:1", "llm", "m", "p", {"temperature": 0.0, "nested": [1, None]}),
    Annotator("annotator:2", "human", None, None, {}),
    Label("text:1", "taxonomy:1", "annotator:1", "cat:a", 0.9, {"cat:a": -0.1, "cat:b": float("-inf")}, True),
    Label("text:2", "taxonomy:1", "annotator:1", None, None),
    Student("classifier:1", "taxonomy:1", "annotator:1", "e", "/a/b", "0" * 64, {"C": 1.0}, {"accuracy": 0.5}, 100),
    Prediction("text:1", "classifier:1", "cat:b", 0.5),
    Evaluation("evaluation:1", "student", "accuracy", "all", 0.5, 0.4, 0.6, 100, "gold"),
    Evaluation("evaluation:2", "teacher", "coverage", "all", 0.5, None, None, 100, "llm"),
    Reject("corpus", "empty_text", "the text is empty", "raw", "file.csv", 3),
    Change("taxonomy:1", "rename", "cat:a", "Refund", "Refunds", "plural"),
    Change("taxonomy:1", "add", "cat:b", None, "Delivery", "new"),
    make_taxonomy(),
]


def test_every_record_type_is_saved_and_replaced(store: Store) -> None:
    assert store.save(RECORDS) == len(RECORDS)
    before = everything(store)
    assert store.save(RECORDS) == len(RECORDS)
    assert everything(store) == before
    assert store.summaries("spec:1") == [RECORDS[0]]
    assert store.labels("taxonomy:1", "annotator:1") == RECORDS[3:5]
    assert store.student("classifier:1") == RECORDS[5]
    assert store.predictions("classifier:1") == {"text:1": "cat:b"}
    assert store.evaluations() == RECORDS[7:9]
    assert store.evaluations("teacher") == RECORDS[8:9]
    assert store.changes("taxonomy:1") == RECORDS[10:12]
    assert store.taxonomy("taxonomy:1") == make_taxonomy()


def test_the_last_of_two_records_with_one_key_wins(store: Store) -> None:
    store.save([Summary("text:1", "s", "first", "", False), Summary("text:1", "s", "second", "", False)])
    store.save([Summary("text:1", "s", "third", "", False)])
    assert [summary.summary for summary in store.summaries("s")] == ["third"]


def test_only_known_records_are_saved(store: Store) -> None:
    with pytest.raises(TypeError, match=r"str cannot be saved.*Summary"):
        store.save(["text"])
    with pytest.raises(TypeError, match="Document"):
        store.save([make_document("d", "t")])
    assert store.save([]) == 0


def test_unheard_of_ids_are_errors(store: Store) -> None:
    with pytest.raises(StoreError, match="no taxonomy 'x'"):
        store.taxonomy("x")
    with pytest.raises(StoreError, match="no classifier 'x'"):
        store.student("x")
    with pytest.raises(ValueError, match="no table 'x'"):
        store.count("x")


def test_numbers_that_json_lacks_become_null(store: Store) -> None:
    student = Student("c", "t", "a", "e", "p", "s", {"list": [float("inf")]}, {"f1": float("nan")}, 1)
    store.save([student])
    found = store.student("c")
    assert dict(found.settings) == {"list": [None]}
    assert str(found.metrics) == "{'f1': None}"


def test_failures_are_kept_until_answered(store: Store) -> None:
    failures = [Failure("text:1", "timeout", "slow", 3), Failure("text:2", "empty", "", 1)]
    assert store.save_failures("summaries", "s", failures) == 2
    store.save_failures("summaries", "s", [Failure("text:2", "refused", "no", 2)], answered=["text:1"])
    assert store.failures("summaries", "s") == [Failure("text:2", "refused", "no", 2)]
    assert store.failures("labels", "s") == []
    assert store.save_failures("labels", "s", []) == 0


def test_vectors_come_back_in_the_order_asked_for(store: Store) -> None:
    matrix = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    hashes = [f"text:{number}" for number in range(5)]
    store.save_vectors("e", hashes, matrix)
    store.save_vectors("e", hashes[:1], matrix[:1])
    asked = [4, 0, 4, 2]
    found = store.vectors("e", [hashes[number] for number in asked])
    assert found.dtype == np.float32
    assert np.array_equal(found, matrix[asked])
    assert store.vectors("e", []).shape == (0, 0)
    with pytest.raises(StoreError, match="1 of 2 texts have no vector by e"):
        store.vectors("e", ["text:0", "text:9"])


def test_wrong_shapes_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="shape"):
        store.save_vectors("e", ["a"], np.ones((2, 3)))
    with pytest.raises(ValueError, match="shape"):
        store.save_vectors("e", ["a"], np.ones((1, 0)))
    with pytest.raises(ValueError, match="1 text hashes, 2 categories and 1"):
        store.save_predictions("c", ["a"], ["x", "y"], np.ones(1))
    with pytest.raises(ValueError, match="expected each once"):
        store.save_predictions("c", ["a", "a"], ["x", "y"], np.ones(2))


def test_taxonomies_keep_their_order(store: Store) -> None:
    assert store.latest_taxonomy() is None
    store.save([make_taxonomy("t1"), make_taxonomy("t2", stage="update", parent_id="t1", rating=0.5)])
    store.save([make_taxonomy("t1", categories=())])
    latest = store.latest_taxonomy()
    assert latest is not None
    assert (latest.taxonomy_id, latest.rating, latest.parent_id) == ("t2", 0.5, "t1")
    assert store.latest_taxonomy("generate") == make_taxonomy("t1", categories=())
    assert store.latest_taxonomy("review") is None


def test_pointers_move_and_go(store: Store) -> None:
    assert store.current("taxonomy_id") is None
    store.mark_current(taxonomy_id="t1", classifier_id="c1")
    store.mark_current(taxonomy_id="t2", classifier_id=None)
    assert (store.current("taxonomy_id"), store.current("classifier_id")) == ("t2", None)


def test_runs_and_stages_are_recorded(store: Store) -> None:
    store.start_run("run:1", "demo")
    assert store.rows("select status, ended_at from runs") == [("running", None)]
    store.record_stage("run:1", "corpus", seconds=1.5, status="ok", counts={"records": 3})
    store.record_stage("run:1", "corpus", seconds=2.5, status="ok", counts={"records": 4})
    store.end_run("run:1", status="ok")
    status, seconds, ended, started = store.rows("select status, seconds, ended_at, started_at from runs")[0]
    assert status == "ok"
    assert 0 <= seconds < 60
    assert ended >= started
    assert store.rows("select seconds, counts from stage_runs") == [(2.5, '{"records":4}')]
    with pytest.raises(StoreError, match="no run 'x'"):
        store.end_run("x", status="ok")


def test_the_ledger_finds_only_answers(store: Store) -> None:
    ledger = StoreLedger(store)
    failed = replace(CALL, call_key="call:2", outcome="timeout", answer=None, error="slow")
    ledger.record([CALL, failed, replace(CALL, answer="later")])
    assert ledger.find(["call:1", "call:2", "call:3"])["call:1"] in {CALL.answer, "later"}
    assert set(ledger.find(["call:1", "call:2", "call:3"])) == {"call:1"}
    assert ledger.find([]) == {}
    assert store.spent("run:1")[0] == 3
    assert store.rows("select calls, failed_calls, tokens_in, tokens_cached, tokens_out, seconds from cost") == [(3, 1, 30, 12, 6, 0.75)]


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.writer():
        store.mark_current(taxonomy_id="t")
        assert store.current("taxonomy_id") == "t"
        raise ZeroDivisionError
    assert store.current("taxonomy_id") is None


def test_waiting_for_oneself_is_an_error_at_once(store: Store) -> None:
    with store.writer(), pytest.raises(StoreError, match="same thread"):
        store.publish()
    with store.reader(), pytest.raises(StoreError, match="same thread"):
        store.mark_current(taxonomy_id="t")


def test_counts_name_every_table(store: Store) -> None:
    save_texts(store, "a", "a", "b")
    counts = store.counts()
    assert (counts["documents"], counts["texts"], counts["inactive"]) == (3, 2, 0)
    assert set(counts) >= {"rejects", "failures", "labels", "predictions", "llm_calls"}
