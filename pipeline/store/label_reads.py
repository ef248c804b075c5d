"""What a store can be asked about labels: by annotator, by kind of annotator, and those known from the corpus."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.records import Annotator, AnnotatorKind, Label
from pipeline.store.tables import from_json
from pipeline.store.taxonomy_reads import TaxonomyReads

__all__ = ["LabelReads", "numbered"]


class LabelReads(TaxonomyReads):
    """Read labels of annotators and of the corpus."""

    def labels(self, taxonomy_id: str, annotator_id: str) -> list[Label]:
        """Give the labels of one annotator under one taxonomy, by text hash."""
        sql = f"select {COLUMNS} from labels where taxonomy_id = ? and annotator_id = ? order by text_hash"  # noqa: S608 - COLUMNS is a constant
        return [_label(*row) for row in self.rows(sql, [taxonomy_id, annotator_id])]

    def labels_by_kind(self, taxonomy_id: str, kind: AnnotatorKind, among: Sequence[str]) -> list[Label]:
        """Give the labels of all annotators of a kind for some texts, by annotator and text hash."""
        return [_label(*row) for row in self.rows(BY_KIND, [taxonomy_id, kind], wanted=numbered(among))]

    def annotator(self, annotator_id: str) -> Annotator:
        """Give an annotator; StoreError where there is none."""
        sql = "select annotator_id, kind, model, prompt, settings from annotators where annotator_id = ?"
        found = self.rows(sql, [annotator_id])
        if not found:
            raise StoreError(f"There is no annotator {annotator_id!r} in {self.path}.")
        key, kind, model, prompt, settings = found[0]
        return Annotator(key, kind, model, prompt, from_json(settings))

    def human_labels(self, taxonomy_id: str) -> dict[str, str | None]:
        """Give what people said of each text, the latest word of each; None where they said that no category fits."""
        return dict(self.rows(HUMAN, [taxonomy_id]))

    def metadata_values(self, column: str, among: Sequence[str]) -> dict[str, str]:
        """Give the value, as text, that a kept column has for each of some texts; of duplicates, that of the first id; none where it is null."""
        pointer = "/" + column.replace("~", "~0").replace("/", "~1")
        return dict(self.rows(VALUES, [pointer], wanted=numbered(among)))

    def gold(self, hashes: Sequence[str] | None = None) -> dict[str, str]:
        """Give the known label of each active text that has one; of duplicates, that of the first id."""
        if hashes is None:
            return dict(self.rows(GOLD))
        return dict(self.rows(GOLD_AMONG, wanted=numbered(hashes)))


COLUMNS = """text_hash, taxonomy_id, annotator_id, category_id, probability, scores, truncated,
    also, reason, calibration, evidence, evidence_start, rationale, windows, window_start"""
BY_KIND = f"""
select {COLUMNS} from labels join annotators using (annotator_id)
where taxonomy_id = ? and kind = ? and text_hash in (select text_hash from wanted) order by annotator_id, text_hash
"""  # noqa: S608 - COLUMNS is a constant
HUMAN = """
select text_hash, category_id from labels join annotators using (annotator_id) where taxonomy_id = ? and kind = 'human'
qualify row_number() over (partition by text_hash order by created_at desc, annotator_id) = 1
"""
VALUES = """
select text_hash, value from (
    select text_hash, arg_min(json_extract_string(metadata, ?), doc_id) as value from documents
    where active and text_hash in (select text_hash from wanted) group by text_hash
) where value is not null
"""
GOLD = "select text_hash, arg_min(gold, doc_id) from documents where active and gold is not null group by text_hash"
GOLD_AMONG = """
select text_hash, arg_min(gold, doc_id) from documents
where active and gold is not null and text_hash in (select text_hash from wanted) group by text_hash
"""


def _label(text: str, taxonomy: str, annotator: str, category: str | None, probability: float | None, options: str | None, *more: Any) -> Label:
    truncated, also, *rest = more
    return Label(text, taxonomy, annotator, category, probability, scores(options), truncated, tuple(also or ()), *rest)


def scores(text: str | None) -> dict[str, float] | None:
    """Read log-probabilities; null stands for minus infinity, which JSON lacks."""
    found = from_json(text)
    return None if found is None else {key: float("-inf") if value is None else value for key, value in found.items()}


def numbered(hashes: Sequence[str]) -> pa.Table:
    """Make a table of text hashes with their positions."""
    return pa.table({"text_hash": pa.array(hashes, pa.string()), "position": pa.array(np.arange(len(hashes)))})
