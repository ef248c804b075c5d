"""Checks of rows by themselves: nothing twice, nothing missing, nothing that names what is not there."""

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.errors import ArtefactError
from pipeline.stages.check_rules import Finding, percent
from pipeline.stages.promotion import load_stored_student
from pipeline.stages.session import Session
from pipeline.stages.summaries import written_facets
from pipeline.text import name_key

__all__ = [
    "artefact_is_whole",
    "distinct_names",
    "everything_is_predicted",
    "examples_are_no_documents",
    "few_rejects",
    "ids_are_unique",
    "labels_exist",
    "page_is_small",
    "predictions_exist",
    "questions_are_written",
    "same_size",
    "vectors_are_complete",
]

LARGEST_PAGE = 3_000_000  # bytes
IDS = "select count(*), count(distinct doc_id) from documents where active"
REJECTS = "select (select count(*) from documents where active), (select count(*) from rejects where stage = 'corpus')"
STRANGE_LABELS = """
select count(*) filter (where l.category_id is not null and c.category_id is null), count(*) from labels l
left join categories c on l.taxonomy_id = c.taxonomy_id and l.category_id = c.category_id
"""
STRANGE_PREDICTIONS = """
select count(*) filter (where c.category_id is null), count(*) from predictions p
join classifiers s using (classifier_id) left join categories c on s.taxonomy_id = c.taxonomy_id and p.category_id = c.category_id
where p.classifier_id = ?
"""
MIXED = """
select count(*) filter (where text_hash not in (select text_hash from documents)
    and (text_hash in (select text_hash from labels) or text_hash in (select text_hash from predictions))), count(text_hash)
from written_examples
"""


def ids_are_unique(session: Session) -> Finding:
    """Count documents and their ids."""
    total, distinct = _one(session, IDS)
    return Finding(total == distinct, f"{total} documents with {distinct} ids", {"documents": total, "ids": distinct})


def few_rejects(session: Session) -> Finding:
    """Give the share of what was read that could not be used."""
    used, rejected = _one(session, REJECTS)
    share = rejected / max(1, used + rejected)
    said = f"{rejected} of {used + rejected} rows rejected ({percent(share)})"
    return Finding(share <= session.project.checks.rejected, said, {"rejected": rejected, "rejected_share": share})


def vectors_are_complete(session: Session) -> Finding:
    """Count the texts that the run is about and that have no vector."""
    missing = session.store.count_pending("embeddings", {"embedder_id": session.embedder.embedder_id}, session.partitions)
    return Finding(missing == 0, f"{missing} texts without a vector", {"missing": missing})


def questions_are_written(session: Session) -> Finding:
    """Show the questions with the number of their examples."""
    facets = written_facets(session)
    said = "; ".join(f"{facet.name}: {facet.question} ({len(facet.examples)} examples, by {facet.source})" for facet in facets)
    return Finding(all(facet.examples for facet in facets), said, {"questions": len(facets)})


def distinct_names(pointer: str) -> Callable[[Session], Finding]:
    """Make the check that no two categories of a version have one name."""

    def test(session: Session) -> Finding:
        names = [name_key(category.name) for category in session.store.taxonomy(session.store.current(pointer) or "").categories]
        different = len(set(names))
        return Finding(len(names) == different >= 2, f"{len(names)} categories, {different} different names", {"categories": len(names)})

    return test


def labels_exist(session: Session) -> Finding:
    """Count the labels that name a category which is not in their version of the taxonomy."""
    strange, total = _one(session, STRANGE_LABELS)
    return Finding(strange == 0, f"{strange} of {total} labels name a category that is not in their taxonomy", {"strange": strange, "labels": total})


def examples_are_no_documents(session: Session) -> Finding:
    """Count the written texts that have become labels or predictions."""
    mixed, written = _one(session, MIXED)
    said = f"{written} texts written, of which {mixed} are labelled or predicted like documents"
    return Finding(mixed == 0, said, {"written": written, "mixed": mixed})


def artefact_is_whole(session: Session) -> Finding:
    """Load the student in use, whose files must have the checksum that its row says."""
    classifier_id = session.store.current("classifier_id")
    if classifier_id is None:
        return Finding(False, "no student is in use")
    try:
        load_stored_student(session, classifier_id)
    except ArtefactError as error:
        return Finding(False, str(error))
    student = session.store.student(classifier_id)
    return Finding(True, f"{student.path} has the checksum {student.sha256[:12]} of its row", {"trained_on": student.trained_on})


def everything_is_predicted(session: Session) -> Finding:
    """Count the documents that the run is about and that the student in use has not labelled."""
    key = {"classifier_id": session.store.current("classifier_id") or ""}
    missing = session.store.count_pending("predictions", key, session.partitions)
    return Finding(missing == 0, f"{missing} documents without a prediction", {"missing": missing})


def predictions_exist(session: Session) -> Finding:
    """Count the predictions of the student in use that name a category which is not in its version of the taxonomy."""
    strange, total = _one(session, STRANGE_PREDICTIONS, [session.store.current("classifier_id") or ""])
    said = f"{strange} of {total} predictions name a category that is not in the student's taxonomy"
    return Finding(strange == 0, said, {"strange": strange, "predictions": total})


def page_is_small(session: Session) -> Finding:
    """Say whether the page that was written last is there and small enough to be mailed."""
    found = session.store.rows("select path, bytes from reports")
    there = [(path, size) for path, size in found if (session.folder / path).exists()]
    size = max((size for _, size in there), default=0)
    return Finding(bool(there) and size <= LARGEST_PAGE, f"{size / 1e6:.2f} MB" if there else "there is no page", {"bytes": size})


def same_size(session: Session) -> Finding:
    """Compare the number of clusters with that of categories."""
    compared = session.store.current("baseline_id")
    if compared is None:
        return Finding(True, "no gold labels, so no baseline")
    clusters, categories = (len(session.store.taxonomy(key).leaves) for key in (compared, session.store.current("taxonomy_id") or ""))
    return Finding(clusters == categories, f"{clusters} clusters for {categories} categories", {"clusters": clusters, "categories": categories})


def _one(session: Session, sql: str, values: Sequence[Any] = ()) -> tuple[int, int]:
    first, second = session.store.rows(sql, values)[0]
    return int(first), int(second)
