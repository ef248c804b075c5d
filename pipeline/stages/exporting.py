"""Writes the labelled documents of a project for other tools, from one state of the published tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.choosing import NONE_FITS
from pipeline.errors import ExportError
from pipeline.export_settings import ExportFormat, ExportSettings
from pipeline.exports import (
    MOST_PARTS,
    Labeller,
    Provenance,
    Subject,
    check_place,
    data_card,
    placing,
    write_argilla,
    write_csv,
    write_dataset,
    write_json_lines,
    write_label_studio,
    write_parquet,
    write_parts,
)
from pipeline.records import Evaluation
from pipeline.settings import MAIN, Project
from pipeline.store import Store
from pipeline.store.published import Published, Rows
from pipeline.store.selection import Selection, select_rows

__all__ = ["Exported", "export"]

TABLES = ("parquet", "csv", "jsonl")


@dataclass(frozen=True)
class Exported:
    """What was written."""

    target: Path
    kind: ExportFormat
    rows: int
    files: int
    bytes: int
    taxonomy_id: str | None


def export(store: Store, project: Project, wanted: ExportSettings, *, target: Path, replacing: bool = False) -> Exported:
    """Write an export; it is there whole once this has returned, and otherwise not at all.

    :raises ExportError: where there is no such column, nothing to write, or something at the place that is not to be replaced.
    :raises StoreError: where the tables could not answer, as for a condition that is no SQL.
    """
    check_place(target, folder=wanted.is_folder, replacing=replacing)
    with store.snapshot() as copy:
        selection = select_rows(copy, wanted, seed=project.seed)
        labellers = list(_labellers(copy, wanted.facet))
        subject = _subject(store, copy, project, wanted.facet, labellers)
        if wanted.partition_by is not None:
            _few_enough(copy, selection, wanted.partition_by)
        mark = {"format": wanted.kind, **{key: value for key, value in subject.described().items() if key != "categories"}}
        names = {} if wanted.kind in TABLES else _names(copy, selection, subject)
        provenance = _provenance(copy, project, wanted, labellers)
        with placing(target, folder=wanted.is_folder, replacing=replacing, mark=mark) as path:
            rows = copy.stream(selection.sql, selection.values)  # from here on the connection answers nothing else
            if wanted.kind in TABLES:
                count = _write_table(rows, path, wanted, subject)
            else:
                count = _write_documents(rows, path, wanted, subject, names, provenance)
    written = [file for file in (target.rglob("*") if target.is_dir() else [target]) if file.is_file()]
    size = sum(file.stat().st_size for file in written)
    return Exported(target, wanted.kind, count, len(written), size, subject.taxonomy.taxonomy_id if subject.taxonomy else None)


def _write_table(rows: Rows, path: Path, wanted: ExportSettings, subject: Subject) -> int:
    if wanted.kind == "csv":
        return write_csv(rows, path, spreadsheet_safe=wanted.spreadsheet_safe)
    if wanted.kind == "jsonl":
        return write_json_lines(rows, path)
    about = subject.described()
    return write_parquet(rows, path, about=about) if wanted.partition_by is None else write_parts(rows, path, by=wanted.partition_by, about=about)


def _write_documents(rows: Rows, folder: Path, wanted: ExportSettings, subject: Subject, names: Mapping[str, str], provenance: Provenance) -> int:
    if not names:
        raise ExportError(f"Project {subject.project} has no taxonomy yet, and {wanted.kind} needs its categories; run the project first.")
    if wanted.kind == "label-studio":
        return write_label_studio(rows, folder, subject=subject, names=names)
    if wanted.kind == "argilla":
        return write_argilla(rows, folder, subject=subject, names=names)
    written = write_dataset(rows, folder, subject=subject, names=names)
    if not written.splits:
        raise ExportError("No document fits, and a data set needs one at least; change the condition.")
    (folder / "README.md").write_text(data_card(subject, names, written, provenance), encoding="utf-8")
    return sum(written.splits.values())


def _pointer(copy: Published, facet: str, key: str) -> str | None:
    return copy.pointers.get(key if facet == MAIN else f"{facet}/{key}")


def _subject(store: Store, copy: Published, project: Project, facet: str, labellers: list[Labeller]) -> Subject:
    taxonomy_id = _pointer(copy, facet, "taxonomy_id")
    return Subject(
        project=project.name, facet=facet, use_case=project.facet(facet).use_case, taxonomy=store.taxonomy(taxonomy_id) if taxonomy_id else None,
        none_name=NONE_FITS.name, several=project.annotation.mode == "all", labellers={one.kind: one.who for one in labellers},
    )  # fmt: skip


def _names(copy: Published, selection: Selection, subject: Subject) -> dict[str, str]:
    """Name the categories that a document may bear: those that labels are given in, and what else any of these documents bears."""
    every = subject.taxonomy.categories if subject.taxonomy else ()
    known = {category.category_id for category in subject.categories}
    if len(known) < len(every):
        known |= {row[0] for row in copy.rows(f"select distinct category_id from ({selection.sql})", selection.values)}  # noqa: S608 - a query of ours
    return {category.category_id: category.name for category in every if category.category_id in known}


def _few_enough(copy: Published, selection: Selection, column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'
    found = copy.rows(f"select count(distinct {quoted}) from ({selection.sql})", selection.values)[0][0]  # noqa: S608 - the name of a column there is
    if found > MOST_PARTS:
        raise ExportError(f"{column} has {found:,} values, and each would be a folder; partition by a column with at most {MOST_PARTS:,}.")


def _labellers(copy: Published, facet: str) -> list[Labeller]:
    """Say who gave labels of each kind, as far as there are any."""
    found = []
    people = copy.rows("select count(*) from annotators where kind = 'human' and settings ->> 'of' is null")[0][0]
    if people:
        found.append(Labeller("human", f"{people} {'person' if people == 1 else 'people'}"))
    for model, prompt in copy.rows("select model, prompt from annotators where annotator_id = ?", [_pointer(copy, facet, "llm_annotator_id")]):
        found.append(Labeller("llm", str(model), prompt=prompt))
    if _pointer(copy, facet, "shared_annotator_id"):
        found.append(Labeller("shared", "near copy", "the label of the text that it is a copy of"))
    for classifier_id, candidate, labels in copy.rows(STUDENT, [_pointer(copy, facet, "classifier_id")]):
        found.append(Labeller("student", classifier_id, f"{candidate or 'a classifier'}, learnt from {labels} labels"))
    return found


def _provenance(copy: Published, project: Project, wanted: ExportSettings, labellers: list[Labeller]) -> Provenance:
    measured = copy.pointers.get("evaluation_id") if wanted.facet == MAIN else None  # facets are not measured
    last = copy.rows("select strftime(max(started_at), '%Y-%m-%d') from runs")[0][0]
    fitted = copy.rows(UNCALIBRATED, [_pointer(copy, wanted.facet, "teacher_annotator_id")])
    return Provenance(
        labellers=labellers, figures=[Evaluation(*row) for row in copy.rows(FIGURES, [measured])], last_run=last, uncalibrated=bool(fitted),
        test_share=wanted.test_share, seed=project.seed, license=wanted.license,
    )  # fmt: skip


STUDENT = "select classifier_id, settings ->> 'candidate', trained_on from classifiers where classifier_id = ?"
UNCALIBRATED = "select 1 from labels where annotator_id = ? and ends_with(calibration, 'uncalibrated') limit 1"
FIGURES = """
select evaluation_id, subject, metric, slice, value, low, high, n, judge from evaluations
where evaluation_id = ? and subject <> 'baseline' order by subject, slice, metric
"""
