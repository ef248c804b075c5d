"""Looks from outside a run at which student a project has in use: by the published tables, which every run and every promotion replaces."""

from pathlib import Path

from pipeline.store import Store

__all__ = ["Lookout", "Pointers", "pointers_of"]

Pointers = tuple[str | None, str | None]  # the student in use and the taxonomy that labels are given under, by their ids
POINTERS = "select key, value from current"
MANY = 1_000_000


def pointers_of(store: Store) -> Pointers:
    """Give what a store's facet points to at present."""
    return store.current("classifier_id"), store.current("taxonomy_id")


class Lookout:
    """Says what the published tables point to when they were replaced; a look that finds the same file costs one call to the system."""

    def __init__(self, store: Store) -> None:
        """Look at nothing yet."""
        self._store = store
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> Pointers | None:
        """Give what the tables point to where they were published since the last look, None otherwise.

        :raises StoreError: where the published tables cannot be read.
        """
        found = _stamp(self._store.published)
        if found is None or found == self._seen:
            return None
        _, rows = self._store.query(POINTERS, limit=MANY)
        self._seen = found
        values = dict(rows)
        return values.get(self._store.pointer("classifier_id")), values.get(self._store.pointer("taxonomy_id"))

    def forget(self) -> None:
        """Take the tables at the next look for published since."""
        self._seen = None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # for a moment, where somebody moves the tables
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
