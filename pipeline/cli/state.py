"""The commands on the state of a project: forget documents, back up, restore, make room."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli.show import show_json, show_table
from pipeline.cli.terminal import Json, Name, errors, open_store, output
from pipeline.errors import ProjectError
from pipeline.settings import Project
from pipeline.stages import project_state, state_folder
from pipeline.stages.forgetting import Forgotten
from pipeline.state_records import Taught
from pipeline.workspace import find_project, find_workspace

__all__ = ["forget", "state"]

state = typer.Typer(no_args_is_help=True, help="Back up the state of a project, restore it, check a backup, make room.")
SHOWN = 10
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def forget(
    name: Name,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Id of a document; may be given several times.")] = None,
    where: Annotated[str | None, typer.Option(help="Condition of SQL on the table documents.")] = None,
    file: Annotated[Path | None, typer.Option(help="File with an id a line.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be forgotten, and change nothing.")] = False,
    allow_return: Annotated[bool, typer.Option("--allow-return", help="Let the next read of the corpus bring them in again.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove documents and all that was derived from them, everywhere, and name the students that learnt from them."""
    from pipeline.stages.forgetting import find, is_unfinished
    from pipeline.stages.forgetting import forget as forget_them

    project = find_project(name, find_workspace())
    store, wanted = open_store(project), [*(ids or ()), *_ids_in(file)]
    if not wanted and where is None and not is_unfinished(store):
        raise typer.BadParameter("nothing is named; expected --id ID, --where CONDITION or --file FILE")
    found = find(store, ids=wanted, where=where)
    unknown = sorted(set(wanted) - set(found.doc_ids))
    if not as_json:
        _show_found(found.doc_ids, len(found.gone), len(found.shared), unknown)
    if dry_run or (found.doc_ids and not yes and not typer.confirm("Forget them? This cannot be undone.", err=True)):
        if as_json:
            show_json(output, {"documents": found.doc_ids, "texts": len(found.gone), "shared": len(found.shared), "unknown": unknown})
        if not dry_run:
            raise typer.Exit(1)
        return
    done = forget_them(store, found, ids=wanted, returning=allow_return, beside=_beside(project))
    if as_json:
        show_json(output, _as_json(done) | {"unknown": unknown})
    else:
        _show_done(done, name)


@state.command()
def backup(name: Name, folder: Annotated[Path, typer.Argument(metavar="TO", help="Folder to make.")], as_json: Json = False) -> None:
    """Copy the tables and students of a project into a new folder, also while a run is writing."""
    from pipeline.store.backups import make_backup, verify_backup

    project = find_project(name, find_workspace())
    made = make_backup(open_store(project), folder, project=project.name)
    verify_backup(made)
    if as_json:
        show_json(output, {"folder": str(folder), "bytes": made.bytes, "documents": made.documents, "files": len(made.files), "notes": made.notes})
        return
    output.print(f"Wrote and checked {len(made.files)} files of {_megabytes(made.bytes)}, with {made.documents} documents: {escape(str(folder))}")
    for note in made.notes:
        errors.print(f"[yellow]look[/yellow]  {escape(note)}; run the project to train it again, and back up once more", soft_wrap=True)


@state.command()
def verify(folder: Annotated[Path, typer.Argument(metavar="FROM", help="Folder of a backup.")]) -> None:
    """Check that a backup is whole and can be restored by this version."""
    from pipeline.store.backups import read_backup, verify_backup

    found = read_backup(folder)
    verify_backup(found)
    output.print(
        f"{escape(str(folder))} is whole: project {found.project}, made {found.made_at} by linnaeus {found.linnaeus}, {found.documents} documents."
    )


@state.command()
def restore(name: Name, folder: Annotated[Path, typer.Argument(metavar="FROM", help="Folder of a backup.")], yes: Yes = False) -> None:
    """Put a backup in the place of a project's tables and students, and keep the former ones aside."""
    from pipeline.stages.restoring import restore_state
    from pipeline.store.backups import read_backup, verify_backup

    project, found = find_project(name, find_workspace()), read_backup(folder)
    if found.project != project.name:
        raise ProjectError(f"{folder} is a backup of project {found.project!r}, not of {project.name!r}; name that project.")
    verify_backup(found)
    question = f"Put the state of {found.made_at} with {found.documents} documents in the place of the present one?"
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(1)
    done = restore_state(found, project_state(project))
    output.print(f"Restored {found.documents} documents as of {found.made_at}.")
    if done.former is not None:
        output.print(f"The former state is kept in {escape(str(done.former))}; remove it when you need it no more.", soft_wrap=True)
    if done.forgotten:
        output.print(f"{done.forgotten} documents that were forgotten since then were forgotten again.")
    if done.marks_lost:
        errors.print("[yellow]look[/yellow]  the former tables could not be read: forget again what was forgotten since the backup", soft_wrap=True)


