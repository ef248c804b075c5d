"""Copies of a project's state: the tables and the students at one moment, with a manifest by which each byte can be checked.

A backup is a folder that appears whole or not at all. Restoring one keeps the former state aside, and never leaves the project
without tables: the restored file takes the place of the former one in one step.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipeline import __version__
from pipeline.errors import StoreError
from pipeline.ids import canonical_json
from pipeline.state_records import Backup, BackupFile
from pipeline.store.compaction import folder_size
from pipeline.store.publishing import copy_file
from pipeline.store.schema import applied_migrations, known_migrations
from pipeline.store.store import Store
from pipeline.store.tables import TABLES, arrow_table, replace_rows
from pipeline.store.warehouse import Warehouse
from pipeline.store.writes import now

__all__ = ["MANIFEST", "former_states", "make_backup", "read_backup", "restore_backup", "verify_backup"]

MANIFEST, TABLES_FILE, FORMER = "manifest.json", "warehouse.duckdb", "former"
FORMAT = 1  # raise it whenever a backup made before could not be read any more
AGAIN = "Nothing was changed; use another backup."


def make_backup(store: Store, folder: Path, *, project: str) -> Backup:
    """Copy the tables and the students of a store into a new folder; others wait while the tables are copied.

    :raises StoreError: where the folder is there already, or the disk has no room.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} is there already and is not empty; name a folder that is not there yet.")
    partial = folder.with_name(f".{folder.name}.partial")
    with store.translated():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _check_room(store, partial)
        try:
            migrations, documents, students = _copy_tables(store, partial)
            notes = [note for path, sha256 in students if (note := _copy_student(store.folder, partial, path, sha256))]
            made_at = datetime.now(UTC).isoformat(timespec="seconds")
            backup = Backup(folder, project, made_at, __version__, migrations, documents, list(_files(partial)), notes)
            _write_manifest(partial, backup)
            if folder.exists():
                folder.rmdir()
            os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    table = TABLES["backups"]
    row = {"path": str(folder.resolve()), "bytes": backup.bytes, "documents": documents, "schema_number": backup.schema_number, "made_at": now()}
    with store.writer() as connection:
        replace_rows(connection, table, arrow_table(table, [row]))
    store.publish()
    return backup


