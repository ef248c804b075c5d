"""The views that questions are asked of: who says what of a text, where they differ, what has no label, and what changed between versions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.ids import text_hash
from pipeline.records import Annotator, Category, Failure, Label, Student
from pipeline.store import Store
from pipeline.store.querying import querying
from tests.stored import make_taxonomy, save_texts


@pytest.fixture(scope="module", name="store")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Seven texts: by a person, by the teacher, by the student, by two that differ, refused, failed at, and not looked at yet."""
    store = Store.open(tmp_path_factory.mktemp("views") / "store")
    human, teacher, student, torn, refused, failed, _ = save_texts(store, "human", "teacher", "student", "torn", "refused", "failed", "new")
    first = make_taxonomy("t0")
    renamed = replace(first.categories[0], name="Money Back", members=("text:1",))
    store.save([first, replace(first, taxonomy_id="t1", parent_id="t0", categories=(renamed, *first.categories[1:], Category("cat:d", "New", "")))])
    store.save([Annotator("person", "human", None, None, {}), Annotator("best", "teacher", "m", "p", {})])
    store.save([Label(human, "t1", "person", "cat:c", None), Label(torn, "t1", "person", None, None), Label(student, "t0", "best", "cat:a", 0.9)])
    store.save(
        [Label(one, "t1", "best", "cat:a", 0.9) for one in (human, teacher, torn)] + [Label(refused, "t1", "best", None, 0.5, reason="unsure")]
    )
    store.save_failures("annotations", "best", [Failure(failed, "timeout", "no answer", 3)])
    store.save([Student("c1", "t1", "best", "e", "p", "s", {}, {}, 3)])
    sets = [["cat:a"], ["cat:a", "cat:b"], ["cat:a", "cat:b", "cat:c"], ["cat:b"]]
    store.save_predictions("c1", [human, teacher, student, torn], ["cat:a", "cat:a", "cat:b", "cat:b"], np.full(4, 0.6), members=sets)
    store.mark_current(taxonomy_id="t1", teacher_annotator_id="best", classifier_id="c1")
    yield store


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return sorted(store.rows(sql), key=str)


def test_each_voice_has_its_own_row(store: Store) -> None:
    found = rows(store, "select labelled_by, category, reason, given_by from current_labels join documents using (text_hash) where text = 'torn'")
    assert found == [("human", None, None, "person"), ("llm", "Money Back", None, "m"), ("student", "Delivery", None, "c1")]
    assert rows(store, "select labelled_by, category, reason from current_labels where reason is not null") == [("llm", None, "unsure")]
    assert rows(store, "select count(*) from current_labels") == [(10,)]


def test_disagreements_are_those_texts_on_which_not_all_say_the_same(store: Store) -> None:
    assert rows(store, "select text, human, llm, student, llm_probability, student_probability from disagreements") == [
        ("human", "Late", "Money Back", "Money Back", 0.9, 0.6),
        ("torn", "(none)", "Money Back", "Delivery", 0.9, 0.6),
    ]


def test_pairs_are_counted_once_whichever_comes_first(store: Store) -> None:
    assert rows(store, "select category, other, undecided, disagreements from confusable_pairs") == [
        ("Delivery", "Late", 1, 0),
        ("Money Back", "Delivery", 2, 1),
        ("Money Back", "Late", 1, 1),
    ]


def test_a_document_without_a_category_says_why(store: Store) -> None:
    assert rows(store, "select text, reason, said_by, message from unlabelled_documents") == [
        ("failed", "failed", None, "timeout: no answer"),
        ("new", "waiting", None, None),
        ("refused", "unsure", "llm", None),
        ("torn", "none_fits", "human", None),
    ]


def test_no_document_is_both_labelled_and_unlabelled(store: Store) -> None:
    sql = "select count(*) from documents where active and doc_id not in (select doc_id from {})"
    labelled = rows(store, sql.format("labelled_documents where category is not null"))
    assert labelled == rows(store, "select count(*) from unlabelled_documents") == [(4,)]


def test_versions_are_numbered_in_the_order_of_making(store: Store) -> None:
    assert rows(store, "select version, made_from, categories, current, taxonomy_id from taxonomy_versions") == [
        (1, None, 3, False, "t0"),
        (2, 1, 4, True, "t1"),
    ]


def test_a_category_can_be_followed_through_its_versions(store: Store) -> None:
    sql = "select version, category, parent, cited, current from category_versions where category_id = '{}' order by version"
    assert store.rows(sql.format("cat:a")) == [(1, "Refunds", None, 2, False), (2, "Money Back", None, 1, True)]
    assert store.rows(sql.format("cat:c")) == [(1, "Late", "Delivery", 0, False), (2, "Late", "Delivery", 0, True)]
    assert store.rows(sql.format("cat:d")) == [(2, "New", None, 0, True)]


def test_cited_texts_are_those_of_each_version(store: Store) -> None:
    assert rows(store, "select version, category, text_hash, text from cited_texts") == [
        (1, "Refunds", "text:1", None),
        (1, "Refunds", "text:2", None),
        (2, "Money Back", "text:1", None),
    ]


def test_history_says_under_which_version_a_label_was_given(store: Store) -> None:
    assert rows(store, f"select version, category from label_history where text_hash = '{text_hash('student')}'") == [(1, "Refunds")]  # noqa: S608


def asked(store: Store, sql: str, facet: str = "") -> list[tuple[Any, ...]]:
    with querying(store.published, facet=facet) as asking:
        found = asking.values(sql)
        assert found is not None
        return sorted((row for batch in found.batches for row in batch), key=str)


def test_the_views_of_a_facet_show_that_facet_and_no_other(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    (one,) = save_texts(store, "one")
    for name, category in (("", "Refunds"), ("urgency", "Urgent")):
        tag = name or "main"
        taxonomy = make_taxonomy(f"t-{tag}", facet=tag, categories=(Category(f"cat:{tag}", category, ""),))
        store.save([taxonomy, Student(f"c-{tag}", f"t-{tag}", "best", "e", "p", "s", {}, {}, 3)])
        store.save_predictions(f"c-{tag}", [one], [f"cat:{tag}"], np.full(1, 0.6))
        store.of_facet(name).mark_current(taxonomy_id=f"t-{tag}", classifier_id=f"c-{tag}")
    store.publish()
    for facet, category in (("", "Refunds"), ("urgency", "Urgent")):
        for view in ("labelled_documents", "current_labels", "label_counts"):
            assert asked(store, f"select category from {view}", facet) == [(category,)]  # noqa: S608 - names of this test
        assert asked(store, "select category from category_versions where current and facet = 'main'", facet) == ([("Refunds",)] if not facet else [])
    assert asked(store, "select facet, category from facet_labels") == [("main", "Refunds"), ("urgency", "Urgent")]
    assert asked(store, "select facet, category from facet_labels", "urgency") == [("urgency", "Urgent")]
