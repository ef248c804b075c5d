"""What a store can be asked about judgements."""

from collections.abc import Sequence

import pyarrow as pa

from pipeline.judgement_records import Judgement
from pipeline.store.warehouse import Warehouse

__all__ = ["JudgementReads"]


class JudgementReads(Warehouse):
    """Read what judges said of labels."""

    def judgements(self, ids: Sequence[str]) -> list[Judgement]:
        """Give those of some judgements that there are, in the order given."""
        return [Judgement(*row) for row in self.rows(BY_ID, wanted=_numbered(ids))]

    def unjudged(self, ids: Sequence[str]) -> list[str]:
        """List those of some judgements that no usable answer is there for, in the order given."""
        return [row[0] for row in self.rows(MISSING, wanted=_numbered(ids))]


BY_ID = """
select judgement_id, model, prompt, text_hash, taxonomy_id, category_id, question, other_id, place, repeat, verdict, probability, reason
from judgements join wanted using (judgement_id) order by position
"""
MISSING = """
select judgement_id from wanted
where judgement_id not in (select judgement_id from judgements where verdict is not null) order by position
"""


def _numbered(ids: Sequence[str]) -> pa.Table:
    return pa.table({"judgement_id": pa.array(ids, pa.string()), "position": pa.array(range(len(ids)), pa.int64())})
