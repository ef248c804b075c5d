"""Answers come back from labelling tools, in the forms in which these write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reviewed import Review, said, topic_label


@pytest.fixture(name="review")
def _review(at_home: Path) -> Review:
    return Review(at_home)


def choices(names: list[str]) -> list[dict[str, Any]]:
    return [{"from_name": "category", "to_name": "text", "type": "choices", "value": {"choices": names}}]


@pytest.mark.parametrize("form", ["json", "json-min"])
def test_label_studio_comes_back(review: Review, form: str) -> None:
    made = review.write("studio", kind="label-studio", count=12, also=True)
    tasks = json.loads((made.files[0] / "tasks-00001.json").read_text(encoding="utf-8"))
    labels = [topic_label({"document": task["data"]["doc_id"]}) for task in tasks]
    if form == "json":
        skipped = {"was_cancelled": True, "result": [], "completed_by": {"email": "ben@x"}}
        items = [
            {"id": place, "data": task["data"], "annotations": [skipped, {"completed_by": {"email": "anna@x"}, "result": choices([label])}]}
            for place, (task, label) in enumerate(zip(tasks, labels, strict=True))
        ]
        items[0]["annotations"].append({"completed_by": 7, "result": choices(["Login Trouble", "Late Parcels"])})
        items[1]["annotations"] = [skipped]
    else:
        items = [{**task["data"], "id": 1, "category": label, "annotator": "anna@x"} for task, label in zip(tasks, labels, strict=True)]
        items[0]["category"] = {"choices": [labels[0], "Late Parcels"]}
        items[1]["category"] = ""
    back = review.folder / "project-1.json"
    back.write_text(json.dumps(items), encoding="utf-8")
    found = review.take(back)
    assert review.rejects() == []
    assert found.files[0].empty == 1
    answers = {doc_id: name or "None of these" for (rater, doc_id), name in said(review.store).items() if rater == "anna@x"}
    assert answers == {task["data"]["doc_id"]: label for task, label in zip(tasks, labels, strict=True) if task is not tasks[1]}
    by_others = {key: name for key, name in said(review.store).items() if key[0] != "anna@x"}
    assert by_others == ({("7", tasks[0]["data"]["doc_id"]): "Login Trouble"} if form == "json" else {})
    assert sorted(review.store.rows("select len(also) from ratings"))[-1] == (1,)


@pytest.mark.parametrize("form", ["records", "flattened"])
def test_argilla_comes_back(review: Review, form: str) -> None:
    made = review.write("argilla", kind="argilla", count=12, raters=("anna",))
    records = json.loads((made.files[0] / "records.json").read_text(encoding="utf-8"))
    ids = {one.name: one.category_id for one in review.store.taxonomy(made.sheet.taxonomy_id).categories} | {"None of these": "none"}
    labels = {record["id"]: topic_label({"document": record["id"]}) for record in records}
    for record in records:
        record["responses"] = {"category": [{"value": ids[labels[record["id"]]], "user_id": "f3a1", "status": "submitted"}]}
    records[0]["responses"] = {"category": [{"value": ids["Login Trouble"], "user_id": "f3a1", "status": "draft"}]}
    if form == "flattened":
        records = [
            {
                "id": one["id"], "text": one["fields"]["text"], **one["metadata"],
                "category.responses": [given["value"] for given in one["responses"]["category"]],
                "category.responses.users": ["f3a1"],
                "category.responses.status": [given["status"] for given in one["responses"]["category"]],
            }
            for one in records
        ]  # fmt: skip
    (made.files[0] / "records.json").write_text(json.dumps(records), encoding="utf-8")
    review.take(made.files[0])
    assert review.rejects() == []
    answers = {doc_id: name or "None of these" for (rater, doc_id), name in said(review.store).items() if rater == "anna"}
    assert answers == {doc_id: label for doc_id, label in labels.items() if doc_id != records[0]["id"]}