def read_backup(folder: Path) -> Backup:
    """Read the manifest of a backup.

    :raises StoreError: where there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        written = json.loads(path.read_bytes())
        if written["format"] != FORMAT:
            raise StoreError(f"{folder} is a backup of format {written['format']}; expected {FORMAT}. Use the version of linnaeus that made it.")
        if written["sha256"] != _digest(written):
            raise StoreError(f"{path} is not as it was written: its sha256 is another. {AGAIN}")
        files = [BackupFile(**file) for file in written["files"]]
        migrations = {int(number): digest for number, digest in written["migrations"].items()}
        about = {key: written[key] for key in ("project", "made_at", "linnaeus", "documents", "notes")}
        return Backup(folder=folder, migrations=migrations, files=files, **about)
    except FileNotFoundError as error:
        raise StoreError(f"{folder} is no backup: it has no {MANIFEST}. `linnaeus state backup` makes one.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} cannot be read as the manifest of a backup: {error!r}. {AGAIN}") from error


def verify_backup(backup: Backup) -> None:
    """Check that a backup is whole, that its tables open, and that this version of linnaeus knows its schema.

    :raises StoreError: with each file that is missing or damaged, or because the backup is of a newer or another version.
    """
    known = {migration.number: migration.sha256 for migration in known_migrations()}
    if newer := sorted(set(backup.migrations) - set(known)):
        raise StoreError(
            f"{backup.folder} has schema {newer[-1]} and this version of linnaeus knows schemas up to {max(known)};"
            f" update linnaeus (it was made by {backup.linnaeus}). Nothing was changed."
        )
    if other := [number for number, digest in backup.migrations.items() if known[number] != digest]:
        raise StoreError(f"{backup.folder} was made with another text of migration {other[0]}; use linnaeus {backup.linnaeus}. Nothing was changed.")
    if wrong := [fault for file in backup.files if (fault := _fault(backup.folder, file))]:
        raise StoreError(f"{backup.folder} is damaged: {'; '.join(wrong[:10])}. {AGAIN}")
    if TABLES_FILE not in {file.path for file in backup.files}:
        raise StoreError(f"{backup.folder} holds no {TABLES_FILE}. {AGAIN}")
    try:
        with contextlib.closing(duckdb.connect(str(backup.folder / TABLES_FILE), read_only=True)) as connection:
            found = connection.execute("select count(*) from documents").fetchall()[0][0]
    except duckdb.Error as error:
        raise StoreError(f"{backup.folder / TABLES_FILE} cannot be opened: {error}. {AGAIN}") from error
    if found != backup.documents:
        raise StoreError(f"{backup.folder / TABLES_FILE} holds {found} documents; expected {backup.documents}. {AGAIN}")


def restore_backup(backup: Backup, folder: Path, *, lock_seconds: float = 300.0) -> Path | None:
    """Put a backup in the place of a project's state.

    :param folder: that of the state.
    :return: the folder in which the former state is kept; None where there was none.
    :raises StoreError: where the backup is damaged or newer, the disk is full, or the copy went wrong; the state is as it was then.
    """
    verify_backup(backup)
    store = Warehouse(folder, lock_seconds=lock_seconds)
    staged = folder / f".restoring.{os.getpid()}"
    former = folder / FORMER / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    with store.translated():
        staged.mkdir(parents=True)
        try:
            _stage(backup, staged)
            with store._locked("write"):
                _keep_former(store, former)
                for file in backup.files:
                    if file.path != TABLES_FILE:
                        _place(staged / file.path, folder / file.path, former / file.path)
                os.replace(staged / TABLES_FILE, store.path)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    Store.open(folder, lock_seconds=lock_seconds).publish()
    return former if former.exists() else None


def former_states(folder: Path) -> list[tuple[Path, int]]:
    """List the states that were kept aside by restores, with their bytes."""
    return [(path, folder_size(path)) for path in sorted((folder / FORMER).glob("*")) if path.is_dir()]


def _copy_tables(store: Store, partial: Path) -> tuple[Mapping[int, str], int, list[tuple[str, str]]]:
    """Copy the file of the tables as it is after the last commit; give its migrations, its number of documents and its students."""
    with store._locked("write") as patience:
        with store._attached("write", patience) as connection:
            connection.execute("checkpoint")
            migrations = applied_migrations(connection)
            documents = connection.execute("select count(*) from documents").fetchall()[0][0]
            students = connection.execute("select path, sha256 from classifiers order by path").fetchall()
        copy_file(store.path, partial / TABLES_FILE)
    return migrations, int(documents), students


def _copy_student(state: Path, partial: Path, path: str, sha256: str) -> str | None:
    """Copy the folder of a student; say what is wrong where it is not whole, and leave it out where it is not there."""
    source = state / path
    if not source.is_dir():
        return f"{path} is not there"
    shutil.copytree(source, partial / path, dirs_exist_ok=True)
    model = partial / path / "model.skops"
    return None if model.exists() and _sha256(model) == sha256 else f"{path} is damaged"


def _files(folder: Path) -> Iterator[BackupFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield BackupFile(path.relative_to(folder).as_posix(), path.stat().st_size, _sha256(path))


def _write_manifest(partial: Path, backup: Backup) -> None:
    content: dict[str, Any] = {"format": FORMAT, **asdict(backup), "migrations": {str(number): one for number, one in backup.migrations.items()}}
    del content["folder"]
    written = json.dumps({**content, "sha256": _digest(content)}, indent=2, ensure_ascii=False)
    (partial / MANIFEST).write_text(written + "\n", encoding="utf-8")
    for path in partial.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json({key: value for key, value in content.items() if key != "sha256"}).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _fault(folder: Path, file: BackupFile) -> str | None:
    path = folder / file.path
    if Path(file.path).is_absolute() or ".." in Path(file.path).parts:
        return f"{file.path} lies outside it"
    if not path.is_file():
        return f"{file.path} is missing"
    if path.stat().st_size != file.bytes:
        return f"{file.path} has {path.stat().st_size} bytes, expected {file.bytes}"
    return None if _sha256(path) == file.sha256 else f"{file.path} has another sha256"


def _stage(backup: Backup, staged: Path) -> None:
    """Copy a backup onto the disk of the state, and check the copy."""
    for file in backup.files:
        target = staged / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(backup.folder / file.path, target)
        if fault := _fault(staged, file):
            raise StoreError(f"The copy of {backup.folder} went wrong: {fault}. Nothing was changed; look at the disk and run again.")


def _keep_former(store: Warehouse, former: Path) -> None:
    """Keep the former tables under a second name; they stay in use until the restored file replaces them."""
    if not store.path.exists():
        return
    former.mkdir(parents=True)
    with contextlib.suppress(duckdb.Error, OSError), contextlib.closing(duckdb.connect(str(store.path))) as connection:
        connection.execute("checkpoint")  # a damaged file is kept as it is
    try:
        os.link(store.path, former / store.path.name)
    except OSError:  # a file system without second names
        copy_file(store.path, former / store.path.name)
    if store.write_ahead.exists():
        os.replace(store.write_ahead, former / store.write_ahead.name)


def _place(staged: Path, target: Path, former: Path) -> None:
    if target.exists():
        if _sha256(target) == _sha256(staged):
            return
        former.parent.mkdir(parents=True, exist_ok=True)
        os.replace(target, former)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(staged, target)


def _check_room(store: Store, partial: Path) -> None:
    wanted = store.path.stat().st_size + folder_size(store.folder / "classifiers")
    free = shutil.disk_usage(partial).free
    if free < wanted:
        partial.rmdir()
        raise StoreError(
            f"A backup takes {wanted / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free at {partial.parent}; make room, or name another disk."
        )
