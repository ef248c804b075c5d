"""Sheets that people fill in without seeing any label: CSV for a spreadsheet, a project for Label Studio, a dataset for Argilla.

A sheet says by which it is known again: its id with the rater, and the id of each document. What the categories mean lies beside it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pipeline.exports.argilla import write_argilla
from pipeline.exports.label_studio import write_label_studio
from pipeline.exports.placing import placing
from pipeline.exports.subject import Subject
from pipeline.exports.tables import write_csv
from pipeline.records import Category
from pipeline.store.published import Rows

__all__ = ["ANSWERS", "ReviewFormat", "sheet_name", "write_guide", "write_label_list", "write_sheet"]

ReviewFormat = Literal["csv", "label-studio", "argilla"]
ANSWERS = "answers"  # column of what raters said, where their differences are to be settled
HOW_TO = """# How to fill in the sheet

Question: {use_case}

- Read the text, and write into the column `label` the name of the one category that fits best. The names stand below.
- Where none fits, write `{none}`. Where you cannot tell, leave the cell empty; say why under `comment` if you like.
{also}- Work alone, and look at no other sheet: what you and others say will be compared.
- Change no other column. Columns and rows may be moved, the file may be saved in parts, and some rows may stay empty.
"""
SEVERAL = "- Where further categories apply, write their names under `also`, with `;` between them.\n"


def write_sheet(
    target: Path, rows: Sequence[Mapping[str, Any]], *, kind: ReviewFormat, subject: Subject, replacing: bool, mark: Mapping[str, Any]
) -> None:
    """Write one rater's sheet; it is there whole once this has returned, and otherwise not at all.

    :param rows: with sheet, row, doc_id, text_hash and text, in the rater's order; with `answers` where these are to be seen.
    :raises ExportError: where the place holds something that is not to be replaced.
    """
    beside = [name for name in (ANSWERS,) if rows and name in rows[0]]
    names = {category.category_id: category.name for category in subject.categories}
    with placing(target, folder=kind != "csv", replacing=replacing, mark=mark) as path:
        if kind == "csv":
            empty = ["label", *(["also"] if subject.several else []), "comment"]
            cells = [
                {"sheet": row["sheet"], "row": row["row"], "document": row["doc_id"], "text": row["text"]}
                | {name: row[name] for name in beside}
                | dict.fromkeys(empty)
                for row in rows
            ]
            columns = ["sheet", "row", "document", "text", *beside, *empty]
            write_csv(_rows(cells, columns), path, spreadsheet_safe=True, marked=True)
        else:
            shown = _rows(rows, ["sheet", "row", "doc_id", "text_hash", "text", *beside])
            if kind == "label-studio":
                write_label_studio(shown, path, subject=subject, names=names, beside=beside)
            else:
                write_argilla(shown, path, subject=subject, names=names)


def write_label_list(target: Path, subject: Subject, *, replacing: bool) -> None:
    """Write the categories as a table: name, definition, and what belongs there and what does not."""
    none = {"label": subject.none_name, "definition": "No category fits.", "guide": None}
    cells = [{"label": one.name, "definition": one.description, "guide": _guide(one)} for one in subject.categories]
    with placing(target, folder=False, replacing=replacing, mark={}) as path:
        write_csv(_rows([*cells, none], ["label", "definition", "guide"]), path, spreadsheet_safe=True, marked=True)


def write_guide(target: Path, subject: Subject, *, replacing: bool) -> None:
    """Write how to fill in a sheet, and what the categories mean."""
    also = SEVERAL if subject.several else ""
    parts = [HOW_TO.format(use_case=subject.use_case, none=subject.none_name, also=also)]
    if subject.taxonomy and subject.taxonomy.guide:
        parts.append(f"\n{subject.taxonomy.guide}")
    else:
        parts += [f"\n## {one.name}\n\n{one.description}\n" + (f"\n{guide}\n" if (guide := _guide(one)) else "") for one in subject.categories]
    with placing(target, folder=False, replacing=replacing, mark={}) as path:
        path.write_text("".join(parts), encoding="utf-8")


def sheet_name(target: Path, rater: str) -> Path:
    """Name the sheet of one rater: the name given, with the rater's before its ending."""
    return target if not rater else target.with_name(f"{target.stem}-{rater}{target.suffix}")


def _guide(category: Category) -> str | None:
    """Say in words what a category's card says."""
    parts = [(title, "; ".join(said).rstrip(".")) for title, said in (("Says", category.cues), ("Not", category.exclusions)) if said]
    return " ".join(f"{title}: {said}." for title, said in parts) or None


def _rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Rows:
    schema = pa.schema([(name, pa.int64() if name == "row" else pa.string()) for name in columns])
    table = pa.Table.from_pylist([{name: row[name] for name in columns} for row in rows], schema=schema)
    return Rows(schema, iter(table.to_batches()))
