"""The command that asks a project's tables."""

import sys
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from pipeline.cli.terminal import Facet, Json, Name, errors, published_store
from pipeline.errors import ProjectError
from pipeline.settings import MAIN
from pipeline.store.published import Rows
from pipeline.store.querying import RELATIONS, Querying, querying

__all__ = ["sql"]

STREAM = Path("-")
Form = Literal["table", "csv", "json", "jsonl", "parquet"]
FORMS: tuple[Form, ...] = get_args(Form)


def sql(
    name: Name,
    query: Annotated[str | None, typer.Argument(help="SQL that reads, one statement or several; - or nothing: standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the SQL from this file.")] = None,
    form: Annotated[Form | None, typer.Option("--format", help="Form of the rows; by the ending of --out when absent, else a table.")] = None,
    out: Annotated[Path, typer.Option(help="File to write the rows to; - is standard output.")] = STREAM,
    limit: Annotated[int | None, typer.Option(min=1, help="Most rows; a table has 1000 unless told, everything else has all.")] = None,
    tables: Annotated[bool, typer.Option("--tables", help="List the tables and views instead.")] = False,
    describe: Annotated[str | None, typer.Option(metavar="TABLE", help="List the columns of a table or view instead.")] = None,
    facet: Facet = MAIN,
    as_json: Json = False,
) -> None:
    """Query a project's tables and views, also while it runs; nothing can be changed by it."""
    chosen = _form_of("json" if as_json else form, out)
    store = published_store(name, facet)
    with querying(store.published, facet=store.facet) as asking:
        if tables:
            statements = [RELATIONS]
        elif describe is not None:
            statements = [asking.describe(describe)]
        else:
            statements = asking.statements(_text(query, file))
        if not statements:
            raise typer.BadParameter('there is no SQL; expected linnaeus sql NAME "select ...", --file FILE, or SQL on standard input')
        if chosen == "table":
            _show(asking, statements, limit)
        else:
            _write(asking, statements, chosen, out, limit)


def _form_of(form: Form | None, out: Path) -> Form:
    """Choose the form of the rows: the one asked for, that of the file's ending, or a table."""
    if out == STREAM:
        if form == "parquet" and sys.stdout.isatty():
            raise typer.BadParameter("Parquet is no text, and standard output is a terminal; give --out FILE.parquet")
        return form or "table"
    ending = out.suffix.lower().removeprefix(".")
    fitting: list[Form] = [one for one in FORMS[1:] if one == (form or ending)]
    if not fitting:
        raise typer.BadParameter(
            f"cannot write {out} as {form or ending or 'nothing'}; expected --out with .csv, .json, .jsonl or .parquet, or --format"
        )
    return fitting[0]


def _text(query: str | None, file: Path | None) -> str:
    """Take the SQL from the argument, a file or standard input."""
    if file is not None and query is not None:
        raise typer.BadParameter("expected SQL or --file FILE, one of the two")
    if file is not None:
        if not file.is_file():
            raise ProjectError(f"There is no file {file}.")
        return file.read_text(encoding="utf-8")
    if query is not None and query != str(STREAM):
        return query
    if query is None and sys.stdin.isatty():
        return ""
    return sys.stdin.read()


def _show(asking: Querying, statements: list[str], limit: int | None) -> None:
    """Show the rows of each statement that gives any as a table."""
    from pipeline.cli.results import show_values

    for statement in statements:
        found = asking.values(statement)
        if found is not None:
            show_values(found, limit=limit)


def _write(asking: Querying, statements: list[str], form: Form, out: Path, limit: int | None) -> None:
    """Run all statements, and write the rows of the last one."""
    from pipeline.cli.results import destination, write_csv, write_json, write_json_lines, write_parquet

    *before, last = statements
    for statement in before:
        asking.values(statement)
    found = asking.json(last) if form in ("json", "jsonl") else asking.arrow(last)
    if found is None:
        raise ProjectError(f"The last statement gives no rows to write: {last}")
    with destination(out) as target:
        match found:
            case Rows() if form == "csv":
                write_csv(found, target, limit=limit)
            case Rows():
                write_parquet(found, target, limit=limit)
            case _:
                (write_json if form == "json" else write_json_lines)(found, target, limit=limit)
    if out != STREAM:
        errors.print(f"Wrote {out}.", soft_wrap=True, markup=False)
