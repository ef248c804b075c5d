"""How documents come into their table: those that are new, those that were there, and earlier versions of the same.

A batch finds its documents among those of the table by their ids alone, once; all that follows goes by the rows found. The first read
of a corpus finds an empty table, and looks for nothing.
"""

from datetime import UTC, datetime

import pyarrow as pa

from pipeline.store.warehouse import Connection, Warehouse

__all__ = ["Intake", "merge_documents", "utc"]


class Intake:
    """Take up the documents of one read of the corpus, batch by batch, each in one short transaction."""

    def __init__(self, store: Warehouse, seen_at: datetime) -> None:
        """Begin a read.

        :param seen_at: one time for the whole read, which `deactivate_unseen` is given at its end.
        """
        self._store, self._seen_at = store, seen_at
        self._added = 0
        self._waiting: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Save documents, each id once in one read; other versions of the same ids become inactive.

        In an empty table some of them wait for the next ones, or for `finish`.

        :param rows: columns of the table `documents`, without `active` and the times of reading.
        """
        self._waiting.append(rows)
        self._write()

    def finish(self) -> None:
        """Save what waits."""
        self._write(rest=True)

    def _write(self, *, rest: bool = False) -> None:
        with self._store.writer() as connection:
            there = connection.execute("select count(*) from documents").fetchall()[0][0]
            waiting = sum(rows.num_rows for rows in self._waiting)
            fresh = there == self._added  # nothing is there but what this read has brought, and that has other ids
            size = waiting // ROWS_TOGETHER * ROWS_TOGETHER if fresh and not rest else waiting
            if not size:
                return
            rows = pa.concat_tables(self._waiting)
            if fresh:
                for start in range(0, size, ROWS_TOGETHER):  # only what is written is copied, so that what waits holds nothing else in memory
                    insert_documents(connection, rows.slice(start, min(ROWS_TOGETHER, size - start)).combine_chunks(), self._seen_at)
                self._added += size
            else:
                merge_documents(connection, rows.combine_chunks(), self._seen_at)
            self._waiting = [rows.slice(size)] if size < waiting else []


def insert_documents(connection: Connection, rows: pa.Table, seen_at: datetime) -> None:
    """Save documents that are not there."""
    connection.register("incoming_rows", rows)
    # Trying whether texts and hashes are better kept as a dictionary takes a third of the time, and they never are.
    connection.execute("set disabled_compression_methods = 'dictionary'")
    try:
        connection.execute(INSERT_ALL, [utc(seen_at)] * 2)
    finally:
        connection.execute("reset disabled_compression_methods")
    connection.unregister("incoming_rows")


def merge_documents(connection: Connection, rows: pa.Table, seen_at: datetime) -> None:
    """Save documents beside those that are there, inside a transaction; a document of one id and text hash stays one."""
    numbered = rows.append_column("number", pa.array(range(rows.num_rows), pa.int64()))
    connection.register("incoming_rows", numbered)
    connection.execute(FIND)
    connection.execute(UPDATE_CHANGED)
    connection.execute(UPDATE_SEEN, [utc(seen_at)])
    connection.execute(RETIRE_VERSIONS)
    connection.execute(INSERT_OTHERS, [utc(seen_at)] * 2)
    connection.execute("drop table matched")
    connection.unregister("incoming_rows")


def utc(time: datetime) -> datetime:
    """Bring a time to UTC, without zone; one without a zone is taken to be in UTC."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


ROWS_TOGETHER = 122_880  # as many as DuckDB keeps together: what is less is written twice, and makes small groups for ever
GIVEN = "doc_id, text_hash, text, source, metadata, gold, order_key, partition, title, language, written_at, words"
INSERT_ALL = f"""
insert into documents ({GIVEN}, active, first_seen, last_seen) select {GIVEN}, true, ?, ? from incoming_rows
"""  # noqa: S608 - GIVEN is a constant
INSERT_OTHERS = f"""
insert into documents ({GIVEN}, active, first_seen, last_seen) select {GIVEN}, true, ?, ? from incoming_rows
where number not in (select number from matched where same)
"""  # noqa: S608 - GIVEN is a constant
FIND = """
create or replace temporary table matched as
select documents.rowid as place, incoming.number, documents.text_hash = incoming.text_hash as same
from documents join incoming_rows as incoming using (doc_id)
"""
UPDATE_CHANGED = """
update documents
set source = incoming.source, metadata = incoming.metadata, gold = incoming.gold, order_key = incoming.order_key, partition = incoming.partition,
    title = incoming.title, language = incoming.language, written_at = incoming.written_at
from matched join incoming_rows as incoming using (number)
where matched.same and documents.rowid = matched.place and (
    documents.source <> incoming.source or documents.order_key <> incoming.order_key
    or documents.metadata is distinct from incoming.metadata or documents.gold is distinct from incoming.gold
    or documents.partition is distinct from incoming.partition or documents.title is distinct from incoming.title
    or documents.language is distinct from incoming.language or documents.written_at is distinct from incoming.written_at
)
"""
UPDATE_SEEN = "update documents set active = true, last_seen = ? from matched where matched.same and documents.rowid = matched.place"
RETIRE_VERSIONS = """
update documents set active = false
from (select place from matched group by place having not bool_or(same)) as others
where documents.active and documents.rowid = others.place
"""
