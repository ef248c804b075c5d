"""What a store can be asked: each read is short, and holds no lock when it returns."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.errors import StoreError
from pipeline.records import Document, Failure, Summary
from pipeline.store.label_reads import numbered
from pipeline.store.missing_reads import ACTIVE_KEYS, MissingReads, lacks, page_table, pages
from pipeline.store.tables import TABLES, from_json

__all__ = ["Reads", "Vectors", "matrix"]

Vectors = np.ndarray[Any, np.dtype[np.float32]]
DOCUMENT = "doc_id, text_hash, text, source, metadata, gold, partition, title, language, written_at"


class Reads(MissingReads):
    """Read texts, derived rows and pointers."""

    many = 2_000_000  # documents whose texts are counted part by part
    foremost: Sequence[str] = ()  # texts that come first in samples, before those of the seeded order

    def sample_texts(self, first: int, skip: int = 0) -> list[Document]:
        """Give one document of each distinct active text, in the seeded order: `first` of them after `skip`."""
        if self.foremost:
            return self.texts(self.sample_hashes(first + skip)[skip:])
        return [document(row) for row in self.rows(SAMPLE, [first, skip])]

    def sample_hashes(self, first: int) -> list[str]:
        """Give the first distinct active texts in the seeded order, by their hashes."""
        rest = [row[0] for row in self.rows(SAMPLE_HASHES, [first])]
        return list(dict.fromkeys([*self.foremost, *rest]))[:first]

    def active_hashes(self, among: Sequence[str]) -> list[str]:
        """Give those of some texts that an active document has, in the order given."""
        return [row[0] for row in self.rows(ACTIVE_AMONG, wanted=numbered(among))]

    def iter_texts(self, batch: int) -> Iterator[list[Document]]:
        """Give one document of each distinct active text, in the seeded order, at most `batch` at a time."""
        after = ""
        while rows := self.rows(NEXT_TEXTS, [after, batch]):
            after = rows[-1][-1]
            yield list({row[1]: document(row) for row in reversed(rows)}.values())[::-1]

    def iter_unembedded(self, embedder_id: str, batch: int, partitions: Sequence[str] | None = None) -> Iterator[list[Document]]:
        """Give one document of each distinct active text without a vector, at most `batch` at a time, as they lie in the table.

        :param partitions: those whose texts are wanted; all when absent or empty.
        """
        for page in pages(self.missing_places(UNEMBEDDED, [embedder_id], partitions), batch):
            rows = self.rows(PAGE_OF_DOCUMENTS, [int(page[0]), int(page[-1])], wanted=page_table(page))
            yield [document(row) for row in rows]

    def texts(self, hashes: Sequence[str]) -> list[Document]:
        """Give one document of each text hash, in the order given.

        :raises StoreError: with the number of hashes that no document has.
        """
        found = [document(row) for row in self.rows(TEXTS, wanted=numbered(hashes))]
        if len(found) != len(hashes):
            raise StoreError(f"{len(hashes) - len(found)} of {len(hashes)} text hashes have no document; read the corpus again.")
        return found

    def summaries(self, spec: str, hashes: Sequence[str] | None = None) -> list[Summary]:
        """Give the summaries of one spec: all by text hash, or those of these hashes in their order, missing ones left out."""
        if hashes is None:
            sql = "select text_hash, summary_spec, summary, phrase, truncated from summaries where summary_spec = ? order by text_hash"
            return [Summary(*row) for row in self.rows(sql, [spec])]
        return [Summary(*row) for row in self.rows(SUMMARIES, [spec], wanted=numbered(hashes))]

    def failures(self, stage: str, spec: str) -> list[Failure]:
        """Give what a stage failed at, by text hash."""
        sql = "select text_hash, reason, message, attempts from failures where stage = ? and spec = ? order by text_hash"
        return [Failure(*row) for row in self.rows(sql, [stage, spec])]

    def vectors(self, embedder_id: str, hashes: Sequence[str]) -> Vectors:
        """Give the vectors of texts as one float32 matrix, in the order given.

        :raises StoreError: with the number of texts that have no vector.
        """
        with self.reader() as connection:
            connection.register("wanted", numbered(hashes))
            found = connection.sql(VECTORS, params=[embedder_id]).to_arrow_table()
            connection.unregister("wanted")
        if found.num_rows != len(hashes):
            raise StoreError(f"{len(hashes) - found.num_rows} of {len(hashes)} texts have no vector by {embedder_id}; embed them first.")
        return matrix(found["vector"])

    def current(self, key: str) -> str | None:
        """Give the id that a key points to in the store's facet."""
        found = self.rows("select value from current where key = ?", [self.pointer(key)])
        return found[0][0] if found else None

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        if table not in TABLES:
            raise ValueError(f"There is no table {table!r}; expected one of {', '.join(TABLES)}")
        return int(self.rows(f"select count(*) from {table}")[0][0])  # noqa: S608 - the name is checked against TABLES

    def counts(self) -> dict[str, int]:
        """Count active documents, their distinct texts, inactive documents, and the rows of every other table."""
        with self.reader():
            documents, inactive = self.rows(DOCUMENT_COUNTS)[0]
            # Many are counted part by part, since all their hashes at once take a gigabyte; parts are cut where hashes of texts divide.
            inner = [f"text:{digit}" for digit in "123456789abcdef"] if documents > self.many else []
            bounds = ["", *inner, "\U0010ffff"]
            texts = sum(self.rows(TEXTS_BETWEEN, part)[0][0] for part in pairwise(bounds))
            return {"documents": documents, "texts": texts, "inactive": inactive} | {
                name: self.count(name) for name in TABLES if name not in {"documents", "current"}
            }