@state.command()
def vacuum(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and change nothing.")] = False,
    old_students: Annotated[bool, typer.Option("--students", help="Remove the files of students neither in use nor in use before.")] = False,
) -> None:
    """Write the tables anew without the room of deleted rows, and remove what is not needed any more."""
    from pipeline.stages.vacuuming import vacuum_state

    store = open_store(find_project(name, find_workspace()))
    done = vacuum_state(store, dry_run=dry_run, old_students=old_students)
    verb = "Would remove" if dry_run else "Removed"
    if done.removed:
        rows = [(str(path.relative_to(store.folder)), size, what) for path, size, what in done.removed]
        show_table(output, ["path", "bytes", "what"], rows, title=f"{verb} {_megabytes(sum(size for _, size, _ in done.removed))}")
    if dry_run:
        output.print(f"The tables take {_megabytes(done.before)}.")
    else:
        output.print(f"The tables took {_megabytes(done.before)} and take {_megabytes(done.after)}.")


def _ids_in(file: Path | None) -> list[str]:
    if file is None:
        return []
    return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def _beside(project: Project) -> list[Path]:
    """List what lies beside the projects in the state: the history of runs, logs."""
    root = state_folder(project.folder.parent)
    found = [path for path in sorted(root.iterdir()) if path.is_dir() and path.name != "projects"]
    elsewhere = os.environ.get("LINNAEUS_DAGSTER_STATE")
    return [*found, Path(elsewhere)] if elsewhere and Path(elsewhere).is_dir() else found


def _show_found(doc_ids: Sequence[str], gone: int, shared: int, unknown: Sequence[str]) -> None:
    if doc_ids:
        listed = ", ".join(doc_ids[:SHOWN]) + (f" and {len(doc_ids) - SHOWN} more" if len(doc_ids) > SHOWN else "")
        also = f"; {shared} of the texts are also those of other documents, and stay" if shared else ""
        output.print(f"{len(doc_ids)} documents with {gone} texts of their own: {escape(listed)}{also}", soft_wrap=True)
    if unknown:
        listed = ", ".join(unknown[:SHOWN]) + (f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else "")
        output.print(
            f"{len(unknown)} ids are not in the tables, because they were never read or are forgotten already: {escape(listed)}", soft_wrap=True
        )


def _show_done(done: Forgotten, name: str) -> None:
    erased = done.erased
    if erased is not None:
        show_table(output, ["table", "rows removed or blanked"], list(erased.rows.items()), title=f"Forgot {erased.documents} documents")
        _show_students(erased.students, name)
    if done.allowed:
        output.print(f"{done.allowed} marks that kept documents out are gone: the next read of the corpus may bring them in again.")
    output.print(f"The tables were written anew: {_megabytes(done.bytes_before)} before, {_megabytes(done.bytes_after)} after.")
    for left in done.leftovers:
        errors.print(f"[yellow]look[/yellow]  {escape(str(left.path))} {escape(left.why)}", soft_wrap=True)
    for copy in done.copies:
        errors.print(f"[yellow]look[/yellow]  {escape(str(copy))} is a copy of before and was not changed; remove it or make it anew", soft_wrap=True)
    if erased is not None and not done.leftovers:
        output.print("No file of the state holds the texts any more. Exports, the corpus itself and logs of model servers are not the state's.")


def _show_students(students: Sequence[Taught], name: str) -> None:
    for one in students:
        how = "may have learnt from them" if one.part == "unknown" else f"learnt from them ({one.part})"
        output.print(f"{one.classifier_id} {how}{', and is in use' if one.in_use else ''}.", soft_wrap=True)
    if not students:
        return
    output.print(f"linnaeus run {name} trains one without them. Where it is kept out of use: linnaeus students promote {name} ID", soft_wrap=True)
    output.print(f"Then remove the files of the others: linnaeus state vacuum {name} --students", soft_wrap=True)


def _as_json(done: Forgotten) -> dict[str, Any]:
    erased = done.erased
    return {
        "documents": erased.documents if erased else 0, "texts": erased.texts if erased else 0, "rows": dict(erased.rows) if erased else {},
        "students": [{"classifier_id": one.classifier_id, "part": one.part, "in_use": one.in_use} for one in erased.students] if erased else [],
        "bytes_before": done.bytes_before, "bytes_after": done.bytes_after, "allowed": done.allowed,
        "leftovers": [{"path": str(left.path), "why": left.why} for left in done.leftovers], "copies": [str(copy) for copy in done.copies],
    }  # fmt: skip


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
