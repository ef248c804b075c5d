"""The commands on taxonomies: look at versions, write one to a file, apply an edited file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.cli.progress import ConsoleProgress
from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Facet, Json, Name, errors, facet_option, facet_project, facet_store, output, short_id
from pipeline.errors import ProjectError
from pipeline.records import Taxonomy
from pipeline.settings import MAIN
from pipeline.stages import open_session

__all__ = ["taxonomy"]

LONGEST_TEXT = 100  # characters of an example that are shown
CARD = ("cues", "exclusions", "examples", "near_misses")
taxonomy = typer.Typer(no_args_is_help=True, help="Look at taxonomies, write one to a file, apply an edited file.")
VersionId = Annotated[str | None, typer.Option("--version", help="Id of a version or the beginning of one; the current one when absent.")]


@taxonomy.command()
def show(name: Name, version: VersionId = None, facet: Facet = MAIN, as_json: Json = False) -> None:
    """Show a taxonomy: its tree with counts, and the card of each category."""
    from pipeline.stages.taxonomy_history import category_rows, find_version

    store = facet_store(name, facet)
    found = find_version(store, version)
    rows = category_rows(store, found)
    if as_json:
        about = {key: getattr(found, key) for key in ("taxonomy_id", "stage", "step", "parent_id", "use_case", "method", "facet", "guide", "note")}
        show_json(output, about | {"categories": rows})
    else:
        _show_tree(output, found, rows)
        _show_cards(output, rows)
        if found.guide:
            output.print(f"[bold]How to label by it[/bold]\n{escape(found.guide)}", soft_wrap=True)


@taxonomy.command()
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="File to write; its ending says the format: .csv, .yaml, .json, .ttl, .rdf or .jsonld.")],
    version: VersionId = None,
    facet: Facet = MAIN,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there already.")] = False,
) -> None:
    """Write a taxonomy to a file that can be edited and applied."""
    from pipeline.stages.taxonomy_edits import export_taxonomy

    written = export_taxonomy(facet_store(name, facet), file, version=version, replacing=force)
    output.print(f"Wrote {len(written.categories)} categories of {short_id(written.taxonomy_id)} to {escape(str(file))}.", soft_wrap=True)
    output.print(f"Edit it, then: linnaeus taxonomy apply {name} {escape(str(file))}{facet_option(facet)}", soft_wrap=True)


@taxonomy.command(name="apply")
def apply_(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The edited file.")],
    facet: Facet = MAIN,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show what an edited file changes in the current taxonomy, and make it the current one."""
    from pipeline.stages.taxonomy_edits import apply_file, make_current
    from pipeline.stages.taxonomy_history import change_rows

    project = facet_project(name, facet)
    with open_session(project, progress=ConsoleProgress(errors)) as session:
        view = session.view(facet)
        applied = apply_file(view, file)
        for note in applied.notes:
            errors.print(escape(note), soft_wrap=True)
        made = applied.version
        question = "Make this the current taxonomy?"
        if made.changes:
            edited = f"What {file.name} changes in" if applied.before else f"{file.name} would be the first taxonomy of"
            title = f"{edited} {short_id(applied.before.taxonomy_id) if applied.before else name}"
            _show_changes(output, title, change_rows(applied.before, made.taxonomy, made.changes))
        else:
            output.print(f"{escape(str(file))} changes nothing in {short_id(made.taxonomy.taxonomy_id)}.", soft_wrap=True)
            if applied.kept:
                return
            question = "The project has changed since that was made, so that a run would make another taxonomy. Keep this one?"
        if not yes and not typer.confirm(question, err=True):
            output.print("Nothing was changed.")
            raise typer.Exit(1)
        make_current(view, applied)
    output.print(f"{short_id(made.taxonomy.taxonomy_id)} is the current taxonomy now. Next: linnaeus run {name} labels by it.", soft_wrap=True)


