"""What a store can save: every write is idempotent, in one short transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.arrival_records import Arrival
from pipeline.errors import StoreError
from pipeline.ids import order_key
from pipeline.records import Document, Failure, Taxonomy
from pipeline.store.intake import merge_documents, utc
from pipeline.store.tables import LISTS, TABLES, Table, arrow_table, insert_rows, latest_by_key, record_rows, replace_rows, table_for, to_json
from pipeline.store.warehouse import Connection, Warehouse

__all__ = ["Writes", "now"]

Matrix = np.ndarray[Any, np.dtype[Any]]


class Writes(Warehouse):
    """Save records, vectors, predictions and pointers."""

    def save(self, records: Sequence[Any]) -> int:
        """Save records of any mix of types, replacing those with the same key; calls are appended.

        The changes of a taxonomy are replaced together. Documents go by `save_documents`.

        :return: number of records.
        """
        by_type: dict[type, list[Any]] = {}
        for record in records:
            by_type.setdefault(type(record), []).append(record)
        for kind in by_type.keys() - {Taxonomy}:
            table_for(kind)
        if not by_type:
            return 0
        with self.writer() as connection:
            for kind, batch in by_type.items():
                if kind is Taxonomy:
                    for taxonomy in batch:
                        save_taxonomy(connection, taxonomy)
                else:
                    save_rows(connection, table_for(kind), batch)
        return len(records)

    def save_documents(self, documents: Sequence[Document], *, seed: int, seen_at: datetime) -> int:
        """Save documents as seen by one read of the corpus; other versions of the same ids become inactive.

        :param seen_at: one time for the whole read, which `deactivate_unseen` is given at its end.
        """
        table = TABLES["documents"]
        if not documents:
            return 0
        rows = [
            {
                "order_key": order_key(document.text_hash, seed), "words": document.words, "last_seen": utc(seen_at),
                "doc_id": document.doc_id, "text_hash": document.text_hash, "text": document.text,
                "source": document.source, "metadata": to_json(dict(document.metadata)), "gold": document.gold, "partition": document.partition,
                "title": document.title, "language": document.language, "written_at": document.written_at,
            }
            for document in documents
        ]  # fmt: skip
        data = arrow_table(table, latest_by_key(table, rows))
        with self.writer() as connection:
            merge_documents(connection, data, seen_at)
        return len(documents)

    def deactivate_unseen(self, seen_at: datetime, *, partitions: Sequence[str] | None = None, files: Sequence[str] | None = None) -> int:
        """Mark documents inactive that a complete read did not hold, and forget the corpus rejects of earlier reads.

        :param partitions: those that were read; documents of others stay. All when absent.
        :param files: those that were read; what came from others stays. All when absent.
        :return: number of documents marked.
        """
        with self.writer() as connection:
            connection.execute(FORGET_REJECTS, [utc(seen_at), files is None, list(files or ())])
            changed = connection.execute(
                RETIRE_UNSEEN, [utc(seen_at), partitions is None, list(partitions or ()), files is None, list(files or ())]
            ).fetchall()
        return int(changed[0][0])

    def save_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        """Save what files hold; of each file named, all that was known before is forgotten."""
        table = TABLES["arrivals"]
        if arrivals:
            with self.writer() as connection:
                replace_rows(connection, table, arrow_table(table, record_rows(arrivals, table)))

    def save_failures(self, stage: str, spec: str, failures: Iterable[Failure], *, answered: Sequence[str] = ()) -> int:
        """Save what a stage failed at, and forget earlier failures at the texts it has answered for since."""
        table = TABLES["failures"]
        rows = latest_by_key(table, record_rows(failures, table, stage=stage, spec=spec, created_at=now()))
        forgotten = pa.table({"stage": [stage] * len(answered), "text_hash": list(answered), "spec": [spec] * len(answered)})
        if not rows and not answered:
            return 0
        with self.writer() as connection:
            connection.register("answered", forgotten.cast(pa.schema([(name, pa.string()) for name in forgotten.column_names])))
            connection.execute(FORGET_FAILURES)
            connection.unregister("answered")
            return replace_rows(connection, table, arrow_table(table, rows))

    def save_vectors(self, embedder_id: str, hashes: Sequence[str], matrix: Matrix) -> int:
        """Save one row of the matrix for each text hash, as float32."""
        if matrix.ndim != 2 or len(hashes) != len(matrix) or not matrix.shape[1]:
            raise ValueError(f"Got {len(hashes)} text hashes and a matrix of shape {matrix.shape}; expected one non-empty row for each hash.")
        rows, width = matrix.shape
        flat = pa.array(np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1))
        vectors = pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * width), flat)
        columns = {"text_hash": pa.array(hashes, pa.string()), "embedder_id": constant(embedder_id, rows), "vector": vectors}
        return self._replace("embeddings", columns)

    def save_predictions(
        self, classifier_id: str, hashes: Sequence[str], category_ids: Sequence[str], probabilities: Matrix, **more: Sequence[Any] | None
    ) -> int:
        """Save one category and its probability for each text hash, fast.

        :param more: further columns of the table as parallel sequences: alternatives (JSON), also, members, abstained, novelty.
        """
        lengths = (len(hashes), len(category_ids), len(probabilities))
        given = {name: values for name, values in more.items() if values is not None}
        if len({*lengths, *map(len, given.values())}) != 1:
            raise ValueError("Got {} text hashes, {} categories and {} probabilities; expected as many of each.".format(*lengths))
        kinds = TABLES["predictions"].columns
        columns = {
            "text_hash": pa.array(hashes, pa.string()),
            "classifier_id": constant(classifier_id, len(hashes)),
            "category_id": pa.array(category_ids, pa.string()),
            "probability": pa.array(np.asarray(probabilities, dtype=np.float64)),
        }
        rest = {
            name: pa.array(given[name], kinds[name]) if name in given else pa.nulls(len(hashes), kinds[name]) for name in kinds if name not in columns
        }
        return self._replace("predictions", columns | rest)

    def _replace(self, name: str, columns: Mapping[str, Any]) -> int:
        table = TABLES[name]
        data = pa.table(dict(columns))
        # Within one call a text may come twice only by mistake, and would then have two rows for ever.
        if (distinct := len(set(data["text_hash"].to_pylist()))) != data.num_rows:
            raise ValueError(f"Got {data.num_rows} text hashes of which {distinct} are distinct; expected each once.")
        if not data.num_rows:
            return 0
        with self.writer() as connection:
            return replace_rows(connection, table, data)

    def save_lesson(self, classifier_id: str, taught: Iterable[str], cited: Iterable[str], unlabelled: Iterable[str]) -> None:
        """Save which texts a student learnt from, so that it is known when one of them is forgotten."""
        parts = {"taught": taught, "cited": cited, "unlabelled": unlabelled}
        rows = [{"classifier_id": classifier_id, "text_hash": text, "part": part} for part, texts in parts.items() for text in texts]
        table = TABLES["lesson_texts"]
        if rows:
            with self.writer() as connection:
                replace_rows(connection, table, arrow_table(table, latest_by_key(table, rows)), keys=("classifier_id",))

    def mark_current(self, **ids: str | None) -> None:
        """Point each key of the store's facet to an id; None removes the pointer."""
        self._point({self.pointer(key): value for key, value in ids.items()})

    def mark_whole(self, **ids: str | None) -> None:
        """Point each key to an id for the whole project, whatever the store's facet; None removes the pointer."""
        self._point(ids)

    def _point(self, ids: Mapping[str, str | None]) -> None:
        with self.writer() as connection:
            for key, value in ids.items():
                connection.execute("delete from current where key = ?", [key])
                if value is not None:
                    connection.execute("insert into current values (?, ?)", [key, value])

    def start_run(self, run_id: str, project: str) -> None:
        """Record that a run began now; one that never ended, because its process was killed, is interrupted."""
        table = TABLES["runs"]
        row = {"run_id": run_id, "project": project, "started_at": now(), "status": "running"}
        with self.writer() as connection:
            connection.execute("update runs set status = 'interrupted' where status = 'running' and run_id <> ?", [run_id])
            replace_rows(connection, table, arrow_table(table, [row]))

    def end_run(self, run_id: str, *, status: str, seconds: float | None = None) -> None:
        """Record how a run ended; without `seconds` its wall time is taken from its start."""
        with self.writer() as connection:
            changed = connection.execute(END_RUN, [now(), status, seconds, now(), run_id]).fetchall()
            if not changed[0][0]:
                raise StoreError(f"There is no run {run_id!r} to end; start_run records it.")

    def record_stage(self, run_id: str, stage: str, *, seconds: float, status: str, counts: Mapping[str, int]) -> None:
        """Record one stage of a run that ends now."""
        row = {
            "run_id": run_id, "stage": stage, "started_at": now() - timedelta(seconds=seconds), "seconds": seconds,
            "status": status, "counts": to_json(dict(counts)),
        }  # fmt: skip
        table = TABLES["stage_runs"]
        with self.writer() as connection:
            replace_rows(connection, table, arrow_table(table, [row]))


