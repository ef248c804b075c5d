"""The store of one project: a folder with a private warehouse and a published copy."""

import contextlib
import copy
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from pipeline.errors import StoreError
from pipeline.settings import ASIDE
from pipeline.store import schema
from pipeline.store.check_reads import CheckReads
from pipeline.store.document_reads import DocumentReads
from pipeline.store.document_writes import DocumentWrites
from pipeline.store.judgement_reads import JudgementReads
from pipeline.store.lockfile import Tell
from pipeline.store.published import Published, opened
from pipeline.store.review_rows import ReviewRows
from pipeline.store.writes import Writes

__all__ = ["READ_ONLY", "Store"]

log = logging.getLogger(__name__)

# Nothing but reading the copy itself: no files, no extensions, and no way to set it back.
READ_ONLY: dict[str, Any] = {"enable_external_access": False, "lock_configuration": True}


class Store(DocumentReads, DocumentWrites, CheckReads, JudgementReads, ReviewRows, Writes):
    """Save and read everything of one project; `reader`, `writer` and `publish` are in `warehouse.py`."""

    @classmethod
    def open(cls, folder: Path, *, lock_seconds: float = 300.0, tell: Tell = log.warning) -> "Store":
        """Open a store, making the folder and its files or bringing them up to date.

        :param tell: is given a sentence where one waits for others for seconds.
        :raises StoreError: where the file is damaged, or newer than this code, or the disk is full.
        :raises StoreLockedError: where another process held the lock for `lock_seconds`.
        """
        store = cls(folder, lock_seconds=lock_seconds, tell=tell)
        store.create()
        with store.reader() as connection:
            current = schema.is_current(connection) if schema.has_table(connection, "current") else False
        if not current:
            with store.connected("write") as connection:
                schema.migrate(connection)
        if not current or not store.published.exists():
            store.publish()
        return store

    def of_facet(self, name: str) -> "Store":
        """Give the same store with the pointers of one facet."""
        view = copy.copy(self)
        view.facet = name
        return view

    def set_aside(self, foremost: Sequence[str]) -> "Store":
        """Give the same store with pointers beside those in use, and with some texts first in its samples."""
        view = self.of_facet(f"{ASIDE}/{self.facet}".rstrip("/"))
        view.foremost = tuple(foremost)
        return view

    def query(self, sql: str, *, limit: int = 1000) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run any SQL on the published copy, which cannot be changed by it, and give the columns and the first rows.

        :raises StoreError: with DuckDB's message where the SQL is wrong or would write.
        """
        try:
            with contextlib.closing(duckdb.connect(str(self.published), read_only=True, config=READ_ONLY)) as connection:
                connection.execute(sql)
                columns = [column[0] for column in connection.description or ()]
                return columns, connection.fetchmany(limit)
        except duckdb.Error as error:
            raise StoreError(f"{self.published} could not answer: {error}") from error

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Published]:
        """Open the published copy as it is now, for several questions about one state; what is published meanwhile does not change it.

        :raises StoreError: where it cannot be opened.
        """
        with opened(self.published) as copy:
            yield copy