# Of near copies that share a label, the original alone is in a sample.
NO_COPY = """text_hash not in (
    select text_hash from near_duplicates
    where spec = (select value from current where key = 'near_shared') and original_hash <> text_hash
)"""
SAMPLE = f"""
with page as (
    select order_key, min(doc_id) as doc_id
    from documents where active and {NO_COPY} group by text_hash, order_key order by order_key limit ? offset ?
)
select {DOCUMENT} from documents join page using (order_key, doc_id) where active order by order_key
"""  # noqa: S608 - DOCUMENT and NO_COPY are constants
ACTIVE_AMONG = "select text_hash from wanted where text_hash in (select text_hash from documents where active) order by position"
SAMPLE_HASHES = f"select text_hash from documents where active and {NO_COPY} group by text_hash, order_key order by order_key limit ?"  # noqa: S608 - a constant
# The duplicates of a page's last text that did not fit are passed over by the next page, which starts after its key.
NEXT_TEXTS = f"select {DOCUMENT}, order_key from documents where active and order_key > ? order by order_key, doc_id limit ?"  # noqa: S608 - DOCUMENT is a constant
UNEMBEDDED = f"select min(place) as place from ({ACTIVE_KEYS}) as wanted where {lacks('embeddings where embedder_id = ?')} group by whole, half"  # noqa: S608 - constants
# The bounds let the database leave out all row groups but a few.
PAGE_OF_DOCUMENTS = f"""
select {DOCUMENT} from documents join wanted on documents.rowid = wanted.place where documents.rowid between ? and ? order by documents.rowid
"""  # noqa: S608 - DOCUMENT is a constant
TEXTS = f"""
select {DOCUMENT} from wanted join documents using (text_hash)
qualify row_number() over (partition by position order by active desc, doc_id, last_seen desc) = 1
order by position
"""  # noqa: S608 - DOCUMENT is a constant
SUMMARIES = """
select text_hash, summary_spec, summary, phrase, truncated
from wanted join summaries using (text_hash) where summary_spec = ? order by position
"""
VECTORS = "select vector from wanted join embeddings using (text_hash) where embedder_id = ? order by position"
DOCUMENT_COUNTS = "select count(*) filter (where active), count(*) filter (where not active) from documents"
TEXTS_BETWEEN = "select count(distinct text_hash) from documents where active and text_hash >= ? and text_hash < ?"


def document(row: Sequence[Any]) -> Document:
    """Make a document of a row that starts with the columns DOCUMENT."""
    doc_id, text_hash, text, source, metadata, *rest = row[:10]
    return Document(doc_id, text_hash, text, source, from_json(metadata) or {}, *rest)


def matrix(column: Any) -> Vectors:
    """Make a matrix of a column of equally long lists."""
    chunks = [chunk.flatten().to_numpy() for chunk in column.chunks]
    flat = np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.float32)
    return flat.astype(np.float32, copy=False).reshape(len(column), -1 if len(column) else 0)
