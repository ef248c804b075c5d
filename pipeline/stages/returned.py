"""Documents that were forgotten and are in the corpus all the same: a read turns them away, and says so."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import Reject
from pipeline.store import Store
from pipeline.store.forgetting import turned_away

__all__ = ["FORGOTTEN", "RETURNED", "without_forgotten"]

FORGOTTEN = "forgotten"  # reason of such a reject
RETURNED = "it was forgotten (linnaeus forget) and is not taken in again; take it out of the corpus, or forget it with --allow-return"
STAGE = "corpus"


def without_forgotten(store: Store, documents: pa.Table) -> tuple[pa.Table, list[Reject]]:
    """Part documents into those that may come in and rejects, without their text, of those that were forgotten.

    :param documents: with the columns doc_id, text_hash and source.
    """
    if not store.count("forgotten"):
        return documents, []
    away = pa.array(turned_away(store, documents["doc_id"].to_pylist(), documents["text_hash"].to_pylist()), pa.bool_())
    return documents.filter(pc.invert(away)), [_reject(source) for source in documents["source"].filter(away).to_pylist()]


def _reject(place: str) -> Reject:
    source, _, position = place.rpartition(":")
    return Reject(STAGE, FORGOTTEN, RETURNED, "", source, int(position) if position.isdecimal() else 0)