@taxonomy.command()
def propose(name: Name, facet: Facet = MAIN, as_json: Json = False) -> None:
    """Make a taxonomy from the corpus as it is now, and show what it would change; the current one stays."""
    from pipeline.stages.proposal import propose as make_proposal
    from pipeline.stages.taxonomy_history import change_rows

    with open_session(facet_project(name, facet), progress=ConsoleProgress(errors)) as session:
        found = make_proposal(session.view(facet))
    rows = change_rows(found.present, found.version, found.changes)
    if as_json:
        about = {"present": found.present.taxonomy_id, "proposed": found.version.taxonomy_id if rows else None, "new": found.is_new}
        show_json(output, about | {"moved": found.moved, "counted": found.counted, "changes": rows, "command": found.command if rows else None})
        return
    output.print(escape(found.words), soft_wrap=True)
    if rows:
        _show_changes(output, f"What it would change in {short_id(found.present.taxonomy_id)}", rows)
        output.print(f"To put it in place: {found.command}", soft_wrap=True)


@taxonomy.command()
def use(
    name: Name,
    version: Annotated[str, typer.Argument(help="Id of a version or the beginning of one, as `linnaeus taxonomy history` lists them.")],
    facet: Facet = MAIN,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show what a proposed or an earlier version changes in the current taxonomy, and make it the current one."""
    from pipeline.stages.proposal import version_to_use
    from pipeline.stages.taxonomy_edits import make_current
    from pipeline.stages.taxonomy_history import change_rows

    with open_session(facet_project(name, facet), progress=ConsoleProgress(errors)) as session:
        view = session.view(facet)
        applied, changes = version_to_use(view, version)
        made = applied.version.taxonomy
        if applied.before is not None and applied.kept and applied.before.taxonomy_id == made.taxonomy_id:
            output.print(f"{short_id(made.taxonomy_id)} is the current taxonomy already.")
            return
        _show_changes(output, f"What {short_id(made.taxonomy_id)} changes", change_rows(applied.before, made, changes))
        if not yes and not typer.confirm("Make this the current taxonomy?", err=True):
            output.print("Nothing was changed.")
            raise typer.Exit(1)
        make_current(view, applied)
    output.print(f"{short_id(made.taxonomy_id)} is the current taxonomy now. Next: linnaeus run {name} labels by it.", soft_wrap=True)


@taxonomy.command()
def diff(
    name: Name,
    first: Annotated[str | None, typer.Argument(metavar="[A]", help="Id of a version or the beginning of one; the parent of B when absent.")] = None,
    second: Annotated[str | None, typer.Argument(metavar="[B]", help="The version to hold against it; the current one when absent.")] = None,
    facet: Facet = MAIN,
    as_json: Json = False,
) -> None:
    """Show the edits that lead from one version to another."""
    from pipeline.stages.taxonomy_history import change_rows, compared

    before, after, changes = compared(facet_store(name, facet), first, second)
    rows = change_rows(before, after, changes)
    if as_json:
        show_json(output, {"before": before.taxonomy_id or None, "after": after.taxonomy_id, "changes": rows})
    elif rows:
        _show_changes(output, f"From {short_id(before.taxonomy_id) or 'nothing'} to {short_id(after.taxonomy_id)}", rows)
    else:
        output.print(f"{short_id(before.taxonomy_id)} and {short_id(after.taxonomy_id)} have the same categories.")


@taxonomy.command()
def history(name: Name, facet: Facet = MAIN, as_json: Json = False) -> None:
    """List all versions in the order of their making."""
    from pipeline.stages.taxonomy_history import version_rows

    rows = version_rows(facet_store(name, facet))
    if as_json:
        show_json(output, rows)
        return
    columns = ["", "version", "stage", "step", "pass", "categories", "rating", "made (UTC)", "parent", "note"]
    shown = [
        (
            "*" if row["current"] else "", short_id(row["taxonomy_id"]), row["stage"], row["step"], row["candidate"] + 1, row["categories"],
            row["rating"], f"{row['made_at']:%Y-%m-%d %H:%M}", short_id(row["parent_id"] or ""), row["note"],
        )
        for row in rows
    ]  # fmt: skip
    _show_title(output, f"Versions of the taxonomy of {name}; * is the current one")
    show_table(output, columns, shown)


@taxonomy.command()
def compare(
    name: Name,
    method: Annotated[list[str] | None, typer.Option(help="Only this method: tnt, clusters or topics; may be given several times.")] = None,
    facet: Facet = MAIN,
    as_json: Json = False,
) -> None:
    """Make a taxonomy by each method on the project's own sample, and hold them against one another; none becomes current."""
    from pipeline.stages.compare import METHODS
    from pipeline.stages.compare import compare as hold_against

    if unknown := set(method or ()) - set(METHODS):
        raise ProjectError(f"There is no method {', '.join(sorted(unknown))} to compare; the methods are {', '.join(METHODS)}.")
    with open_session(facet_project(name, facet), progress=ConsoleProgress(errors)) as session:
        found = hold_against(session.view(facet), method or METHODS)
    rows = [
        {"method": one.taxonomy.method, "categories": len(one.taxonomy.categories)}
        | {measure.metric: measure.value for measure in one.measures}
        | {"calls": one.calls, "tokens in": one.tokens_in, "tokens out": one.tokens_out, "version": short_id(one.taxonomy.taxonomy_id)}
        for one in found
    ]
    if as_json:
        show_json(output, rows)
        return
    for one in found:
        _show_title(output, f"{one.taxonomy.method}: {', '.join(one.taxonomy.names())}")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    show_table(output, [column.replace("_", " ") for column in columns], [[row.get(column) for column in columns] for row in rows])


def _show_tree(console: Console, found: Taxonomy, rows: Sequence[dict[str, Any]]) -> None:
    counted = any(row["documents"] is not None for row in rows)
    columns = ["category", "status", "cited", *(["documents"] if counted else []), "description"]
    shown = [
        ("  " * row["depth"] + row["name"], row["status"], row["cited"], *([row["documents"]] if counted else []), row["description"]) for row in rows
    ]
    _show_title(console, f"{found.taxonomy_id} ({found.stage}): {found.use_case}")
    show_table(console, columns, shown)


def _show_cards(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        if any(row[key] for key in CARD):
            console.print(f"[bold]{escape(row['name'])}[/bold]", soft_wrap=True)
            for key in CARD:
                for place, value in enumerate(row[key]):
                    console.print(f"  [dim]{key.replace('_', ' ') if place == 0 else '':<12}[/dim] {escape(_line(value))}", soft_wrap=True)


def _show_changes(console: Console, title: str, rows: Sequence[dict[str, Any]]) -> None:
    shown = [(row["change"], *_from_and_to(row), _cited(row["cited_before"], row["cited_after"]), row["reason"]) for row in rows]
    _show_title(console, title)
    show_table(console, ["change", "category", "from", "to", "cited", "why"], shown)


def _show_title(console: Console, title: str) -> None:
    """Write a title above a table on one line, also where the table is narrower."""
    console.print(f"[bold]{escape(title)}[/bold]", soft_wrap=True)


def _from_and_to(row: dict[str, Any]) -> tuple[str, str, str]:
    """Give the category of a change, and what it leads from and to where that is something else."""
    name, before, after = row["category"], row["before"], row["after"]
    return {
        "rename": (before, "", after),
        "merge": (name, "", after),
        "split": (name, before, ""),
        "move": (name, before or "the top", after or "the top"),
    }.get(row["change"], (name, "", ""))


def _cited(before: int | None, after: int | None) -> str:
    return f"{before or 0}" if (before or 0) == (after or 0) else f"{before or 0} → {after or 0}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
