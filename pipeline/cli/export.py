"""The command that writes labelled documents for other tools."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

from pipeline.cli.show import show_json
from pipeline.cli.terminal import Facet, Json, Name, facet_project, open_store, output
from pipeline.errors import ExportError
from pipeline.export_settings import ExportFormat, ExportSettings
from pipeline.settings import MAIN

__all__ = ["export"]


def export(
    name: Name,
    to: Annotated[Path, typer.Option(help="File or folder to write; its ending says the format: .parquet, .csv or .jsonl.")],
    format_: Annotated[ExportFormat | None, typer.Option("--format", help="Format, where the ending does not say it.")] = None,
    what: Annotated[str, typer.Option(help="labels, review (those most worth a look first), or the name of a table or view.")] = "labels",
    facet: Facet = MAIN,
    where: Annotated[str | None, typer.Option(help="Condition in SQL on the exported columns, as: probability < 0.6")] = None,
    columns: Annotated[str | None, typer.Option(help="Only these columns, separated by commas.")] = None,
    partition_by: Annotated[str | None, typer.Option(help="parquet: a folder for each value of this column.")] = None,
    gold: Annotated[bool, typer.Option("--gold", help="Also the known labels of the corpus.")] = False,
    spreadsheet_safe: Annotated[bool, typer.Option("--spreadsheet-safe", help="csv: a ' before what would be taken for a formula.")] = False,
    test_share: Annotated[float, typer.Option(help="datasets: share of the documents in the split test.")] = 0.2,
    license_: Annotated[str | None, typer.Option("--license", help="datasets: licence of the texts.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an export wrote there before.")] = False,
    as_json: Json = False,
) -> None:
    """Write the labelled documents for other tools: Parquet, CSV, JSON lines, datasets, Label Studio, Argilla."""
    from pipeline.stages.exporting import export as write_export

    project = facet_project(name, facet)
    named = tuple(next(csv.reader([columns], skipinitialspace=True))) if columns else ()
    try:
        wanted = ExportSettings(
            to=str(to), format=format_, what=what, facet=facet, where=where, columns=named, gold=gold, partition_by=partition_by,
            spreadsheet_safe=spreadsheet_safe, test_share=test_share, license=license_,
        )  # fmt: skip
    except ValidationError as error:
        raise ExportError(_said(error)) from error
    made = write_export(open_store(project), project, wanted, target=to, replacing=overwrite)
    if as_json:
        show_json(output, {"project": project.name, **asdict(made), "target": str(made.target)})
        return
    files = "1 file" if made.files == 1 else f"{made.files} files"
    output.print(f"Wrote {made.rows:,} rows as {made.kind} to {escape(str(made.target))} ({files}, {made.bytes / 1e6:.1f} MB).", soft_wrap=True)


def _said(error: ValidationError) -> str:
    """Say every mistake, each with the option it is about."""
    mistakes = []
    for one in error.errors():
        place = ".".join(map(str, one["loc"])).replace("_", "-")
        message = one["msg"].removeprefix("Value error, ")
        mistakes.append(f"--{place}: {message}" if place else f"This cannot be exported: {message}")
    return "; ".join(mistakes) + "."
