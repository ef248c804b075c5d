"""Sheets on the tiny project, filled in by raters who know the topics and err as often as is wished."""

import csv
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.settings import load_project
from pipeline.stages.review_export import ExportedSheets, SheetWish, export_sheets
from pipeline.stages.review_import import ImportReport, import_sheets
from pipeline.store import Store
from tests.tiny import NAMES

__all__ = ["Review", "read_sheet", "said", "topic_label", "write_sheet"]


def read_sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def said(store: Store) -> dict[tuple[str, str], str | None]:
    """Give the name that each rater gave each document."""
    sql = """
    select rater, doc_id, name from ratings join review_items using (sheet_id, text_hash) join review_sheets using (sheet_id)
    left join categories on categories.taxonomy_id = review_sheets.taxonomy_id and categories.category_id = ratings.category_id
    """
    return {(rater, doc_id): name for rater, doc_id, name in store.rows(sql)}


def write_sheet(
    path: Path, rows: Sequence[Mapping[str, Any]], *, encoding: str = "utf-8-sig", delimiter: str = ",", columns: Iterable[str] = ()
) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(columns) or list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def topic_label(row: Mapping[str, str]) -> str:
    """Say what a row of the tiny corpus is about, by its id."""
    return NAMES.get(row["document"].split("-")[0], "None of these")


def erring(rate: float, seed: object) -> Callable[[Mapping[str, str]], str]:
    """Make a rater who errs at a rate, evenly over the other categories."""
    chance = random.Random(str(seed))

    def said(row: Mapping[str, str]) -> str:
        right = topic_label(row)
        return chance.choice([name for name in NAMES.values() if name != right]) if chance.random() < rate else right

    return said


class Review:
    """A review of the tiny project in a workspace."""

    def __init__(self, workspace: Path) -> None:
        self.folder = workspace / "review"
        self.store = Store.open(workspace / ".linnaeus" / "projects" / "tiny")
        self.project = load_project(workspace / "projects" / "tiny.yaml")

    def write(self, name: str = "sheet.csv", **wishes: Any) -> ExportedSheets:
        return export_sheets(self.store, self.project, SheetWish(**wishes), target=self.folder / name, replacing=True)

    def fill(self, path: Path, said: Callable[[Mapping[str, str]], str] = topic_label) -> list[dict[str, str]]:
        """Fill a sheet in, and give its rows."""
        rows = [row | {"label": said(row)} for row in read_sheet(path)]
        write_sheet(path, rows)
        return rows

    def take(self, *files: Path, **options: Any) -> ImportReport:
        return import_sheets(self.store, self.project, files, **options)

    def whole(self, rates: Mapping[str, float], **wishes: Any) -> ImportReport:
        """Have each rater err at a rate, from the sheets to the import."""
        made = self.write(raters=tuple(rates), **wishes)
        for rater, path in zip(rates, made.files, strict=False):
            self.fill(path, erring(rates[rater], rater))
        return self.take(*made.files[: len(rates)])

    def rejects(self) -> list[tuple[Any, ...]]:
        return self.store.rows("select position, reason, message from rejects where stage = 'review' order by source, position")
