"""The ledger of calls, kept in a store."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.records import Call
from pipeline.store.store import Store

__all__ = ["StoreLedger"]

FIND = """
select call_key, arg_max(answer, created_at) from llm_calls
where outcome = 'ok' and answer is not null and call_key in (select call_key from wanted) group by call_key
"""


class StoreLedger:
    """Record calls in a store and find their answers again: `pipeline.serving.contract.Ledger`."""

    def __init__(self, store: Store) -> None:
        """Keep the store; nothing is opened yet."""
        self.store = store

    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Find the answers (JSON) of successful calls among these keys, the latest where there are several."""
        if not keys:
            return {}
        return dict(self.store.rows(FIND, wanted=pa.table({"call_key": pa.array(list(keys), pa.string())})))

    def record(self, calls: Sequence[Call]) -> None:
        """Append calls."""
        self.store.save(calls)
