"""A look at the store of a project: whether it opens, is whole, and has room to grow."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import StoreError, StoreLockedError
from pipeline.state_records import Finding
from pipeline.store.backups import former_states
from pipeline.store.compaction import leftovers, size_on_disk
from pipeline.store.forgetting import hash_columns
from pipeline.store.publishing import is_copy_of
from pipeline.store.schema import applied_migrations, known_migrations, missing_migrations
from pipeline.store.tables import TABLES
from pipeline.store.warehouse import Connection, Warehouse

__all__ = ["PENDING", "examine_store"]

PENDING = "forgetting.pending"  # a file that is there from before the rows are removed until the files are free of them
LOCK_SECONDS = 2.0
ROOM = 2.0  # free bytes for each byte of the tables: one published copy and one more while the tables are written anew
# Pointers of `current` by the end of their key, with what they point to.
POINTERS = {
    "taxonomy_id": ("taxonomies", "taxonomy_id"),
    "annotator_id": ("annotators", "annotator_id"),
    "classifier_id": ("classifiers", "classifier_id"),
}
MODEL = "model.skops"


def examine_store(folder: Path, *, lock_seconds: float = LOCK_SECONDS) -> Iterator[Finding]:
    """Look at the tables and files of a project; nothing is changed, and nobody is waited for longer than `lock_seconds`."""
    store = Warehouse(folder, lock_seconds=lock_seconds, tell=lambda _: None)
    if not store.path.exists():
        yield Finding("tables", True, "none yet: the project has not been run")
        return
    yield _room(store)
    try:
        with store.translated(), store.connected("read") as connection:
            yield Finding("tables", True, f"{store.path} opens, {size_on_disk(store) / 1e6:,.1f} MB")
            schema = _schema(connection)
            yield schema
            if schema.good and not missing_migrations(connection):
                yield from _rows(connection)
                yield from _students(connection, folder)
    except StoreLockedError as error:
        yield Finding("tables", True, f"in use, and not looked at: {error}")
        return
    except StoreError as error:
        yield Finding("tables", False, str(error))
        return
    yield from _files(store)


def _room(store: Warehouse) -> Finding:
    free, size = shutil.disk_usage(store.folder).free, size_on_disk(store)
    good = free >= ROOM * size
    more = "" if good else f"; make room for {ROOM:g} times the tables, or run `linnaeus state vacuum`"
    return Finding("room", good, f"{free / 1e6:,.0f} MB free beside {size / 1e6:,.0f} MB of tables{more}")


def _schema(connection: Connection) -> Finding:
    newest = max(migration.number for migration in known_migrations())
    found = max(applied_migrations(connection), default=0)
    try:
        missing = missing_migrations(connection)
    except StoreError as error:
        return Finding("schema", False, str(error))
    return Finding("schema", True, f"{found}" + (f" of {newest}: the next command that opens the tables brings them up to date" if missing else ""))


OF_OTHER_TEXTS = frozenset({"written_examples", "embeddings"})  # what a model wrote, and category cards, are no documents


def _rows(connection: Connection) -> Iterator[Finding]:
    """Look for rows of texts that no document has, and for pointers to what is not there."""
    lost = []
    for table in TABLES.values():
        if "text_hash" in hash_columns(table) and table.name not in OF_OTHER_TEXTS:
            sql = f"select count(*) from {table.name} anti join documents using (text_hash)"  # noqa: S608 - names of TABLES
            if count := connection.execute(sql).fetchall()[0][0]:
                lost.append(f"{count} of {table.name}")
    yield Finding("rows", not lost, f"without a document: {', '.join(lost)}; they do no harm" if lost else "each has its document")
    dangling = []
    for end, (name, column) in POINTERS.items():
        sql = f"select key from current where key like ? and value not in (select {column} from {name})"  # noqa: S608 - names of POINTERS
        dangling += [row[0] for row in connection.execute(sql, [f"%{end}"]).fetchall()]
    yield Finding("pointers", not dangling, f"{', '.join(dangling)} point to nothing; run the project again" if dangling else "all point to rows")


def _students(connection: Connection, folder: Path) -> Iterator[Finding]:
    """Look at the files of the students, and at whether the one in use learnt from what was forgotten."""
    in_use = {row[0] for row in connection.execute("select value from current where key = 'classifier_id' or key like '%/classifier_id'").fetchall()}
    faults, missing = [], 0
    students = connection.execute("select classifier_id, path, sha256 from classifiers").fetchall()
    for student, path, sha256 in students:
        model = folder / path / MODEL
        if not model.exists():
            missing += 1
            faults += [f"{student} in use has no files"] * (student in in_use)
        elif hashlib.sha256(model.read_bytes()).hexdigest() != sha256:
            faults.append(f"the files of {student} are not those that were saved")
    left = f", {missing} of them without files" if missing else ""
    yield Finding("students", not faults, f"{'; '.join(faults)}: run the project again" if faults else f"{len(students)}{left}, the others as saved")
    taught = {student for (parts,) in connection.execute("select students from forgettings").fetchall() for student in _known(parts)}
    if found := sorted(taught & in_use):
        yield Finding("forgotten", False, f"{', '.join(found)} in use learnt from forgotten texts: run the project to train another")


def _known(parts: str) -> list[str]:
    return [student for student, part in json.loads(parts).items() if part != "unknown"]


def _files(store: Warehouse) -> Iterator[Finding]:
    """Look at the published copy, at an unfinished forgetting, and at what was left behind or kept aside."""
    same = is_copy_of(store.path, store.published)
    yield Finding("published copy", same, "as the tables are" if same else f"{store.published} is older than the tables: the next run renews it")
    if (store.folder / PENDING).exists():
        yield Finding("forgetting", False, "a forgetting did not finish, and the files may hold what was forgotten: run `linnaeus forget NAME`")
    found = list(leftovers(store))
    if found:
        size = sum(size for _, size, _ in found)
        yield Finding("leftovers", False, f"{len(found)} files of {size / 1e6:,.1f} MB that killed processes left: `linnaeus state vacuum NAME`")
    for path, size in former_states(store.folder):
        yield Finding("former state", True, f"{path}, {size / 1e6:,.1f} MB: remove it when you need it no more")
