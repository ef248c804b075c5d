"""What there is to measure of a run, gathered from the tables."""

from collections.abc import Callable, Sequence

from pipeline.evaluation import Finding, Judged
from pipeline.gold import gold_labels
from pipeline.stages.asking import annotation_sample, current_taxonomy, is_held_out
from pipeline.stages.judgements import judged_findings
from pipeline.stages.known import known_labels
from pipeline.stages.parts import parts_of
from pipeline.stages.people import people_findings
from pipeline.stages.rivals import made_rivals
from pipeline.stages.session import Session
from pipeline.stages.summaries import sampled_summaries
from pipeline.stages.taxonomy_findings import taxonomy_findings

__all__ = ["FINDINGS", "gather_judged"]

# What is found from rows of its own; each gives its figures, and none where it has no rows.
FINDINGS: Sequence[Callable[[Session], Sequence[Finding]]] = (people_findings, judged_findings, taxonomy_findings)


def gather_judged(session: Session) -> Judged:
    """Give what there is to measure, known labels that the teacher was calibrated on left out."""
    store, present = session.store, current_taxonomy(session)
    teacher, student, compared = (store.current(key) for key in ("teacher_annotator_id", "classifier_id", "baseline_id"))
    asked = {document.text_hash for document in annotation_sample(session)}
    given = store.labels(present.taxonomy_id, teacher) if teacher else []
    cited = {text for category in present.categories for text in category.members}
    sampled = [summary.text_hash for summary in sampled_summaries(session)]
    clusters = store.taxonomy(compared).categories if compared else ()
    known = known_labels(session, present)  # what the teacher was calibrated on proves nothing of it
    sure = {label.text_hash: label.probability for label in given if label.probability is not None}
    several = session.project.annotation.mode == "all"
    gold = {text: label for text, label in store.gold().items() if text not in known}
    names = {category.category_id: category.name for category in present.leaves}
    labels = {text: gold_labels(label)[0] for text, label in gold.items()} or {
        label.text_hash: label.category_id for label in given if label.category_id is not None and label.text_hash in asked
    }
    measured = sorted(asked | gold.keys())  # of all other predictions nothing is known
    return Judged(
        asked=asked,
        taught={label.text_hash: label.category_id for label in given if label.text_hash in asked},
        held_out={text for text in asked if is_held_out(session, text)},
        predicted=dict(store.predictions_among(student, measured)) if student else {},
        baseline={text: cluster.category_id for cluster in clusters for text in cluster.members},
        cited={text: text in cited for text in sampled},
        gold=gold,
        names=names,
        probabilities={"teacher": sure, "student": store.prediction_probabilities(student, measured) if student else {}},
        also={label.text_hash: label.also for label in given} if several else {},
        slices=parts_of(session, asked | gold.keys(), labels),
        none_fits={label.text_hash for label in given if label.reason == "none_fits"},
        categories=names.keys() | _of_student(session, student),
        rivals=made_rivals(session),
        findings=[finding for find in FINDINGS for finding in find(session)],
    )


def _of_student(session: Session, student: str | None) -> set[str]:
    """Give the categories that the student in use may say, which are those of the taxonomy that it was made for."""
    found = session.store.find_student(student) if student else None
    return set() if found is None else {category.category_id for category in session.store.taxonomy(found.taxonomy_id).leaves}
