"""Label Studio: tasks with the present labels as predictions, those of people as annotations, and the configuration that shows them.

https://labelstud.io/guide/predictions has the format. A folder holds `labeling_config.xml` and `tasks-00001.json` and so on.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pipeline.exports.json_arrays import write_array
from pipeline.exports.subject import Subject
from pipeline.store.published import Rows

__all__ = ["CHOICES", "labelling_config", "write_label_studio"]

TASKS_A_FILE = 20_000  # Label Studio takes up to 250 MB at once
CHOICES, TEXT = "category", "text"  # names of the tags
LABEL_COLUMNS = frozenset({"category", "category_id", "probability"})
ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")  # XML has no way to write them


def write_label_studio(
    rows: Rows, folder: Path, *, subject: Subject, names: Mapping[str, str], tasks_a_file: int = TASKS_A_FILE, beside: Sequence[str] = ()
) -> int:
    """Write the configuration and the tasks, so many a file, and count the tasks.

    :param names: the name of each category that may occur, by id.
    :param beside: columns to show below the text.
    """
    (folder / "labeling_config.xml").write_text(labelling_config(subject, names, beside=beside), encoding="utf-8")
    tasks = (_task(row, subject, names) for batch in rows.batches for row in batch.to_pylist())
    written = write_array(folder / "tasks-00001.json", islice(tasks, tasks_a_file))
    for number, first in enumerate(tasks, start=2):
        written += write_array(folder / f"tasks-{number:05d}.json", chain([first], islice(tasks, tasks_a_file - 1)))
    return written


def labelling_config(subject: Subject, names: Mapping[str, str], *, beside: Sequence[str] = ()) -> str:
    """Write the configuration of a project that shows a text and asks for its category; `None of these` is among the choices."""
    view = ElementTree.Element("View")
    if "$" not in subject.use_case:  # Label Studio would look for a column of that name
        ElementTree.SubElement(view, "Header", value=_legal(subject.use_case))
    ElementTree.SubElement(view, "Text", name=TEXT, value="$text")
    for column in beside:
        ElementTree.SubElement(view, "Text", name=column, value=f"${column}")
    choice = "multiple" if subject.several else "single"
    choices = ElementTree.SubElement(view, "Choices", name=CHOICES, toName=TEXT, choice=choice, showInline="false")
    described = {category.category_id: category.description for category in subject.categories}
    for category_id, name in names.items():
        ElementTree.SubElement(choices, "Choice", value=_legal(name), hint=_legal(described.get(category_id, "")))
    ElementTree.SubElement(choices, "Choice", value=subject.none_name, hint="No category fits.")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _task(row: Mapping[str, Any], subject: Subject, names: Mapping[str, str]) -> dict[str, Any]:
    """Make a task: the columns of a row as its data, and its label as what was predicted or, from a person, annotated."""
    data = {name: value for name, value in row.items() if name not in LABEL_COLUMNS}
    by, category = row.get("labelled_by"), row.get("category_id")
    if by is None:
        return {"data": data, "predictions": []}
    chosen = [_legal(names[one]) for one in [category, *(row["also"] or ())] if one in names] or [subject.none_name]
    result = [{"id": "label", "from_name": CHOICES, "to_name": TEXT, "type": "choices", "value": {"choices": chosen}}]
    if by == "human":
        return {"data": data, "annotations": [{"result": result, "ground_truth": True}]}
    prediction = {"model_version": subject.labellers.get(by, by), "score": row["probability"], "result": result}
    return {"data": data, "predictions": [prediction]}


def _legal(text: str) -> str:
    return ILLEGAL.sub(" ", text)
