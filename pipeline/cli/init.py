"""Writes a project file for a user's own text, with every key explained."""

import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from pipeline.corpus import make_documents, read_rows
from pipeline.errors import LinnaeusError, ProjectError
from pipeline.settings import (
    NAME,
    AlertSettings,
    AnnotationSettings,
    BudgetSettings,
    CertaintySettings,
    CheckSettings,
    CorpusSettings,
    EngineSettings,
    EvaluationSettings,
    Project,
    RareSettings,
    ScheduleSettings,
    StudentSettings,
    TaxonomySettings,
    explained_keys,
    load_project,
)
from pipeline.student_settings import usual_students

__all__ = ["guess_columns", "write_project"]

LOOK = 50  # rows looked at to guess the columns
IDS = ("id", "doc_id", "document_id", "uuid", "key")


def write_project(path: Path, *, corpus: Path, use_case: str, text: str | None, id_column: str | None) -> Project:
    """Write a project file and load it back.

    :raises ProjectError: when the file exists, the corpus does not, or the name is none for a project.
    :raises CorpusError: when the corpus lacks a column, or its first rows hold no document.
    """
    if not re.fullmatch(NAME, path.stem):
        raise ProjectError(f"{path.stem!r} is no name for a project: take lower-case letters, digits and _, starting with a letter.")
    if path.exists():
        raise ProjectError(f"{path} exists already; give another name, or edit it.")
    if not corpus.exists():
        raise ProjectError(f"There is no file or folder {corpus}; give the file that holds your texts with --file.")
    guessed_text, guessed_id = guess_columns(corpus) if text is None else (text, id_column)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = "".join(_lines(path, corpus, use_case, text or guessed_text, id_column or guessed_id))
    path.write_text(written, encoding="utf-8")
    try:
        project = load_project(path)
        next(make_documents(islice(read_rows(project), LOOK), project))
    except LinnaeusError:
        path.unlink()  # so that the same name can be given again
        raise
    return project


def guess_columns(corpus: Path) -> tuple[str, str | None]:
    """Guess the column of the text, the one with the longest values, and of the id, by its name and distinct values."""
    project = Project.model_validate({"name": "guess", "use_case": "guess", "corpus": {"path": str(corpus.resolve()), "limit": LOOK}})
    rows = []
    for row in read_rows(project):
        if row.values is not None:
            rows.append(row.values)
        if len(rows) == LOOK:
            break
    lengths: dict[str, int] = {}
    for values in rows:
        for column, value in values.items():
            if isinstance(value, str):
                lengths[column] = lengths.get(column, 0) + len(value)
    if not lengths:
        raise ProjectError(f"No column of text was found in {corpus}; name it with --text.")
    unique = (column for column in rows[0] if column.lower() in IDS and len({values.get(column) for values in rows}) == len(rows))
    return max(lengths, key=lambda column: lengths[column]), next(unique, None)


def _lines(path: Path, corpus: Path, use_case: str, text: str, id_column: str | None) -> Iterator[str]:
    set_to = {
        "name": path.stem,
        "use_case": use_case,
        "path": os.path.relpath(corpus.resolve(), path.resolve().parent),
        "text": text,
        "id": id_column,
    }
    yield f"# A Linnaeus project. Keys with a # in front show their default. Run it with: linnaeus run {path.stem}\n\n"
    yield from _key("name", set_to, Project)
    yield from _key("use_case", set_to, Project)
    sections: dict[str, type[BaseModel]] = {
        "corpus": CorpusSettings, "engine": EngineSettings, "budget": BudgetSettings, "taxonomy": TaxonomySettings,
        "annotation": AnnotationSettings, "students": StudentSettings, "rare": RareSettings, "certainty": CertaintySettings,
        "evaluation": EvaluationSettings, "schedule": ScheduleSettings, "alerts": AlertSettings,
        "checks": CheckSettings,
    }  # fmt: skip
    for section, model in sections.items():
        is_set = section == "corpus"
        yield f"\n# {(model.__doc__ or '').strip()}\n{'' if is_set else '# '}{section}:\n"
        for key, _ in explained_keys(model):
            yield from _key(
                key,
                set_to if is_set else {},
                model,
                indent="  - " if section == "students" and key == "kind" else "    " if section == "students" else "  ",
            )
        if section == "students":
            yield from _further_students()
        if section == "engine":
            yield "\n"
            for key in ("generator", "annotator", "exam"):
                yield from _key(key, {}, Project)
    yield "\n"
    yield from _key("embedder", {}, Project)
    yield from _key("chosen_by", {}, Project)
    yield from _key("label_noise", {}, Project)
    yield from _key("facets", {}, Project)
    yield from _key("partitions", {}, Project)
    yield from _key("owners", {}, Project)
    yield from _key("seed", {}, Project)


def _further_students() -> Iterator[str]:
    """Give the usual candidates after the first, by what they say otherwise than it."""
    for student in usual_students()[1:]:
        for key, value in student.model_dump(mode="json", include=set(student.model_fields_set)).items():
            yield f"# {'  - ' if key == 'kind' else '    '}{key}: {json.dumps(value, ensure_ascii=False)}\n"


def _key(key: str, set_to: dict[str, str | None], model: type[BaseModel], indent: str = "") -> Iterator[str]:
    described = dict(explained_keys(model))[key]
    value = set_to.get(key)
    if value is not None:
        yield f"{indent}# {described}\n{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n"
        return
    field = model.model_fields[key]
    default = field.get_default(call_default_factory=True)
    plain = default.model_dump(mode="json") if isinstance(default, BaseModel) else list(default) if isinstance(default, tuple) else default
    shown = "" if plain is None else f" {json.dumps(plain, ensure_ascii=False)}"
    yield f"{' ' * len(indent)}# {described}\n# {indent}{key}:{shown}\n"
