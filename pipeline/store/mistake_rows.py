"""What is read and counted of mistakes: the mistakes, the pairs that are confused, what a student holds likely beside its label."""

import json
from collections.abc import Sequence
from typing import Any

from pipeline.store.label_reads import numbered
from pipeline.store.store import Store
from pipeline.store.tables import from_json

__all__ = ["confused_pair_rows", "count_mistakes", "mistake_rows", "predictions_with_next"]


def predictions_with_next(store: Store, classifier_id: str, among: Sequence[str]) -> list[tuple[str, str, float, dict[str, float]]]:
    """Give for each of some texts the category that a student predicts, its probability, and the probabilities of those that come next."""
    found = store.rows(PREDICTED, [classifier_id], wanted=numbered(among))
    return [(text, label, sure, from_json(after) or {}) for text, label, sure, after in found]


def count_mistakes(store: Store, evaluation_id: str) -> int:
    """Count the mistakes and the tie-breakers of an evaluation."""
    return int(store.rows(COUNT, [evaluation_id, evaluation_id])[0][0])


def mistake_rows(store: Store, *, kind: str | None = None, most: int) -> list[dict[str, Any]]:
    """List the worst mistakes of the present evaluation, of one kind where one is named; the texts of nearest documents are filled in.

    :param most: mistakes of each labeller.
    """
    columns = ("subject", "rank", "text", "given", "gold", "kind", "probability", "suspicion", "evidence", "doc_id", "text_hash")
    rows = [dict(zip(columns, row, strict=True)) for row in store.rows(WORST, [kind, kind, most])]
    for row in rows:
        row["evidence"] = json.loads(row["evidence"])
    near = sorted({text for row in rows for text, _ in row["evidence"].get("neighbours", [])})
    texts = dict(store.rows(TEXTS, wanted=numbered(near))) if near else {}
    for row in rows:
        row["evidence"]["neighbours"] = [{"text": texts.get(text, ""), "gold": gold} for text, gold in row["evidence"].get("neighbours", [])]
    return rows


def confused_pair_rows(store: Store) -> list[dict[str, Any]]:
    """List the pairs that are confused by the present evaluation, the most confused first, with the tie-breaker that is proposed."""
    columns = ("category", "other", "confusions", "by_chance", "n", "sentence", "source")
    return [dict(zip(columns, row, strict=True)) for row in store.rows(PAIRS)]


PREDICTED = """
select text_hash, category_id, probability, alternatives from wanted join predictions using (text_hash)
where classifier_id = ? and category_id is not null order by position
"""
COUNT = "select (select count(*) from mistakes where evaluation_id = ?) + (select count(*) from tie_breakers where evaluation_id = ?)"
PRESENT = "(select max(value) from current where key = 'evaluation_id')"
NAMES = "select category_id, name from categories where taxonomy_id = (select max(value) from current where key = 'taxonomy_id')"
WORST = f"""
with names as ({NAMES}),
texts as (select text_hash, min(doc_id) as doc_id, arg_min(text, doc_id) as text from documents where active group by text_hash)
select subject, rank, text, name, gold, kind, probability, suspicion, evidence, doc_id, text_hash
from mistakes join texts using (text_hash) left join names using (category_id)
where evaluation_id = {PRESENT} and (?::varchar is null or kind = ?)
qualify row_number() over (partition by subject order by rank) <= ? order by subject desc, rank
"""  # noqa: S608 - constants
PAIRS = f"""
with names as ({NAMES})
select one.name, other.name, confusions, by_chance, n, sentence, source from tie_breakers
join names as one on one.category_id = tie_breakers.category_id join names as other on other.category_id = tie_breakers.other_id
where evaluation_id = {PRESENT} order by confusions desc, by_chance, one.name
"""  # noqa: S608 - constants
TEXTS = "select text_hash, any_value(text) from wanted join documents using (text_hash) group by text_hash"
