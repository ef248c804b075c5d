"""What a store keeps of students: which there are, how they were chosen, what they predict, and what was decided of them."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.records import Student
from pipeline.store import Store, schema
from pipeline.student_records import Promotion, StudentTrial
from tests.stored import make_taxonomy, save_texts

OLD_STORE = """
insert into classifiers values
    ('student:1', 'taxonomy:1', 'annotator:1', 'embedder:1', 'classifiers/1', 'abc', '{"C": 1.0}', '{"agreement": 0.5}', 9);
insert into predictions values ('text:1', 'student:1', 'cat:a', 0.75);
insert into current values ('classifier_id', 'student:1');
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store.open(tmp_path)
    found.save([make_taxonomy(), make_taxonomy("taxonomy:2"), make_taxonomy("taxonomy:u", facet="urgency")])
    return found


def student(classifier_id: str = "student:1", **fields: Any) -> Student:
    made = Student(classifier_id, "taxonomy:1", "annotator:1", "embedder:1", "classifiers/1", "abc", {"C": 1.0}, {"agreement": 0.5}, 9)
    return replace(made, **fields)


def test_students_are_those_of_a_facet_the_latest_first(store: Store) -> None:
    first, second = student(), student("student:2", taxonomy_id="taxonomy:2")
    store.save([first])
    store.save([second, student("student:u", taxonomy_id="taxonomy:u")])
    assert store.students() == [second, first]
    assert store.students("taxonomy:1") == [first]
    assert [one.classifier_id for one in store.of_facet("urgency").students()] == ["student:u"]
    store.save([replace(first, sha256="def")])
    assert [one.sha256 for one in store.students()] == ["def", "abc"], "one that is trained again is the latest"
    assert store.find_student("student:3") is None
    with pytest.raises(StoreError, match="There is no classifier 'student:3'"):
        store.student("student:3")


def test_decisions_are_kept_one_after_the_other_each_facet_for_itself(store: Store) -> None:
    first = Promotion("student:1", None, "", True, "rule", "first")
    second = Promotion("student:2", "student:1", "", False, "rule", "worse")
    other = Promotion("student:u", None, "urgency", True, "person", "asked for")
    store.save([first])
    store.save([second, other])
    store.save([second])
    assert [one for one, _ in store.promotions()] == [second, second, first]
    times = [at for _, at in store.promotions()]
    assert times == sorted(times, reverse=True)
    assert [one for one, _ in store.of_facet("urgency").promotions()] == [other]


def test_trials_come_back_best_first_with_their_settings(store: Store) -> None:
    good = StudentTrial("student:1", "voices", True, 0.8, 0.7, 0.9, 50, 0.6, 1.5, {"words": {"C": 3.0}}, 0.7)
    poor = replace(good, candidate="class_means", chosen=False, agreement=0.5, macro_f1=None)
    store.save([poor, good, replace(good, classifier_id="student:2")])
    assert store.student_trials("student:1") == [good, poor]
    store.save([replace(good, agreement=0.4)])
    assert [one.candidate for one in store.student_trials("student:1")] == ["class_means", "voices"], "trained again, its trials are replaced"


def test_predictions_keep_all_that_is_known_of_them(store: Store) -> None:
    first, second = save_texts(store, "a", "b")
    more = {"alternatives": ['{"cat:b": 0.2}', "{}"], "also": [["cat:b"], []], "members": [["cat:a", "cat:b"], ["cat:c"]], "abstained": [True, False]}
    store.save_predictions("student:1", [first, second], ["cat:a", "cat:c"], np.array([0.75, 0.5]), **more, novelty=[0.25, 1.0])
    columns = "category_id, probability, alternatives, also, members, abstained, novelty"
    query = f"select {columns} from predictions where text_hash = ?"  # noqa: S608 - a constant
    assert store.rows(query, [first]) == [("cat:a", 0.75, '{"cat:b": 0.2}', ["cat:b"], ["cat:a", "cat:b"], True, 0.25)]
    assert store.rows(query, [second]) == [("cat:c", 0.5, "{}", [], ["cat:c"], False, 1.0)]
    store.save_predictions("student:1", [first], ["cat:b"], np.array([0.5]), members=None)
    assert store.rows(query, [first]) == [("cat:b", 0.5, None, None, None, None, None)], "replaced as a whole; what is not said is not known"
    assert store.predictions("student:1") == {first: "cat:b", second: "cat:c"}
    assert store.prediction_probabilities("student:1") == {first: 0.5, second: 0.5}
    with pytest.raises(ValueError, match="expected as many of each"):
        store.save_predictions("student:1", [first], ["cat:b"], np.array([0.5]), novelty=[0.1, 0.2])


def test_a_store_of_an_earlier_version_is_brought_up_to_date_with_its_students(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier, folder = tmp_path / "migrations", tmp_path / "store"
    earlier.mkdir()
    for migration in schema.known_migrations():
        if migration.number < 5:
            shutil.copy(schema.MIGRATIONS / migration.name, earlier)
    (tmp_path / "views").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", earlier)
        patched.setattr(schema, "VIEWS", tmp_path / "views")
        with Store.open(folder).writer() as connection:
            connection.execute(OLD_STORE)
    store = Store.open(folder)
    store.save([make_taxonomy()])
    assert store.students() == [student()]
    assert (store.current("classifier_id"), store.promotions(), store.student_trials("student:1")) == ("student:1", [], [])
    assert store.predictions("student:1") == {"text:1": "cat:a"}
    assert store.rows("select alternatives, novelty from predictions") == [(None, None)]
    store.save([Promotion("student:2", "student:1", "", True, "rule", "better")])
    assert store.query("select count(*) from promotions")[1] == [(0,)], "not published yet"
    store.publish()
    assert store.query("select classifier_id, previous_id from promotions")[1] == [("student:2", "student:1")]
