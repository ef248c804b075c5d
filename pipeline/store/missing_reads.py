"""What is missing: the texts that have no row of a kind, which is all that an interrupted or a nightly run has to make.

Lists of them are for samples. Whole corpora are counted, or read page by page in the order in which they lie in the table: a page then
costs what it holds, however large the table is, and no lock is held between two pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.store.label_reads import LabelReads, numbered

__all__ = ["ACTIVE_KEYS", "KEYS", "MissingReads", "Places", "lacks", "page_table", "pages"]

Places = npt.NDArray[np.int64]
PENDING = {
    "summaries": {"summary_spec"},
    "labels": {"taxonomy_id", "annotator_id"},
    "embeddings": {"embedder_id"},
    "predictions": {"classifier_id"},
    "near_signatures": {"signature_spec"},
    "languages": {"detector"},
}


class MissingReads(LabelReads):
    """Say which texts lack what."""

    def pending(self, table: str, key: Mapping[str, str], among: Sequence[str] | None = None, limit: int | None = None) -> list[str]:
        """List the text hashes that have no row in a table with these key columns.

        They are those of active documents in the seeded order, or those `among` the given ones in the order given.

        :param table: summaries, labels, embeddings, predictions, near_signatures or languages.
        """
        match = _match(table, key)
        source = ACTIVE_TEXTS if among is None else "given"
        sql = (
            f"select text_hash from {source} as wanted where not exists (select 1 from {table} where {match}) "  # noqa: S608 - names are checked against PENDING
            "order by position limit ?"
        )
        tables = {} if among is None else {"given": numbered(list(dict.fromkeys(among)))}
        return [row[0] for row in self.rows(sql, [*key.values(), limit], **tables)]

    def count_pending(self, table: str, key: Mapping[str, str], partitions: Sequence[str] | None = None) -> int:
        """Count the active texts that have no row in a table with these key columns.

        :param table: as for `pending`.
        :param partitions: those whose texts are counted; all when absent or empty.
        """
        _match(table, key)
        made = " and ".join(f"{column} = ?" for column in key) or "true"
        sql = f"select count(*) from (select distinct whole, half from ({ACTIVE_KEYS}) as wanted where {lacks(f'{table} where {made}')})"  # noqa: S608 - names are checked against PENDING
        return int(self.rows(sql, [*_scope(partitions), *key.values()])[0][0])

    def missing_places(self, sql: str, values: Sequence[Any], partitions: Sequence[str] | None) -> Places:
        """Give the places (rowid) of what a query says is missing, in their order: 8 bytes for each.

        :param sql: one of this package, with the column `place`; its first values are those of ACTIVE_KEYS.
        """
        with self.reader() as connection:
            found = connection.sql(sql, params=[*_scope(partitions), *values]).to_arrow_table()
        return np.sort(found["place"].to_numpy())


def _match(table: str, key: Mapping[str, str]) -> str:
    if table not in PENDING or set(key) - PENDING[table]:
        raise ValueError(f"Nothing can be pending in {table!r} by {sorted(key)}; expected one of {PENDING}")
    return " and ".join([f"{table}.text_hash = wanted.text_hash", *(f"{table}.{column} = ?" for column in key)])


def has(source: str) -> str:
    """Spell in SQL that the row `wanted`, with KEYS, has a row in what stands after `from`."""
    return f"exists (select 1 from (select {KEYS} from {source}) as kept where kept.whole = wanted.whole and kept.half = wanted.half)"  # noqa: S608 - constants of this package


def lacks(source: str) -> str:
    """Spell in SQL that the row `wanted`, with KEYS, has none."""
    return f"not {has(source)}"


def _scope(partitions: Sequence[str] | None) -> list[Any]:
    return [not partitions, list(partitions or ())]


def pages(places: Places, size: int) -> Iterator[Places]:
    """Cut places into pages."""
    for start in range(0, len(places), size):
        yield places[start : start + size]


def page_table(page: Places) -> pa.Table:
    """Make a table of places, for a query to join."""
    return pa.table({"place": page})


ACTIVE_TEXTS = "(select text_hash, min(order_key) as position from documents where active group by text_hash)"
# Two hashes of 64 bits stand for a text hash, of the whole and of its second half: what a join keeps of ten million texts is then a third
# as large, and takes a third of the time.
KEYS = "hash(text_hash) as whole, hash(substr(text_hash, 22)) as half"
ACTIVE_KEYS = f"select {KEYS}, rowid as place from documents where active and (? or list_contains(?::varchar[], partition))"  # noqa: S608 - a constant
