"""What a store can be asked about the parts of a corpus, to compare each with those before it.

A part is a partition, or where a project has none the documents first seen on one day (UTC). Everything is added up by the database, so
that what comes back has a row for each part and category, however many documents there are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from pipeline.store.label_reads import numbered
from pipeline.store.run_reads import RunReads
from pipeline.store.tables import from_json
from pipeline.trust_records import Drift

__all__ = ["DriftReads", "PartCounts"]


@dataclass(frozen=True)
class PartCounts:
    """What a student's predictions of some parts add up to; each text counts once in a part."""

    labels: Counter[str] = field(default_factory=Counter)  # by category id
    probability: float = 0.0  # added up
    scored: int = 0  # with a novelty
    strangers: int = 0

    @property
    def documents(self) -> int:
        """Count the texts."""
        return self.labels.total()

    def __add__(self, other: "PartCounts") -> "PartCounts":
        """Add up two parts."""
        return PartCounts(
            self.labels + other.labels, self.probability + other.probability, self.scored + other.scored, self.strangers + other.strangers
        )


class DriftReads(RunReads):
    """Read parts and how they differ."""

    def part_counts(self, classifier_id: str, *, strange: float, by_name: bool) -> dict[str, PartCounts]:
        """Add up a student's predictions of active texts by part, the parts in their order: by name, or by when their first document came.

        :param strange: novelty from which a document is a stranger.
        """
        found: dict[str, PartCounts] = {}
        for part, category, documents, probability, scored, strangers in self.rows(PART_COUNTS, [strange, classifier_id]):
            found[part] = found.get(part, PartCounts()) + PartCounts(Counter({category: documents}), probability, scored, strangers)
        return {part: found[part] for part in self.part_names(by_name=by_name) if part in found}

    def part_names(self, *, by_name: bool) -> list[str]:
        """List the parts of the active documents in their order: by name, or by when their first document came."""
        return [row[0] for row in self.rows(PART_ORDER, [by_name])]

    def judged_in_parts(self, classifier_id: str, taxonomy_id: str, annotator_id: str) -> list[tuple[str, str, bool, datetime]]:
        """Give the labels of an annotator as (part, text hash, whether the student agrees, when it was given), by part and text hash."""
        return self.rows(JUDGED, [classifier_id, taxonomy_id, annotator_id])

    def decided_at(self, classifier_id: str) -> datetime | None:
        """Give when a student was first decided on, which is when it had been trained; None where it never was."""
        found: datetime | None = self.rows("select min(created_at) from promotions where classifier_id = ?", [classifier_id])[0][0]
        return found

    def drift(self, classifier_id: str) -> Mapping[str, Drift]:
        """Give what is known of each part by one student."""
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in self.rows(DRIFT, [classifier_id])]
        return {row["part"]: Drift(**row | {"changes": _changes(row["changes"])}) for row in rows}

    def came_since(self, taxonomy_id: str, count: int) -> list[str]:
        """Give active texts that were first seen after a version of a taxonomy was made, in the seeded order."""
        return [row[0] for row in self.rows(CAME_SINCE, [taxonomy_id, count])]

    def least_sure(self, classifier_id: str, count: int) -> list[str]:
        """Give the active texts that a student is least sure of, the least sure first."""
        return [row[0] for row in self.rows(LEAST_SURE, [classifier_id, count])]

    def strangers(self, classifier_id: str, strange: float, count: int) -> list[str]:
        """Give the active texts with at least some novelty, the strangest first."""
        return [row[0] for row in self.rows(STRANGERS, [classifier_id, strange, count])]

    def predictions_among(self, classifier_id: str, among: Sequence[str]) -> dict[str, str]:
        """Give the category id that a student predicts for some texts."""
        return dict(self.rows(PREDICTED_AMONG, [classifier_id], wanted=numbered(among)))


def _changes(text: str) -> dict[str, tuple[float, float]]:
    """Read what categories changed by, the most changed first, which JSON does not keep."""
    found = {key: (was, now) for key, (was, now) in from_json(text).items()}
    return dict(sorted(found.items(), key=lambda change: (-abs(change[1][1] - change[1][0]), change[0])))


COLUMNS = [column.name for column in fields(Drift)]
PART = "coalesce(partition, strftime(first_seen, '%Y-%m-%d'))"
PARTS = f"(select distinct {PART} as part, text_hash from documents where active)"  # noqa: S608 - PART is a constant
PART_ORDER = f"""
select part from (select {PART} as part, min(first_seen) as came from documents where active group by part)
order by case when ? then null else came end, part
"""  # noqa: S608 - PART is a constant
PART_COUNTS = f"""
select part, category_id, count(*), sum(probability), count(novelty), count(*) filter (where novelty >= ?)
from {PARTS} join predictions using (text_hash)
where classifier_id = ? group by part, category_id order by part, category_id
"""  # noqa: S608 - PARTS is a constant
JUDGED = f"""
select part, text_hash, labels.category_id = predictions.category_id, labels.created_at
from labels join predictions using (text_hash) join {PARTS} using (text_hash)
where classifier_id = ? and taxonomy_id = ? and annotator_id = ? and labels.category_id is not null order by part, text_hash
"""  # noqa: S608 - PARTS is a constant
DRIFT = f"select {', '.join(COLUMNS)} from drift where classifier_id = ? order by part"  # noqa: S608 - names of fields
CAME_SINCE = """
select text_hash from documents where active group by text_hash
having min(first_seen) > (select created_at from taxonomies where taxonomy_id = ?) order by min(order_key) limit ?
"""
ACTIVE = "text_hash in (select text_hash from documents where active)"
LEAST_SURE = f"select text_hash from predictions where classifier_id = ? and {ACTIVE} order by probability, text_hash limit ?"  # noqa: S608 - ACTIVE is a constant
STRANGERS = f"select text_hash from predictions where classifier_id = ? and novelty >= ? and {ACTIVE} order by novelty desc, text_hash limit ?"  # noqa: S608 - ACTIVE is a constant
PREDICTED_AMONG = "select text_hash, category_id from predictions where classifier_id = ? and text_hash in (select text_hash from wanted)"
