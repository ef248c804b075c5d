"""What a store can save of what was found out of texts: signatures, pairs that are alike, copies, languages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.document_records import NearDuplicate, NearPair
from pipeline.store.tables import TABLES, arrow_table, insert_rows, record_rows, replace_rows
from pipeline.store.warehouse import Warehouse

__all__ = ["DocumentWrites"]


class DocumentWrites(Warehouse):
    """Save near copies and languages."""

    def save_signatures(self, spec: str, hashes: Sequence[str], bands: np.ndarray[Any, np.dtype[np.uint32]]) -> None:
        """Save the signatures of texts, which are to be compared with all that were signed before them."""
        rows, width = bands.shape
        lists = pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * width), pa.array(np.ascontiguousarray(bands).reshape(-1)))
        with self.writer() as connection:
            first = connection.execute("select coalesce(max(position) + 1, 0) from near_signatures where signature_spec = ?", [spec]).fetchall()[0][0]
            data = pa.table(
                {
                    "text_hash": pa.array(hashes, pa.string()), "signature_spec": pa.array([spec] * rows, pa.string()),
                    "position": pa.array(np.arange(first, first + rows)), "bands": lists, "compared": pa.array([False] * rows),
                }
            )  # fmt: skip
            replace_rows(connection, TABLES["near_signatures"], data)

    def save_pairs(self, spec: str, pairs: Sequence[NearPair]) -> None:
        """Save pairs that are alike."""
        table = TABLES["near_pairs"]
        if pairs:
            with self.writer() as connection:
                replace_rows(connection, table, arrow_table(table, record_rows(pairs, table, signature_spec=spec)))

    def mark_compared(self, spec: str) -> None:
        """Note that all texts that are signed have been compared."""
        with self.writer() as connection:
            connection.execute("update near_signatures set compared = true where signature_spec = ? and not compared", [spec])

    def replace_near_duplicates(self, spec: str, found: Sequence[NearDuplicate]) -> None:
        """Save what near copies there are by a spec, in place of what was found before."""
        table = TABLES["near_duplicates"]
        with self.writer() as connection:
            connection.execute("delete from near_duplicates where spec = ?", [spec])
            if found:
                columns = {name: pa.array([getattr(one, name) for one in found], kind) for name, kind in table.columns.items()}
                insert_rows(connection, table, pa.table(columns))

    def save_languages(self, detector: str, hashes: Sequence[str], found: Sequence[tuple[str | None, float]]) -> None:
        """Save the language of texts with how sure the detector is, fast."""
        data = pa.table(
            {
                "text_hash": pa.array(hashes, pa.string()), "detector": pa.array([detector] * len(hashes), pa.string()),
                "language": pa.array([language for language, _ in found], pa.string()),
                "probability": pa.array([probability for _, probability in found], pa.float64()),
            }
        )  # fmt: skip
        with self.writer() as connection:
            replace_rows(connection, TABLES["languages"], data)
