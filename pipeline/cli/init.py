"""Writes a project file for a user's own text, with every key explained."""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from pipeline.corpus import make_documents, read_rows, read_time
from pipeline.corpus_settings import Place, format_of
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

__all__ = ["GuessedColumns", "folder_format", "guess_columns", "write_project"]

LOOK = 50  # rows looked at to guess the columns
IDS = ("id", "doc_id", "document_id", "uuid", "key")
TITLES = ("title", "subject", "headline")
LANGUAGES = ("language", "lang")
TIMES = ("time", "timestamp", "date", "datetime", "created_at", "created", "written_at", "published_at", "sent_at", "received_at")


@dataclass(frozen=True)
class GuessedColumns:
    """Which columns of a corpus hold what, as it looks."""

    text: str
    id: str | None = None
    title: str | None = None
    language: str | None = None
    time: str | None = None


def write_project(path: Path, *, corpus: Path, use_case: str, text: str | None, id_column: str | None, table: str | None = None) -> Project:
    """Write a project file and load it back.

    :param corpus: file, folder or pattern of the documents.
    :param table: table of a DuckDB file.
    :raises ProjectError: when the file exists, the corpus does not, or the name is none for a project.
    :raises CorpusError: when the corpus lacks a column, or its first rows hold no document.
    """
    if not re.fullmatch(NAME, path.stem):
        raise ProjectError(f"{path.stem!r} is no name for a project: take lower-case letters, digits and _, starting with a letter.")
    if path.exists():
        raise ProjectError(f"{path} exists already; give another name, or edit it.")
    if not corpus.exists() and not Place(str(corpus), Path.cwd()).matches():
        raise ProjectError(f"There is no file or folder {corpus}; give the file that holds your texts with --file.")
    guessed = guess_columns(corpus, table) if text is None else GuessedColumns(text)
    columns = asdict(replace(guessed, id=id_column or guessed.id))
    path.parent.mkdir(parents=True, exist_ok=True)
    given = {"path": os.path.relpath(corpus.resolve(), path.resolve().parent), "format": folder_format(corpus), "table": table}
    path.write_text("".join(_lines({"name": path.stem, "use_case": use_case, **given, **columns})), encoding="utf-8")
    try:
        project = load_project(path)
        next(make_documents(islice(read_rows(project), LOOK), project))
    except LinnaeusError:
        path.unlink()  # so that the same name can be given again
        raise
    return project


def folder_format(corpus: Path) -> str | None:
    """Give the format of a folder's files where it has to be named: there is one, and it is not plain text."""
    found = {format_of(path) for path in corpus.rglob("*") if path.is_file()} - {None} if corpus.is_dir() else set()
    return found.pop() if len(found) == 1 and "text" not in found else None


def guess_columns(corpus: Path, table: str | None = None) -> GuessedColumns:
    """Guess the column of the text, the one with the longest values, and by their names and values those of what else documents have."""
    settings = {"path": str(corpus.resolve()), "format": folder_format(corpus) or "auto", "table": table, "limit": LOOK}
    project = Project.model_validate({"name": "guess", "use_case": "guess", "corpus": settings})
    rows = list(islice((row.values for row in read_rows(project) if row.values is not None), LOOK))
    lengths: dict[str, int] = {}
    for values in rows:
        for column, value in values.items():
            if isinstance(value, str):
                lengths[column] = lengths.get(column, 0) + len(value)
    if not lengths:
        raise ProjectError(f"No column of text was found in {corpus}; name it with --text.")
    text = max(lengths, key=lambda column: lengths[column])
    others = [column for column in rows[0] if column != text]
    return GuessedColumns(
        text,
        id=_first(others, IDS, lambda column: len({values.get(column) for values in rows}) == len(rows)),
        title=_first(others, TITLES, lambda column: column in lengths),
        language=_first(others, LANGUAGES, lambda column: column in lengths),
        time=_first(others, TIMES, lambda column: _are_times([values.get(column) for values in rows])),
    )


def _first(columns: Sequence[str], names: Sequence[str], fits: Callable[[str], bool]) -> str | None:
    """Give the first column with one of the usual names whose values fit."""
    return next((column for column in columns if column.lower() in names and fits(column)), None)


def _are_times(values: Sequence[object]) -> bool:
    """Tell whether all values can be read as times, and some are there."""
    try:
        return any([read_time(value) for value in values])
    except ValueError:
        return False


def _lines(set_to: dict[str, str | None]) -> Iterator[str]:
    yield f"# A Linnaeus project. Keys with a # in front show their default. Run it with: linnaeus run {set_to['name']}\n\n"
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
