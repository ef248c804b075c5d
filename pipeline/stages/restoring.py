"""Restoring a project's state without bringing back what was forgotten since it was copied."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.stages.forgetting import forget_returned
from pipeline.state_records import Backup
from pipeline.store import Store
from pipeline.store.backups import restore_backup

__all__ = ["Restored", "restore_state"]

COLUMNS = ("id_hash", "text_hash", "forgotten_at")


@dataclass(frozen=True)
class Restored:
    """Where the former state is kept, and how many documents were forgotten again."""

    former: Path | None
    forgotten: int
    marks_lost: bool  # the former tables could not be read


def restore_state(backup: Backup, folder: Path) -> Restored:
    """Put a backup in the place of a project's state, and forget again what was forgotten since.

    :raises StoreError: where the backup is damaged or newer; the state is as it was then.
    """
    marks = _marks(folder)
    former = restore_backup(backup, folder)
    forgotten = forget_returned(Store.open(folder), marks) if marks else None
    erased = forgotten.erased if forgotten else None
    return Restored(former, erased.documents if erased else 0, marks is None)


def _marks(folder: Path) -> list[Mapping[str, object]] | None:
    """Read what keeps forgotten documents out; None where the tables cannot be read."""
    if not (folder / "warehouse.duckdb").exists():
        return []
    try:
        rows = Store.open(folder).rows("select id_hash, text_hash, forgotten_at from forgotten")
    except StoreError:
        return None
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]
