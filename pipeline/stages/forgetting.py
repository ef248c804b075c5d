"""Forgetting documents: out of the tables in one transaction, then out of the files, and the rest is named.

A file in the state's folder says from before the first to after the last step that there is something to finish, so that the next
call finishes what a killed one began.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from pipeline.quoting import Quotations
from pipeline.stages.report import REPORT
from pipeline.state_records import Erased, Forgettable, Leftover
from pipeline.store import Store, StoreLedger
from pipeline.store.backups import former_states
from pipeline.store.compaction import compact, remove_leftovers, wait_for_copies
from pipeline.store.forgetting import allow_return, erase, find_by_id, find_returned, find_where
from pipeline.store.health import PENDING
from pipeline.store.sweeping import blank_history, files_with, holds, pieces_of

__all__ = ["Forgotten", "find", "forget", "forget_returned", "is_unfinished"]

HELD = "holds it still: a process that runs keeps it until it ends"
QUOTED = "holds the words still: another document, or the name of a category, has the same"


@dataclass(frozen=True)
class Forgotten:
    """What came of forgetting; `erased` is None where there was nothing left to remove from the tables."""

    erased: Erased | None
    bytes_before: int
    bytes_after: int
    leftovers: Sequence[Leftover] = ()  # files that still hold it
    copies: Sequence[Path] = ()  # backups and states kept aside, which are never changed
    allowed: int = 0  # marks removed that kept documents out


def find(store: Store, *, ids: Sequence[str] = (), where: str | None = None) -> Forgettable:
    """Find the documents that have one of some ids or meet a condition of SQL.

    :raises StoreError: where the condition is none.
    """
    if where is None:
        return find_by_id(store, ids)
    return find_by_id(store, [*ids, *find_where(store, where).doc_ids])


def is_unfinished(store: Store) -> bool:
    """Say whether an earlier call did not finish."""
    return (store.folder / PENDING).exists()


def forget(store: Store, found: Forgettable, *, ids: Sequence[str] = (), returning: bool = False, beside: Sequence[Path] = ()) -> Forgotten:
    """Forget documents, and finish what an earlier call began.

    :param ids: those that were asked for, be they there or not.
    :param returning: whether the next read of the corpus may bring them back.
    :param beside: further folders to look through, as that of Dagster's history.
    """
    pending, texts = store.folder / PENDING, [found.texts[text] for text in found.gone]
    _mark(pending)
    StoreLedger(store).recover()  # what killed processes noted goes with the rest
    (store.folder / REPORT).unlink(missing_ok=True)  # it may quote; the next run writes it anew
    left = _blank_files(store, texts, beside)  # first, because the texts are known only until they are erased
    erased = erase(store, found, keep_out=not returning) if found.doc_ids else None
    allowed = allow_return(store, {*ids, *found.doc_ids}) if returning else 0
    before, after = compact(store)
    wait_for_copies(store)
    remove_leftovers(store)
    store.publish()
    left += _still_held(store, texts, {one.path for one in left})
    pending.unlink(missing_ok=True)
    return Forgotten(erased, before, after, left, _copies(store), allowed)


def forget_returned(store: Store, marks: Sequence[Mapping[str, object]]) -> Forgotten | None:
    """Forget again what a restored state holds of documents that were forgotten since it was copied.

    :param marks: rows of `forgotten` of the state before.
    """
    known = set(store.rows("select id_hash, text_hash from forgotten"))
    missing = [mark for mark in marks if (mark["id_hash"], mark["text_hash"]) not in known]
    with store.writer() as connection:
        for mark in missing:
            connection.execute("insert into forgotten values (?, ?, ?)", [mark["id_hash"], mark["text_hash"], mark["forgotten_at"]])
    found = find_returned(store)
    return forget(store, found) if found.doc_ids else None


def _mark(pending: Path) -> None:
    with pending.open("a") as handle:
        os.fsync(handle.fileno())


def _blank_files(store: Store, texts: Sequence[str], beside: Sequence[Path]) -> list[Leftover]:
    """Blank the texts in what others keep of them, as the history of Dagster; give the files where that cannot be done."""
    pieces, quotations, left = pieces_of(texts), Quotations(texts), []
    for path in sorted(_holding(store, texts, beside) - {store.path, store.write_ahead, store.published}):
        with contextlib.suppress(FileNotFoundError):  # it went away meanwhile
            left += [found] if (found := blank_history(path, quotations, pieces)) else []
    return left


def _still_held(store: Store, texts: Sequence[str], named: Set[Path]) -> list[Leftover]:
    """Look through the files of the state once more: the tables must not hold a whole text, other files no piece of one."""
    whole, tables = [text.encode("utf-8", "replace") for text in texts if pieces_of([text])], {store.path, store.write_ahead, store.published}
    left = [Leftover(path, QUOTED) for path in sorted(tables) if whole and holds(path, whole)]
    return left + [Leftover(path, HELD) for path in sorted(_holding(store, texts, ()) - tables - named)]


def _holding(store: Store, texts: Sequence[str], beside: Sequence[Path]) -> set[Path]:
    """Give the files that hold one of the texts; copies that are never changed are left out."""
    kept = set(_copies(store))
    return {path for path in files_with([store.folder, *beside], pieces_of(texts)) if kept.isdisjoint([path, *path.parents])}


def _copies(store: Store) -> list[Path]:
    """List the backups that are still where they were made, and the states that restores kept aside."""
    made = [Path(row[0]) for row in store.rows("select path from backups order by made_at")]
    return [path for path in made if path.exists()] + [path for path, _ in former_states(store.folder)]
