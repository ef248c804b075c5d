"""What a store can be asked about students: which there are, what they predict, what still lacks a prediction."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.records import Student
from pipeline.store.label_reads import numbered
from pipeline.store.missing_reads import ACTIVE_KEYS, KEYS, lacks, page_table, pages
from pipeline.store.partition_reads import PartitionReads
from pipeline.store.reads import Vectors, matrix
from pipeline.store.tables import from_json
from pipeline.student_records import Promotion, StudentTrial, WrittenExample

__all__ = ["StudentReads"]


class StudentReads(PartitionReads):
    """Read students, their predictions and the decisions about them."""

    def iter_unpredicted(
        self, classifier_id: str, embedder_id: str, batch: int, partitions: Sequence[str] | None = None
    ) -> Iterator[tuple[list[str], Vectors]]:
        """Give the hashes and vectors of active texts without a prediction, at most `batch` at a time, as they lie in the table.

        :param partitions: those whose texts are wanted; all when absent or empty.
        """
        for page in pages(self.missing_places(UNPREDICTED, [embedder_id, classifier_id], partitions), batch):
            with self.reader() as connection:
                connection.register("wanted", page_table(page))
                found = connection.sql(PAGE_OF_VECTORS, params=[int(page[0]), int(page[-1])]).to_arrow_table()
                connection.unregister("wanted")
            yield found["text_hash"].to_pylist(), matrix(found["vector"])

    def student(self, classifier_id: str) -> Student:
        """Give a trained student; StoreError where there is none."""
        found = self.rows(f"{STUDENTS} where classifier_id = ?", [classifier_id])
        if not found:
            raise StoreError(f"There is no classifier {classifier_id!r} in {self.path}.")
        return _student(found[0])

    def find_student(self, classifier_id: str) -> Student | None:
        """Give a student, or None where it has not been trained."""
        return self.student(classifier_id) if self.rows("select 1 from classifiers where classifier_id = ?", [classifier_id]) else None

    def predictions(self, classifier_id: str) -> dict[str, str]:
        """Give the category id that a student predicts for each text hash."""
        return dict(self.rows("select text_hash, category_id from predictions where classifier_id = ?", [classifier_id]))

    def prediction_probabilities(self, classifier_id: str, among: Sequence[str] | None = None) -> dict[str, float]:
        """Give how sure a student is of each text's category, or of those of some texts, by text hash."""
        if among is None:
            return dict(self.rows("select text_hash, probability from predictions where classifier_id = ?", [classifier_id]))
        return dict(self.rows(PROBABILITIES_AMONG, [classifier_id], wanted=numbered(among)))

    def students(self, taxonomy_id: str | None = None) -> list[Student]:
        """List the students of the store's facet, or of one version of its taxonomy, the latest trained first."""
        found = [_student(row) for row in self.rows(OF_FACET, [self.facet or "main"])]
        return [student for student in found if taxonomy_id in {None, student.taxonomy_id}]

    def promotions(self) -> list[tuple[Promotion, datetime]]:
        """List the decisions about the students of the store's facet, the latest first."""
        return [(Promotion(*row[:-1]), row[-1]) for row in self.rows(PROMOTIONS, [self.facet])]

    def student_trials(self, classifier_id: str) -> list[StudentTrial]:
        """List how the candidates did from which a student was chosen, the best first."""
        return [StudentTrial(*[*row[:-2], from_json(row[-2]), row[-1]]) for row in self.rows(TRIALS, [classifier_id])]

    def missing_examples(self, among: Sequence[str]) -> list[str]:
        """List those of some ids of written examples that have no row, in the order given."""
        return [row[0] for row in self.rows(MISSING_EXAMPLES, wanted=_wanted_examples(among))]

    def written_examples(self, among: Sequence[str]) -> list[WrittenExample]:
        """Give the written examples with some ids, in their order, missing ones left out."""
        return [_example(row) for row in self.rows(WRITTEN, wanted=_wanted_examples(among))]


def _example(row: Sequence[Any]) -> WrittenExample:
    found = dict(zip(EXAMPLE, row, strict=True))
    return WrittenExample(**found | {"shown": tuple(found["shown"] or ())})


def _wanted_examples(ids: Sequence[str]) -> pa.Table:
    return pa.table({"example_id": pa.array(ids, pa.string()), "position": pa.array(range(len(ids)), pa.int64())})


def _student(row: Sequence[Any]) -> Student:
    student, taxonomy, annotator, embedder, path, sha256, settings, metrics, trained_on = row
    return Student(student, taxonomy, annotator, embedder, path, sha256, from_json(settings), from_json(metrics), trained_on)


UNPREDICTED = f"""
with active as ({ACTIVE_KEYS})
select wanted.place from (select {KEYS}, rowid as place from embeddings where embedder_id = ?) as wanted
where {lacks("predictions where classifier_id = ?")} and exists (select 1 from active where active.whole = wanted.whole and active.half = wanted.half)
"""  # noqa: S608 - constants of this package
PAGE_OF_VECTORS = """
select text_hash, vector from embeddings join wanted on embeddings.rowid = wanted.place
where embeddings.rowid between ? and ? order by embeddings.rowid
"""
PROBABILITIES_AMONG = "select text_hash, probability from predictions where classifier_id = ? and text_hash in (select text_hash from wanted)"
STUDENTS = "select classifier_id, taxonomy_id, annotator_id, embedder_id, path, sha256, settings, metrics, trained_on from classifiers"
OF_FACET = f"{STUDENTS} where taxonomy_id in (select taxonomy_id from taxonomies where facet = ?) order by rowid desc"  # noqa: S608 - STUDENTS is a constant
PROMOTIONS = """
select classifier_id, previous_id, facet, promoted, decided_by, reason, created_at from promotions where facet = ?
order by created_at desc, rowid desc
"""
TRIALS = """
select classifier_id, candidate, chosen, agreement, low, high, n, log_loss, seconds, settings, macro_f1 from student_trials
where classifier_id = ? order by agreement desc, candidate
"""
MISSING_EXAMPLES = """
select example_id from wanted
where not exists (select 1 from written_examples where written_examples.example_id = wanted.example_id) order by position
"""
EXAMPLE = [field.name for field in fields(WrittenExample)]
WRITTEN = f"select {', '.join(EXAMPLE)} from wanted join written_examples using (example_id) order by position"  # noqa: S608 - names of fields
