"""The part of a project file that says which exports a run leaves behind; `linnaeus export` makes the same record of its options."""

from pathlib import PurePath
from typing import Literal

from pydantic import Field, model_validator

from pipeline.engine_settings import Settings, Text

__all__ = ["ENDINGS", "FOR_PEOPLE", "ExportFormat", "ExportSettings"]

ExportFormat = Literal["parquet", "csv", "jsonl", "datasets", "label-studio", "argilla"]
ENDINGS: dict[str, ExportFormat] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
FOR_PEOPLE = ("label-studio", "argilla")  # tools in which people correct labels
OF_DOCUMENTS = ("labels", "review")  # what holds a document with its label in each row


class ExportSettings(Settings):
    """What is written where, and how."""

    to: Text = Field(description="File or folder to write; in a project file, relative to it.")
    format: ExportFormat | None = Field(
        None, description="parquet, csv, jsonl, datasets, label-studio or argilla; by the ending of `to` when absent (.parquet, .csv, .jsonl)."
    )
    what: Text = Field("labels", description="labels: each document with its best label. review: those most worth a look first. Or a table or view.")
    facet: Text = Field("main", description="Which of the project's taxonomies: a key of `facets`.")
    where: Text | None = Field(None, description="Condition in SQL on the exported columns, as: probability < 0.6")
    columns: tuple[Text, ...] = Field((), description="Only these columns, in this order; all when empty.")
    gold: bool = Field(False, description="Also the known labels of the corpus.")
    partition_by: Text | None = Field(None, description="parquet: a folder for each value of this column, as category or language.")
    spreadsheet_safe: bool = Field(
        False, description="csv: a ' before each text that a spreadsheet would take for a formula, which changes these texts."
    )
    test_share: float = Field(0.2, ge=0, lt=1, description="datasets: share of the documents in the split `test`, near copies on the same side.")
    license: Text | None = Field(None, description="datasets: licence of the texts, as cc-by-4.0; unknown when absent.")

    @property
    def kind(self) -> ExportFormat:
        """Give the format, by the ending of `to` where none is said."""
        return self.format or ENDINGS[PurePath(self.to).suffix.lower()]

    @property
    def is_folder(self) -> bool:
        """Say whether a folder is written, and not one file."""
        return self.kind not in ENDINGS.values() or self.partition_by is not None

    @model_validator(mode="after")
    def _what_goes_together(self) -> "ExportSettings":
        if self.format is None and PurePath(self.to).suffix.lower() not in ENDINGS:
            raise ValueError(f"the ending of {self.to!r} names no format; end it in {', '.join(ENDINGS)}, or give the format")
        kind = self.kind
        if kind not in ENDINGS.values() and self.what not in OF_DOCUMENTS:
            raise ValueError(f"{kind} holds documents with labels, and {self.what!r} is something else; expected {' or '.join(OF_DOCUMENTS)}")
        if self.partition_by is not None and kind != "parquet":
            raise ValueError(f"partition_by is for parquet, and the format is {kind}")
        if self.partition_by is not None and self.columns == (self.partition_by,):
            raise ValueError(f"partition_by names {self.partition_by!r}, the only column, so that the files would hold none; name further columns")
        if self.spreadsheet_safe and kind != "csv":
            raise ValueError(f"spreadsheet_safe is for csv, and the format is {kind}")
        if self.license is not None and kind != "datasets":
            raise ValueError(f"license is for datasets, and the format is {kind}")
        return self
