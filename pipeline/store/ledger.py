"""The ledger of calls, kept in a store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from pipeline.call_records import Call
from pipeline.store.journal import Journal, left_behind
from pipeline.store.store import Store

__all__ = ["StoreLedger"]

FIND = """
select call_key, arg_max(answer, created_at) from llm_calls
where outcome = 'ok' and answer is not null and call_key in (select call_key from wanted) group by call_key
"""


FORGOTTEN = "select distinct text_hash from wanted semi join forgotten using (text_hash)"
BLANK: Mapping[str, Any] = {"call_key": "forgotten", "answer": None, "raw": None, "error": None, "texts": ()}
KNOWN = """
select call_key, run_id, attempt from llm_calls semi join wanted using (call_key, run_id, attempt)
"""


class StoreLedger:
    """Record calls in a store and find their answers again: `pipeline.serving.contract.Ledger`."""

    def __init__(self, store: Store) -> None:
        """Keep the store; nothing is opened yet."""
        self.store = store
        self._journal = Journal(store.folder / "journal")
        self._recovered = False

    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Find the answers (JSON) of successful calls among these keys, the latest where there are several."""
        if not self._recovered:
            self.recover()
        if not keys:
            return {}
        return dict(self.store.rows(FIND, wanted=pa.table({"call_key": pa.array(list(keys), pa.string())})))

    def note(self, call: Call) -> None:
        """Keep a call safe in a file until it is recorded."""
        self._journal.note(call)

    def record(self, calls: Sequence[Call]) -> None:
        """Append calls; those that showed a text which was forgotten since they were made are kept for the accounts alone."""
        with self.store.writer():
            self.store.save(self._without_forgotten(calls))

    def _without_forgotten(self, calls: Sequence[Call]) -> list[Call]:
        shown = sorted({text for call in calls for text in call.texts})
        gone = {row[0] for row in self.store.rows(FORGOTTEN, wanted=pa.table({"text_hash": pa.array(shown, pa.string())}))} if shown else set()
        return [replace(call, **BLANK) if gone.intersection(call.texts) else call for call in calls]

    def clear_notes(self) -> None:
        """Forget what was noted, because it is recorded."""
        self._journal.clear()

    def close(self) -> None:
        """Remove the empty file of notes."""
        self._journal.close()

    def recover(self) -> int:
        """Record what killed processes had noted and not recorded any more, and count it."""
        with left_behind(self.store.folder / "journal") as calls:
            columns = {"call_key": [call.call_key for call in calls], "run_id": [call.run_id for call in calls]}
            wanted = pa.table({**columns, "attempt": pa.array([call.attempt for call in calls], pa.int32())})
            known = set(self.store.rows(KNOWN, wanted=wanted)) if calls else set()
            missing = [call for call in calls if (call.call_key, call.run_id, call.attempt) not in known]
            if missing:
                self.record(missing)
        self._recovered = True
        return len(missing)
