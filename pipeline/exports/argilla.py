"""Argilla 2: the settings of a dataset and its records, as `argilla.Dataset.from_disk` reads them; present labels are suggestions.

A label's value is the id of its category, and its text the name, so that what people choose holds also after a rename.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.exports.json_arrays import write_array
from pipeline.exports.subject import Subject
from pipeline.store.published import Rows

__all__ = ["FIELD", "NONE", "QUESTION", "argilla_settings", "write_argilla"]

NONE = "none"  # value of the answer that no category fits
QUESTION, FIELD = "category", "text"
LONGEST_GUIDELINES = 10_000  # characters that the server takes; so are the limits that follow
LONGEST_AGENT = 200
NOT_IN_AN_AGENT = re.compile(r"[^a-zA-Z0-9_:./ -]")
LONGEST_DESCRIPTION, LONGEST_TITLE = 1000, 500
NAME = re.compile(r"^(?=.*[a-z0-9])[a-z0-9_-]+$")  # of a metadata property that can be filtered by
TAKEN = frozenset({"add", "count", "create", "delete", "index", "remove", "serialize", "update"})  # names of methods, which its client refuses
NO_METADATA = frozenset({"doc_id", "text", "category", "category_id"})  # what has a place of its own


def write_argilla(rows: Rows, folder: Path, *, subject: Subject, names: Mapping[str, str]) -> int:
    """Write the settings and the records, and count the records.

    :param names: the name of each category that may occur, by id.
    """
    (folder / ".argilla").mkdir()
    name = subject.project if subject.facet == "main" else f"{subject.project}-{subject.facet}"
    settings = argilla_settings(subject, names, rows.schema)
    about = {"name": name, "guidelines": settings["guidelines"], "allow_extra_metadata": True}
    for file, said in (("settings.json", settings), ("dataset.json", about)):
        (folder / ".argilla" / file).write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return write_array(folder / "records.json", (_record(row, subject, names) for batch in rows.batches for row in batch.to_pylist()))


def argilla_settings(subject: Subject, names: Mapping[str, str], schema: pa.Schema) -> dict[str, Any]:
    """Describe the text, the question about it, and the columns to filter by."""
    described = {category.category_id: category.description for category in subject.categories}
    options = [
        {"value": category_id, "text": name, "description": described.get(category_id, "")[:LONGEST_DESCRIPTION] or None}
        for category_id, name in names.items()
    ]
    options.append({"value": NONE, "text": subject.none_name, "description": "No category fits."})
    kind = {"type": "multi_label_selection", "options_order": "natural"} if subject.several else {"type": "label_selection"}
    question = {
        "name": QUESTION, "title": subject.use_case[:LONGEST_TITLE], "description": None, "required": True,
        "settings": {**kind, "options": options, "visible_options": None},
    }  # fmt: skip
    return {
        "guidelines": _guidelines(subject),
        "questions": [question],
        "fields": [{"name": FIELD, "title": FIELD, "required": True, "settings": {"type": "text", "use_markdown": False}}],
        "vectors": [],
        "metadata": [_property(column.name, column.type) for column in schema if column.name not in NO_METADATA | TAKEN and NAME.match(column.name)],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
    }


def _record(row: Mapping[str, Any], subject: Subject, names: Mapping[str, str]) -> dict[str, Any]:
    metadata = {name: _plain(value) for name, value in row.items() if name not in NO_METADATA and value is not None and value != []}
    suggestions = {}
    if (by := row.get("labelled_by")) is not None:
        chosen = [one for one in [row["category_id"], *(row["also"] or ())] if one in names] or [NONE]
        suggestions[QUESTION] = {
            "value": chosen if subject.several else chosen[0],
            "score": None if subject.several else row["probability"],
            "agent": NOT_IN_AN_AGENT.sub("-", subject.labellers.get(by, by))[:LONGEST_AGENT],
        }
    return {"id": row["doc_id"], "fields": {FIELD: row["text"]}, "metadata": metadata, "suggestions": suggestions, "responses": {}, "vectors": {}}


def _property(name: str, kind: pa.DataType) -> dict[str, Any]:
    """Describe a column to filter by: numbers by range, all else by value."""
    of = "integer" if pa.types.is_integer(kind) else "float" if pa.types.is_floating(kind) else "terms"
    return {"name": name, "title": name, "visible_for_annotators": True, "settings": {"type": of}}


def _plain(value: Any) -> Any:
    """Write a value as the metadata of a record can hold it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | int | float) else list(map(str, value)) if isinstance(value, list) else str(value)


def _guidelines(subject: Subject) -> str:
    """Say how to label: the guide of the taxonomy, and what each category means, as far as there is room."""
    guide = subject.taxonomy.guide if subject.taxonomy else ""
    lines = [subject.use_case, "", *([guide, ""] if guide else []), *(f"- {one.name}: {one.description}" for one in subject.categories)]
    text = "\n".join(lines)
    return text if len(text) <= LONGEST_GUIDELINES else text[:LONGEST_GUIDELINES].rpartition("\n")[0]
