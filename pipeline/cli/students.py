"""The commands on students: list the versions, look at one, compare two, take one into use or go back."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli.progress import ConsoleProgress
from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Facet, Json, Name, errors, facet_option, facet_project, facet_store, output, short_id
from pipeline.settings import MAIN
from pipeline.stages import Session, open_session
from pipeline.student_records import Promotion

__all__ = ["students"]

students = typer.Typer(no_args_is_help=True, help="Look at the students of a project, compare two, choose which one is in use.")
StudentId = Annotated[str, typer.Argument(metavar="ID", help="Id of a student or the beginning of one, with or without student:.")]


@students.command(name="list")
def list_(name: Name, facet: Facet = MAIN, as_json: Json = False) -> None:
    """List all students, the latest trained first."""
    from pipeline.stages.student_history import student_rows

    rows = student_rows(facet_store(name, facet))
    if as_json:
        show_json(output, rows)
    elif rows:
        columns = ["", "student", "trained (UTC)", "labels", "candidate", "agreement", "95 % interval", "coverage", "taxonomy"]
        output.print(f"[bold]Students of {escape(name)}{escape(facet_option(facet))}; * is in use[/bold]", soft_wrap=True)
        show_table(output, columns, [_line(row) for row in rows])
    else:
        output.print(f"There is no student yet; linnaeus run {escape(name)} trains one.", soft_wrap=True)


@students.command()
def show(name: Name, student: StudentId, facet: Facet = MAIN, as_json: Json = False) -> None:
    """Show a student: the candidates that were tried, why it was chosen, what was decided of it, and where it lies."""
    from pipeline.stages.student_history import find_student, student_details

    store = facet_store(name, facet)
    about = student_details(store, find_student(store, student))
    if as_json:
        show_json(output, about)
        return
    said = "in use" if about["in_use"] else "not in use"
    version = "the present version" if about["of_present_taxonomy"] else "not the present version"
    output.print(f"[bold]{about['classifier_id']}[/bold]: {said}, learnt from {about['trained_on']} labelled documents", soft_wrap=True)
    output.print(f"taxonomy {short_id(about['taxonomy_id'])} ({version}), embedder {escape(about['embedder_id'])}", soft_wrap=True)
    if about["reason"]:
        output.print(escape(about["reason"]), soft_wrap=True)
    trials = [
        ("*" if one["chosen"] else "", one["candidate"], one["agreement"], _interval(one), one["n"], one["macro_f1"], one["log_loss"], one["seconds"])
        for one in about["trials"]
    ]
    columns = ["", "candidate", "agreement", "95 % interval", "n", "macro-F1", "log loss", "seconds"]
    if trials:
        show_table(output, columns, trials, title="Candidates; * was chosen")
    decided = [
        (f"{row['decided_at']:%Y-%m-%d %H:%M}", "in use" if row["promoted"] else "kept out", short_id(row["classifier_id"]),
         short_id(row["previous_id"] or ""), row["decided_by"], row["reason"])
        for row in about["decisions"]
    ]  # fmt: skip
    if decided:
        show_table(output, ["decided (UTC)", "", "student", "before", "by", "why"], decided, title="Decisions")
    output.print(f"model card: {escape(about['card'])}", soft_wrap=True)


@students.command()
def compare(
    name: Name,
    first: Annotated[str, typer.Argument(metavar="A", help="Id of a student or the beginning of one: the old one.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The student to hold against it: the new one.")],
    facet: Facet = MAIN,
    as_json: Json = False,
) -> None:
    """Compare two students on the same documents that neither learnt from, with a paired test; nothing is changed."""
    from pipeline.stages.promotion import compare as compare_two
    from pipeline.stages.student_history import find_student

    store = facet_store(name, facet)
    old, new = find_student(store, first).classifier_id, find_student(store, second).classifier_id
    with _session(name, facet) as session:
        found = compare_two(session, old, new)
    if as_json:
        show_json(output, {"old_id": old, "new_id": new, **asdict(found), "worse": found.worse})
        return
    output.print(f"old: {old}\nnew: {new}", soft_wrap=True)
    output.print(escape(found.words), soft_wrap=True)
    output.print("The new one is worse by more than chance." if found.worse else "The new one is not worse by more than chance.")


@students.command()
def promote(name: Name, student: StudentId, facet: Facet = MAIN) -> None:
    """Take a student into use; the rule leaves it there until there is a newer one."""
    from pipeline.stages.promotion import promote as take_into_use
    from pipeline.stages.student_history import find_student

    found = find_student(facet_store(name, facet), student)
    with _session(name, facet) as session:
        _show_promoted(session, take_into_use(session, found.classifier_id))


@students.command()
def rollback(name: Name, facet: Facet = MAIN) -> None:
    """Take the student into use again that was in use before; once more goes back further."""
    from pipeline.stages.promotion import roll_back

    facet_store(name, facet)
    with _session(name, facet) as session:
        _show_promoted(session, roll_back(session))


@students.command()
def card(
    name: Name,
    student: Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of a student or the beginning of one; that in use when absent.")] = None,
    facet: Facet = MAIN,
) -> None:
    """Print the model card of a student, in Markdown."""
    from pipeline.stages.student_history import find_student, read_card

    store = facet_store(name, facet)
    output.file.write(read_card(store, find_student(store, student)))


def _session(name: str, facet: str) -> Session:
    return open_session(facet_project(name, facet), progress=ConsoleProgress(errors)).view(facet)


def _show_promoted(session: Session, made: Promotion) -> None:
    """Say which student is in use, and what a run has yet to do for it."""
    missing = session.store.count_pending("predictions", {"classifier_id": made.classifier_id})
    instead = f" in place of {made.previous_id}" if made.previous_id else ""
    output.print(f"{made.classifier_id} is in use now{instead}.", soft_wrap=True)
    again = f"linnaeus run {session.project.name}"
    if missing:
        output.print(f"{missing} of {session.store.counts()['texts']} texts have no prediction by it yet, and show none in the views: {again}")
    else:
        output.print(f"Its predictions are all there, and the views show them. The figures are still those of the one before: {again}")


def _line(row: dict[str, Any]) -> Sequence[Any]:
    made = "" if row["trained_at"] is None else f"{row['trained_at']:%Y-%m-%d %H:%M}"
    version = short_id(row["taxonomy_id"]) + ("" if row["of_present_taxonomy"] else " (not the present one)")
    return (
        "*" if row["in_use"] else "", short_id(row["classifier_id"]), made, row["trained_on"], row["candidate"], row["agreement"],
        _interval(row), row["coverage"], version,
    )  # fmt: skip


def _interval(row: dict[str, Any]) -> str:
    return "" if row["low"] is None or row["high"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
