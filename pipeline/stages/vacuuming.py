"""Making room: the tables written anew, what killed processes left, and the files of students that nothing needs."""

import shutil
import time
from pathlib import Path

from pipeline.state_records import Vacuumed
from pipeline.store import Store
from pipeline.store.compaction import compact, folder_size, leftovers, remove_leftovers, size_on_disk

__all__ = ["vacuum_state"]

Removed = tuple[Path, int, str]
ABANDONED_SECONDS = 24 * 3600.0  # of a student's folder that no row names: a run under way writes the files first
# In use, in use before (to roll back to), or decided on last, for each facet.
NEEDED = """
select value from current where key = 'classifier_id' or key like '%/classifier_id'
union
select unnest([classifier_id, previous_id]) from (
    select classifier_id, previous_id from promotions where promoted qualify row_number() over (partition by facet order by created_at desc) = 1
)
"""


def vacuum_state(store: Store, *, dry_run: bool = False, old_students: bool = False, now: float | None = None) -> Vacuumed:
    """Write the tables into a new file, and remove leftovers and the folders of students that no row names.

    :param old_students: remove also the files of students that are neither in use nor were in use before; their rows stay.
    :param now: seconds since 1970.
    """
    unneeded = _abandoned(store, time.time() if now is None else now) + (_old(store) if old_students else [])
    if dry_run:
        size = size_on_disk(store)
        return Vacuumed(size, size, [*leftovers(store), *unneeded])
    before, after = compact(store)
    removed = [*remove_leftovers(store), *unneeded]
    for path, _, _ in unneeded:
        shutil.rmtree(path, ignore_errors=True)
    store.publish()
    return Vacuumed(before, after, removed)


def _abandoned(store: Store, now: float) -> list[Removed]:
    """List the folders of students that no row names, and that no run writes any more."""
    known = {store.folder / row[0] for row in store.rows("select path from classifiers")}
    folders = [path for path in sorted((store.folder / "classifiers").glob("*")) if path.is_dir() and path not in known]
    return [(path, folder_size(path), "a student that no row names") for path in folders if now - path.stat().st_mtime > ABANDONED_SECONDS]


def _old(store: Store) -> list[Removed]:
    needed = {row[0] for row in store.rows(NEEDED)}
    students = store.rows("select classifier_id, path from classifiers order by classifier_id")
    folders = [(student, store.folder / path) for student, path in students if student not in needed]
    return [(path, folder_size(path), f"{student}, not in use") for student, path in folders if path.is_dir()]