FORGET_REJECTS = "delete from rejects where stage = 'corpus' and created_at < ? and (? or list_contains(?::varchar[], source))"
RETIRE_UNSEEN = """
update documents set active = false
where active and last_seen < ? and (? or list_contains(?::varchar[], partition))
    and (? or list_contains(?::varchar[], regexp_replace(source, ':[0-9]+$', '')))
"""
FORGET_FAILURES = """
delete from failures using answered
where failures.stage = answered.stage and failures.spec = answered.spec and failures.text_hash = answered.text_hash
"""
END_RUN = """
update runs set ended_at = ?, status = ?, seconds = coalesce(?, epoch(?::timestamp) - epoch(started_at)) where run_id = ?
"""


def save_rows(connection: Connection, table: Table, records: Sequence[Any]) -> None:
    """Save records of one type."""
    rows = record_rows(records, table, created_at=now()) if "created_at" in table.columns else record_rows(records, table)
    if table.name == "taxonomy_changes":
        rows = [row | {"position": position} for position, row in enumerate(rows)]
    elif table.keys:
        rows = latest_by_key(table, rows)
    data = arrow_table(table, rows)
    if table.keys:
        replace_rows(connection, table, data)
    else:
        insert_rows(connection, table, data)


def save_taxonomy(connection: Connection, taxonomy: Taxonomy) -> None:
    """Save a version with its categories; one that is saved again keeps its place and time."""
    query = "select created_at, seq from taxonomies where taxonomy_id = ?"
    earlier = connection.execute(query, [taxonomy.taxonomy_id]).fetchall()
    following = connection.execute("select coalesce(max(seq), 0) + 1 from taxonomies").fetchall()[0][0]
    created_at, seq = earlier[0] if earlier else (now(), following)
    table = TABLES["taxonomies"]
    replace_rows(connection, table, arrow_table(table, record_rows([taxonomy], table, created_at=created_at, seq=seq)))
    rows = [
        {
            "taxonomy_id": taxonomy.taxonomy_id, "category_id": category.category_id, "parent_id": category.parent_id,
            "position": position, "name": category.name, "description": category.description, "status": category.status,
            **{column: list(getattr(category, column)) for column in LISTS},
        }
        for position, category in enumerate(taxonomy.categories)
    ]  # fmt: skip
    connection.execute("delete from categories where taxonomy_id = ?", [taxonomy.taxonomy_id])
    insert_rows(connection, TABLES["categories"], arrow_table(TABLES["categories"], rows))


def constant(value: str, count: int) -> Any:
    """Make an Arrow column of one value."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([value], pa.string()))


def now() -> datetime:
    """Give the time in UTC, without zone, as the tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)
