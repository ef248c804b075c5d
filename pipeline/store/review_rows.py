"""What a store keeps of people's labels: sheets, their texts, answers; and what there is to draw a sheet from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.records import Label, Reject
from pipeline.review_records import Rating, ReviewItem, ReviewSheet
from pipeline.settings import MAIN
from pipeline.store.label_reads import numbered
from pipeline.store.tables import TABLES, arrow_table, insert_rows, record_rows
from pipeline.store.warehouse import Warehouse
from pipeline.store.writes import now

__all__ = ["Labelled", "ReviewRows"]


@dataclass(frozen=True)
class Labelled:
    """One distinct active text with the label that it has apart from what people say; None where it has none."""

    text_hash: str
    doc_id: str
    category_id: str | None
    probability: float | None


class ReviewRows(Warehouse):
    """Read and write what people are asked and say, for the store's facet."""

    def review_sheets(self) -> list[ReviewSheet]:
        """List the sheets in the order of their making."""
        return [_sheet(row) for row in self.rows(SHEETS, [self.facet or MAIN])]

    def review_items(self, sheet_id: str) -> list[ReviewItem]:
        """List the texts on a sheet, by text hash."""
        sql = "select sheet_id, text_hash, doc_id, stratum, weight, raters from review_items where sheet_id = ? order by text_hash"
        return [_item(row) for row in self.rows(sql, [sheet_id])]

    def ratings(self) -> list[Rating]:
        """List all answers, the earliest sheet first."""
        return [_rating(row) for row in self.rows(RATINGS, [self.facet or MAIN])]

    def reserved_texts(self) -> set[str]:
        """Give the texts on sheets that do not teach."""
        return {row[0] for row in self.rows(RESERVED, [self.facet or MAIN])}

    def labelled_texts(self, pointers: dict[str, str | None]) -> list[Labelled]:
        """Give each distinct active text with its label by the teacher, else by the original that it is a copy of, else by the student.

        :param pointers: ids of the taxonomy, the annotators teacher, cascade and shared, and the student.
        """
        values = [pointers.get(key) for key in ("taxonomy", "teacher", "cascade", "teacher", "taxonomy", "shared", "student")]
        return [Labelled(*row) for row in self.rows(LABELLED, values)]

    def rejects_of(self, stage: str, source: str) -> list[Reject]:
        """List what a stage turned away of one source, in order."""
        sql = "select stage, reason, message, record, source, position from rejects where stage = ? and source = ? order by position"
        return [Reject(*row) for row in self.rows(sql, [stage, source])]

    def replace_rejects(self, stage: str, source: str, rejects: Sequence[Reject]) -> bool:
        """Keep what a stage turned away of one source in place of what it did before, and say whether anything changed."""
        wanted = sorted(rejects, key=lambda one: one.position)
        with self.writer() as connection:
            if self.rejects_of(stage, source) == wanted:
                return False
            connection.execute("delete from rejects where stage = ? and source = ?", [stage, source])
            table = TABLES["rejects"]
            insert_rows(connection, table, arrow_table(table, record_rows(wanted, table, created_at=now())))
        return True

    def remove_ratings(self, sheet_id: str, rater: str, hashes: Collection[str]) -> None:
        """Forget what a rater said of some texts of a sheet."""
        with self.writer() as connection:
            connection.register("wanted", numbered(sorted(hashes)))
            connection.execute(REMOVE, [sheet_id, rater])
            connection.unregister("wanted")

    def replace_labels(self, taxonomy_id: str, annotator_id: str, labels: Sequence[Label]) -> bool:
        """Make these all the labels that an annotator has given under a taxonomy; those that stay keep their time. Say whether any changed."""
        table = TABLES["labels"]
        rows = record_rows(labels, table)
        known = {text: (category, list(also or ())) for text, category, also in self.rows(GIVEN, [taxonomy_id, annotator_id])}
        wanted = {row["text_hash"]: (row["category_id"], list(row["also"])) for row in rows}
        gone = [text for text, said in known.items() if wanted.get(text) != said]
        made = [row | {"created_at": now()} for row in rows if known.get(row["text_hash"]) != wanted[row["text_hash"]]]
        if gone or made:
            with self.writer() as connection:
                connection.register("wanted", pa.table({"text_hash": pa.array(gone, pa.string())}))
                connection.execute(REMOVE_LABELS, [taxonomy_id, annotator_id])
                connection.unregister("wanted")
                insert_rows(connection, table, arrow_table(table, made))
        return bool(gone or made)


SHEETS = """
select sheet_id, taxonomy_id, facet, design, teaches, raters, overlap, seed, population, size, half_width, expected
from review_sheets where facet = ? order by created_at, sheet_id
"""
RATINGS = """
select sheet_id, text_hash, rater, category_id, also, comment, position, source, sha256
from ratings join review_sheets using (sheet_id) where facet = ? order by review_sheets.created_at, sheet_id, rater, text_hash
"""
RESERVED = "select distinct text_hash from review_items join review_sheets using (sheet_id) where facet = ? and not teaches"
REMOVE = "delete from ratings where sheet_id = ? and rater = ? and text_hash in (select text_hash from wanted)"
REMOVE_LABELS = "delete from labels where taxonomy_id = ? and annotator_id = ? and text_hash in (select text_hash from wanted)"
GIVEN = "select text_hash, category_id, also from labels where taxonomy_id = ? and annotator_id = ?"
LABELLED = """
with texts as (select text_hash, min(doc_id) as doc_id from documents where active group by text_hash),
teacher as (
    select text_hash, category_id, probability from labels
    where taxonomy_id = ? and annotator_id in (?, ?) and category_id is not null
    qualify row_number() over (partition by text_hash order by annotator_id = ? desc) = 1
),
shared as (select text_hash, category_id, probability from labels where taxonomy_id = ? and annotator_id = ? and category_id is not null),
student as (select text_hash, category_id, probability from predictions where classifier_id = ?)
select
    texts.text_hash, texts.doc_id, coalesce(teacher.category_id, shared.category_id, student.category_id),
    case
        when teacher.text_hash is not null then teacher.probability
        when shared.text_hash is not null then shared.probability
        else student.probability
    end
from texts
left join teacher using (text_hash) left join shared using (text_hash) left join student using (text_hash)
order by texts.text_hash
"""


def _sheet(row: Sequence[Any]) -> ReviewSheet:
    sheet_id, taxonomy_id, facet, design, teaches, raters, *rest = row
    return ReviewSheet(sheet_id, taxonomy_id, facet, design, teaches, tuple(raters), *rest)


def _item(row: Sequence[Any]) -> ReviewItem:
    sheet_id, text_hash, doc_id, stratum, weight, raters = row
    return ReviewItem(sheet_id, text_hash, doc_id, stratum, weight, tuple(raters))


def _rating(row: Sequence[Any]) -> Rating:
    sheet_id, text_hash, rater, category_id, also, *rest = row
    return Rating(sheet_id, text_hash, rater, category_id, tuple(also), *rest)
