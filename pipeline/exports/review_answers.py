"""Reads what people answered out of the rows of a filled sheet: CSV however a spreadsheet left it, Label Studio, Argilla.

Label Studio exports a task with its annotations (JSON), or a row for each annotation (JSON-MIN, CSV). Argilla writes records with
responses, nested or flattened. Each answer is told as it stands; whether it can be right is for others to say.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.exports.argilla import FIELD, QUESTION
from pipeline.exports.label_studio import CHOICES

__all__ = ["RawAnswer", "raw_answers", "sheet_columns"]

# Names of columns as people, Label Studio and Argilla write them, in lower case and with spaces.
COLUMNS = {
    "sheet": ("sheet",),
    "document": ("document", "doc id", "document id"),
    "text": ("text",),
    "label": ("label", "category"),
    "also": ("also",),
    "comment": ("comment", "comments"),
    "author": ("annotator", "rater"),
}
SUBMITTED = "submitted"


@dataclass(frozen=True)
class RawAnswer:
    """One answer as a file has it, its parts trimmed; `labels` has the first category first, and none where nobody answered."""

    position: int  # line or item of the file, from 1
    sheet: str  # with /rater where it names one
    document: str
    text: str | None
    labels: Sequence[str]
    comment: str
    author: str  # who answered, as the tool names them
    ids: bool = False  # whether labels are ids of categories
    raw: str = ""

    @property
    def sheet_id(self) -> str:
        """Give the id of the sheet."""
        return self.sheet.partition("/")[0]

    @property
    def rater(self) -> str:
        """Give the rater that the sheet was written for, or else who answered."""
        return self.sheet.partition("/")[2] or self.author


def raw_answers(position: int, values: Mapping[str, Any]) -> Iterator[RawAnswer]:
    """Read the answers of one row or record: none where a task was skipped, several where several people answered it."""
    if isinstance(values.get("annotations"), list) and isinstance(values.get("data"), Mapping):
        yield from _of_task(position, values)
    elif isinstance(values.get("fields"), Mapping):
        yield from _of_record(position, values)
    elif f"{QUESTION}.responses" in values:
        yield from _of_flat_record(position, values)
    else:
        yield _of_row(position, values)


def sheet_columns(names: Sequence[str]) -> dict[str, list[str]]:
    """Say which columns hold what, wherever they stand and however they are spelled."""
    plain = {name: " ".join(name.replace("_", " ").casefold().split()) for name in names}
    return {part: found for part, known in COLUMNS.items() if (found := [name for name in names if plain[name] in known])}


def _of_row(position: int, values: Mapping[str, Any]) -> RawAnswer:
    columns = sheet_columns([str(name) for name in values])

    def cell(part: str) -> Any:
        return next((values[name] for name in columns.get(part, ()) if values[name] not in (None, "")), None)

    labels = [*_labels(cell("label")), *_several(cell("also"))]
    text = cell("text")
    return RawAnswer(
        position, _text(cell("sheet")), _text(cell("document")), None if text is None else str(text), labels, _text(cell("comment")),
        _text(cell("author")), raw=_raw(values),
    )  # fmt: skip


def _of_task(position: int, values: Mapping[str, Any]) -> Iterator[RawAnswer]:
    """Read a task of Label Studio with its annotations; one that was skipped is no answer."""
    row = _of_row(position, {name: value for name, value in values["data"].items() if name != "label"})
    given = [one for one in values["annotations"] if isinstance(one, Mapping) and not one.get("was_cancelled")]
    for annotation in given:
        labels, comments = list[str](), list[str]()
        for result in annotation.get("result") or ():
            value = result.get("value") or {}
            labels += [_text(one) for one in value.get("choices") or ()] if result.get("from_name") == CHOICES else []
            comments += [_text(one) for one in value.get("text") or ()] if result.get("type") == "textarea" else []
        yield RawAnswer(position, row.sheet, row.document, row.text, labels, " ".join(comments), _author(annotation.get("completed_by")), raw=row.raw)
    if not given:
        yield RawAnswer(position, row.sheet, row.document, row.text, [], "", "", raw=row.raw)


def _of_record(position: int, values: Mapping[str, Any]) -> Iterator[RawAnswer]:
    """Read a record of Argilla with its responses; drafts and discarded ones are no answers."""
    about = values.get("metadata") or {}
    text, sheet = values["fields"].get(FIELD), _text(about.get("sheet"))
    responses = (values.get("responses") or {}).get(QUESTION) or []
    given = [one for one in responses if isinstance(one, Mapping) and one.get("status", SUBMITTED) in {SUBMITTED, None}]
    for one in given or [{}]:
        yield RawAnswer(
            position, sheet, _text(values.get("id")), text, _labels(one.get("value")), "", _text(one.get("user_id")), ids=True, raw=_raw(values)
        )


def _of_flat_record(position: int, values: Mapping[str, Any]) -> Iterator[RawAnswer]:
    """Read a record of Argilla that was flattened."""
    given, users, states = (values.get(f"{QUESTION}.responses{part}") or [] for part in ("", ".users", ".status"))
    answers = [
        (value, users[place] if place < len(users) else None)
        for place, value in enumerate(given)
        if (states[place] if place < len(states) else SUBMITTED) == SUBMITTED
    ]
    for value, user in answers or [(None, None)]:
        yield RawAnswer(
            position, _text(values.get("sheet") or values.get("metadata.sheet")), _text(values.get("id")), values.get(FIELD), _labels(value), "",
            _text(user), ids=True, raw=_raw(values),
        )  # fmt: skip


def _labels(value: Any) -> list[str]:
    """Read one label, or several as a list, or as Label Studio writes several into one cell."""
    if isinstance(value, str) and value.lstrip().startswith('{"choices"'):
        try:
            value = json.loads(value)
        except ValueError:
            return [value.strip()]
    if isinstance(value, Mapping):
        value = value.get("choices")
    several = value if isinstance(value, list) else [value]
    return [said for one in several if (said := _text(one))]


def _several(value: Any) -> list[str]:
    return _labels(value) if not isinstance(value, str) else [part.strip() for part in value.split(";") if part.strip()]


def _author(value: Any) -> str:
    """Name who annotated: by email where Label Studio tells it, else by number."""
    return _text(value.get("email") or value.get("id")) if isinstance(value, Mapping) else _text(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _raw(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, default=str)
