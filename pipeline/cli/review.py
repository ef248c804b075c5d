"""The commands for people who label: write sheets, read them back, see where they stand."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from pipeline.cli.show import show_json
from pipeline.cli.terminal import Facet, Json, Name, facet_option, facet_project, facet_store, output
from pipeline.errors import ReviewError
from pipeline.exports import ReviewFormat
from pipeline.settings import MAIN

__all__ = ["raters_of", "review"]

review = typer.Typer(no_args_is_help=True, help="Let people label a planned sample, and measure by it.")
LONGEST_NAME = 60
NOT_IN_A_NAME = frozenset('/\\:*?"<>|')  # of a file, on any system


@review.command()
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Sheet to write, as sheet.csv; a folder for label-studio and argilla.")],
    raters: Annotated[str, typer.Option(help="Names with commas between them, or how many; a sheet for each.")] = "",
    overlap: Annotated[float, typer.Option(min=0, max=1, help="Share of the documents that every rater gets; each of the others goes to one.")] = 1.0,
    format_: Annotated[ReviewFormat, typer.Option("--format", help="What reads the sheet.")] = "csv",
    width: Annotated[float | None, typer.Option(help="Half width of the 95 % interval that is wanted; 0.05 without --count.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="So many documents instead.")] = None,
    least: Annotated[int, typer.Option(min=0, help="Documents of each predicted category at the least.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Seed of the choice; the project's when absent.")] = None,
    source: Annotated[Literal["sample", "review_queue"], typer.Option("--from", help="Drawn at random, or the most doubtful first.")] = "sample",
    adjudicate: Annotated[bool, typer.Option("--adjudicate", help="Only documents on which raters differ, with their answers.")] = False,
    teach: Annotated[bool, typer.Option("--teach", help="Let the answers teach; they then measure nothing.")] = False,
    also: Annotated[bool, typer.Option("--also", help="Ask for further categories beside the first.")] = False,
    facet: Facet = MAIN,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace sheets that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write blind sheets for people to label, of a sample planned for the interval that is wanted."""
    from pipeline.stages.review_export import SheetWish, export_sheets

    if width is not None and count is not None:
        raise ReviewError("--width says how many documents are needed, and --count how many there are to be; give one of them.")
    wish = SheetWish(
        source=source, adjudicate=adjudicate, raters=raters_of(raters), overlap=overlap, kind=format_, count=count, half_width=width, least=least,
        seed=seed, teach=teach, also=also,
    )  # fmt: skip
    made = export_sheets(facet_store(name, facet), facet_project(name, facet), wish, target=file, replacing=overwrite)
    if as_json:
        about = {"sheet": made.sheet.sheet_id, "design": made.sheet.design, "teaches": made.sheet.teaches, "size": made.sheet.size}
        show_json(output, about | {"files": [str(one) for one in made.files], "rows": made.rows, "answered": made.answered, "why": made.words})
        return
    output.print(f"Sheet {made.sheet.sheet_id}: {escape(made.words)}.", soft_wrap=True)
    for rater, rows in made.rows.items():
        output.print(f"  {f'{escape(rater)}: ' if rater else ''}{rows} rows", soft_wrap=True)
    if made.answered:
        output.print(f"  {made.answered} rows are left out, which their raters have answered on another sheet.")
    output.print(f"Wrote {', '.join(escape(str(one)) for one in made.files)}.", soft_wrap=True)
    output.print("The answers will teach." if made.sheet.teaches else "The answers are kept for evaluation: nothing learns from them.")
    output.print(f"When they are filled in: linnaeus review import {name} FILE...{facet_option(facet)}", soft_wrap=True)


@review.command(name="import")
def import_(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="Filled sheets: CSV, the JSON of Label Studio, the JSON or folder of Argilla.")],
    rater: Annotated[str | None, typer.Option(help="Who filled them in, where the sheets do not say or it was somebody else.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Id of the sheet or the beginning of one, where the files do not say.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the files, as cp1252; found by looking when absent.")] = None,
    facet: Facet = MAIN,
    as_json: Json = False,
) -> None:
    """Read filled sheets back: all is checked, what cannot be kept is told with its row and reason."""
    from pipeline.cli.review_shown import report_as_json, show_import
    from pipeline.stages.review_import import import_sheets

    project = facet_project(name, facet)
    found = import_sheets(facet_store(name, facet), project, files, rater=rater, sheet=sheet, encoding=encoding)
    if as_json:
        show_json(output, report_as_json(found))
        return
    show_import(output, found)
    output.print(f"Next: linnaeus review status {name}{facet_option(facet)}", soft_wrap=True)


@review.command()
def status(name: Name, facet: Facet = MAIN, as_json: Json = False) -> None:
    """Show how far raters are, how far they agree, and how often labels are what they say."""
    from pipeline.cli.review_shown import review_state, show_state

    project, store = facet_project(name, facet), facet_store(name, facet)
    state = review_state(store, project)
    if as_json:
        show_json(output, state)
    else:
        show_state(output, name, state)


def raters_of(given: str) -> tuple[str, ...]:
    """Read the names of raters, or make some where only their number is given.

    :raises ReviewError: where a name cannot be part of the name of a file, or comes twice.
    """
    if given.strip().isdecimal():
        return tuple(f"rater-{number}" for number in range(1, int(given) + 1))
    names = [name.strip() for name in given.split(",") if name.strip()]
    bad = [name for name in names if len(name) > LONGEST_NAME or NOT_IN_A_NAME & set(name) or not name.isprintable()]
    if bad:
        raise ReviewError(
            f"{bad[0]!r} cannot be the name of a rater: at most {LONGEST_NAME} characters, none of them of {''.join(sorted(NOT_IN_A_NAME))}"
        )
    if len({name.casefold() for name in names}) < len(names):
        raise ReviewError(f"A rater is named twice in {given!r}; give each name once.")
    return tuple(names)
