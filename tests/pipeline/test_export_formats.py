"""Exports for other tools: `datasets` reads its folder, and Label Studio and Argilla get what their formats say."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.errors import ExportError
from pipeline.exports import Subject, write_label_studio
from pipeline.ids import text_hash
from pipeline.records import Annotator, Evaluation, Label
from pipeline.settings import AnnotationSettings
from pipeline.store import Store
from tests.exported import TEXTS, awkward_store, export_to, exporting_project, view_rows
from tests.stored import MORNING, make_document, make_taxonomy

ALL = exporting_project(annotation=AnnotationSettings(mode="all"))
NAMES = {"cat:a": "Refunds", "cat:c": "Late"}  # of those that labels are given in


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = awkward_store(tmp_path_factory.mktemp("formats") / "store")
    store.save([Evaluation("eval:1", "student", "exact_accuracy", "all", 0.75, 0.7, 0.8, 200, "gold labels")])
    store.mark_current(evaluation_id="eval:1")
    store.publish()
    return store


@pytest.fixture(name="load")
def _load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Read a folder as anybody would, without the network."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return lambda folder: datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_datasets_reads_labels_as_classes_in_the_order_of_the_taxonomy(store: Store, tmp_path: Path, load: Any) -> None:
    import datasets

    made = export_to(store, tmp_path / "set", format="datasets", test_share=0.0)
    told = datasets.load_dataset_builder(str(tmp_path / "set"), cache_dir=str(tmp_path / "looked")).info
    assert {split: one.num_examples for split, one in told.splits.items()} == {"train": 4, "unlabelled": 2}, "as the card says"
    assert all(one.num_bytes for one in told.splits.values())
    found = load(tmp_path / "set")
    assert {split: rows.num_rows for split, rows in found.items()} == {"train": 4, "unlabelled": 2}
    label = found["train"].features["label"]
    assert label.names == list(NAMES.values())
    read = [one for split in found for one in found[split]]
    assert made.rows == len(read) == 6
    ids = list(NAMES)
    for one, row in zip(sorted(read, key=lambda one: one["doc_id"]), view_rows(store), strict=True):
        assert one["label"] == (None if row["category_id"] is None else ids.index(row["category_id"]))
        assert one["also"] == (None if row["also"] is None else [ids.index(category) for category in row["also"]])
        assert all(one[name] == row[name] for name in set(row) - {"category", "also"})


def test_the_data_card_says_where_the_labels_come_from(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "set", format="datasets", license="cc-by-4.0", test_share=0.0)
    text = (tmp_path / "set" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "cc-by-4.0"
    assert front["size_categories"] == ["n<1K"]
    assert front["annotations_creators"] == ["machine-generated", "expert-generated"]
    splits = front["dataset_info"]["splits"]
    assert [(one["name"], one["num_examples"]) for one in splits] == [("train", 4), ("unlabelled", 2)]
    assert all(one["num_bytes"] > 0 for one in splits)
    names = {"0": "Refunds", "1": "Late"}
    assert {"name": "label", "dtype": {"class_label": {"names": names}}} in front["dataset_info"]["features"]
    for said in (
        "| student | exact\\_accuracy | all | 0.750 | 0.700 to 0.800 | 200 | gold labels |", "| llm | 1 | model-x | prompt:1 |",
        "People gave 3 of 5 labels", "fitted on no known label", "2 documents have no label", "Late (2)", "what is it about", "taxonomy: t1",
    ):  # fmt: skip
        assert said in text, said
    assert "No figure compares" not in text


def test_what_nobody_knows_is_said_to_be_unknown(tmp_path: Path) -> None:
    store = awkward_store(tmp_path / "store")
    export_to(store, tmp_path / "set", format="datasets")
    text = (tmp_path / "set" / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "unknown"
    assert "language" not in yaml.safe_load(text.split("---\n")[1])
    assert "No figure compares these labels with known ones" in text
    assert "licence of the texts: unknown" in text


def test_the_splits_are_seeded_and_keep_copies_together(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    texts = [f"message number {number // 3}{mark}" for number in range(900) for mark in (("", "!", " ?")[number % 3],)]
    store.save_documents([make_document(f"d{number}", text) for number, text in enumerate(texts)], seed=1, seen_at=MORNING)
    store.save([make_taxonomy("t1"), Annotator("best", "teacher", "m", "p", {})])
    store.save([Label(text_hash(text), "t1", "best", "cat:a", 0.9) for text in dict.fromkeys(texts)])
    store.mark_current(taxonomy_id="t1", teacher_annotator_id="best")
    store.publish()
    sides = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        export_to(store, tmp_path / name, format="datasets", test_share=0.2, project=exporting_project(seed=seed))
        parts = (tmp_path / name / "data").iterdir()
        sides[name] = {doc_id: part.stem for part in parts for doc_id in pq.read_table(part)["doc_id"].to_pylist()}
    assert sides["a"] == sides["b"] != sides["c"]
    assert all(len({sides["a"][f"d{number + place}"] for place in range(3)}) == 1 for number in range(0, 900, 3))
    assert 0.1 < Counter(sides["a"].values())["test"] / 900 < 0.3


def test_near_copies_that_were_found_stand_on_one_side(tmp_path: Path) -> None:
    store = awkward_store(tmp_path / "store")
    with store.writer() as connection:
        connection.execute("insert into near_duplicates select distinct text_hash, 'near:1', text_hash, 'one', 1.0 from documents")
        connection.execute("insert into current values ('near_spec', 'near:1')")
    store.publish()
    found = set()
    for seed in range(6):
        export_to(store, tmp_path / str(seed), format="datasets", test_share=0.5, project=exporting_project(seed=seed))
        found.add(frozenset(path.stem for path in (tmp_path / str(seed) / "data").iterdir()) - {"unlabelled"})
    assert found == {frozenset({"train"}), frozenset({"test"})}


def test_label_studio_gets_tasks_that_fit_their_configuration(store: Store, tmp_path: Path) -> None:
    made = export_to(store, tmp_path / "tasks", format="label-studio")
    view = ElementTree.fromstring((tmp_path / "tasks" / "labeling_config.xml").read_text(encoding="utf-8"))
    shown, asked = view.find("Text"), view.find("Choices")
    assert shown is not None
    assert asked is not None
    assert (shown.get("name"), shown.get("value"), asked.get("toName"), asked.get("choice")) == ("text", "$text", "text", "single")
    assert [one.get("value") for one in asked] == [*NAMES.values(), "None of these"]
    tasks = read_json(tmp_path / "tasks" / "tasks-00001.json")
    assert made.rows == len(tasks) == 6
    assert {one["data"]["doc_id"]: one["data"]["text"] for one in tasks} == TEXTS
    for one in tasks:
        for said in [*one.get("predictions", []), *one.get("annotations", [])]:
            (region,) = said["result"]
            assert (region["from_name"], region["to_name"], region["type"]) == (asked.get("name"), shown.get("name"), "choices")
            assert set(region["value"]["choices"]) <= {choice.get("value") for choice in asked}
            assert 0 <= said.get("score", 0) <= 1


def test_what_label_studio_got_equals_the_rows(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "tasks", format="label-studio")
    ids = {name: category_id for category_id, name in NAMES.items()}
    found = []
    for one in read_json(tmp_path / "tasks" / "tasks-00001.json"):
        said = (one.get("annotations") or one.get("predictions") or [{"result": [{"value": {"choices": ["None of these"]}}]}])[0]
        first, *_ = said["result"][0]["value"]["choices"]
        category = None if first == "None of these" else first
        found.append(one["data"] | {"category": category, "category_id": ids.get(category), "probability": said.get("score")})
    for one, row in zip(sorted(found, key=lambda one: one["doc_id"]), view_rows(store), strict=True):
        assert {name: one[name] for name in row} == row
    people = {one["data"]["doc_id"] for one in read_json(tmp_path / "tasks" / "tasks-00001.json") if "annotations" in one}
    assert people == {"human", "none", "copy"}


def test_label_studio_may_be_told_of_several_categories(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "tasks", format="label-studio", project=ALL, where="doc_id = 'teacher'")
    (task,) = read_json(tmp_path / "tasks" / "tasks-00001.json")
    assert task["predictions"][0]["result"][0]["value"]["choices"] == ["Refunds", "Late"]
    assert task["predictions"][0]["model_version"] == "model-x"
    assert 'choice="multiple"' in (tmp_path / "tasks" / "labeling_config.xml").read_text(encoding="utf-8")


def test_tasks_are_parted_into_files_that_label_studio_takes(store: Store, tmp_path: Path) -> None:
    subject = Subject("mine", "main", "what is it about", None, "None of these")
    with store.snapshot() as copy:
        count = write_label_studio(copy.stream("select * from labelled_documents"), tmp_path, subject=subject, names=NAMES, tasks_a_file=4)
    parts = [read_json(path) for path in sorted(tmp_path.glob("tasks-*.json"))]
    assert count == 6
    assert [len(part) for part in parts] == [4, 2]
    assert {one["data"]["doc_id"] for part in parts for one in part} == set(TEXTS)


def test_argilla_gets_settings_and_records_that_fit_them(store: Store, tmp_path: Path) -> None:
    made = export_to(store, tmp_path / "set", format="argilla")
    settings, about = (read_json(tmp_path / "set" / ".argilla" / f"{name}.json") for name in ("settings", "dataset"))
    (question,), (field,) = settings["questions"], settings["fields"]
    assert about["name"] == "mine"
    assert [(one["value"], one["text"]) for one in question["settings"]["options"]] == [*NAMES.items(), ("none", "None of these")]
    assert settings["guidelines"].startswith("what is it about\n\nSay what it is about.\n\n- Refunds: Money back")
    names = [one["name"] for part in ("questions", "fields", "metadata") for one in settings[part]]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("(?=.*[a-z0-9])[a-z0-9_-]+", name) for name in names)
    records = read_json(tmp_path / "set" / "records.json")
    assert made.rows == len(records) == 6
    for one in records:
        assert set(one["fields"]) == {field["name"]}
        assert set(one["suggestions"]) <= {question["name"]}
        for said in one["suggestions"].values():
            assert said["value"] in {option["value"] for option in question["settings"]["options"]}


def test_what_argilla_got_equals_the_rows(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "set", format="argilla")
    found = {}
    for one in read_json(tmp_path / "set" / "records.json"):
        said = one["suggestions"].get("category", {"value": "none", "score": None})
        category = None if said["value"] == "none" else said["value"]
        row = {"also": None, "evidence": None, "labelled_by": None, **one["metadata"], "text": one["fields"]["text"], "probability": said["score"]}
        found[one["id"]] = row | {"doc_id": one["id"], "category_id": category, "category": NAMES.get(category)}
    for row in view_rows(store):
        assert {name: found[row["doc_id"]][name] for name in row} == row


def test_argilla_may_be_told_of_several_categories(store: Store, tmp_path: Path) -> None:
    export_to(store, tmp_path / "set", format="argilla", project=ALL, where="doc_id = 'teacher'")
    (record,) = read_json(tmp_path / "set" / "records.json")
    assert record["suggestions"]["category"] == {"value": ["cat:a", "cat:c"], "score": None, "agent": "model-x"}
    assert read_json(tmp_path / "set" / ".argilla" / "settings.json")["questions"][0]["settings"]["type"] == "multi_label_selection"


@pytest.mark.parametrize("format_", ["datasets", "label-studio", "argilla"])
def test_columns_may_be_left_out_but_not_those_that_a_format_needs(store: Store, tmp_path: Path, format_: str) -> None:
    assert export_to(store, tmp_path / "set", format=format_, columns=("stars",)).rows == 6


def test_without_a_taxonomy_there_is_nothing_to_choose_from(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    for format_ in ("datasets", "label-studio", "argilla"):
        with pytest.raises(ExportError, match="has no taxonomy yet"):
            export_to(store, tmp_path / "set", format=format_)
        assert not (tmp_path / "set").exists()


def test_a_data_set_without_documents_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="No document fits"):
        export_to(store, tmp_path / "set", format="datasets", where="false")
    assert list(tmp_path.iterdir()) == []
