"""Whether what arrives still is what the student learnt from: each part of the corpus against those before it.

A part is a partition; where a project has none, it is the documents first seen on one day. What was found of a part is kept, and
computed anew only where its predictions or its labels have changed, or where there is much more to compare it with by now.
"""

from collections import Counter

from pipeline.evaluation.drift import label_shift, share_by_chance
from pipeline.ids import content_id
from pipeline.stages.asking import is_held_out
from pipeline.stages.session import Session
from pipeline.store.drift_reads import PartCounts
from pipeline.trust_records import Drift

__all__ = ["STRANGE", "drift_of", "measure_drift"]

STRANGE = 0.95  # novelty that 1 in 20 documents like the training documents reaches
FEWEST_BEFORE = 30  # documents that a part can be compared with
MOST_CHANGES = 5  # categories that are named
Judged = tuple[int, int]  # labels of a part that the student did not learn from, and those of them that it agrees with


def measure_drift(session: Session) -> int:
    """Compare each part of the corpus with those before it, by the student in use; say how many were compared in this run."""
    classifier_id = session.store.current("classifier_id")
    if classifier_id is None:
        return 0
    known, judged = session.store.drift(classifier_id), _judged(session, classifier_id)
    before, found = PartCounts(), list[Drift]()
    for name, part in session.store.part_counts(classifier_id, strange=STRANGE, by_name=_by_name(session)).items():
        inputs = content_id("drift", [dict(part.labels), part.strangers, part.scored, judged.get(name, (0, 0))])
        if not _holds(known.get(name), inputs, before):
            found.append(_compared(session, classifier_id, name, part, before, judged.get(name, (0, 0)), inputs))
        before += part
    session.store.save(found)
    return len(found)


def drift_of(session: Session) -> list[Drift]:
    """Give how each part differs from those before it by the student in use, the latest part last; none where nothing was compared."""
    classifier_id = session.store.current("classifier_id")
    if classifier_id is None:
        return []
    known = session.store.drift(classifier_id)
    return [known[part] for part in session.store.part_names(by_name=_by_name(session)) if part in known]


def _by_name(session: Session) -> bool:
    """Say whether parts follow one another by their names, as days do."""
    return session.project.partitions is None or session.project.partitions.by == "day"


def _holds(known: Drift | None, inputs: str, before: PartCounts) -> bool:
    """Say whether what is known of a part still holds, though a few more documents may have come late to those before it."""
    if known is None or known.inputs != inputs:
        return False
    return before.documents < FEWEST_BEFORE or before.documents <= 2 * known.before


def _compared(session: Session, classifier_id: str, name: str, part: PartCounts, before: PartCounts, judged: Judged, inputs: str) -> Drift:
    enough = before.documents >= FEWEST_BEFORE
    shift = label_shift(part.labels, before.labels, seed=session.project.seed) if enough else None
    changes = {key: pair for key, pair in (shift.changes if shift else {}).items() if pair[0] != pair[1]}
    compares = enough and part.scored and before.scored
    strangers_before = before.strangers / before.scored if compares else None
    return Drift(
        classifier_id, name, part.documents, before.documents,
        distance=shift.distance if shift else None,
        distance_by_chance=shift.by_chance if shift else None,
        changes=dict(list(changes.items())[:MOST_CHANGES]),
        strangers=part.strangers / part.scored if part.scored else None,
        strangers_before=strangers_before,
        # Documents that the student learnt from look less strange than others like them.
        strangers_by_chance=None if strangers_before is None else share_by_chance(part.scored, max(strangers_before, 1 - STRANGE)),
        probability=part.probability / part.documents,
        probability_before=before.probability / before.documents if enough else None,
        agreement=judged[1] / judged[0] if judged[0] else None,
        judged=judged[0],
        inputs=inputs,
    )  # fmt: skip


def _judged(session: Session, classifier_id: str) -> dict[str, Judged]:
    """Count, by part, the model's labels that the student did not learn from: held-out ones, and those given since it was trained."""
    store, teacher = session.store, session.store.current("teacher_annotator_id")
    if teacher is None:
        return {}
    trained_at = store.decided_at(classifier_id)
    asked, agreed = Counter[str](), Counter[str]()
    for part, text_hash, agrees, given_at in store.judged_in_parts(classifier_id, store.student(classifier_id).taxonomy_id, teacher):
        if is_held_out(session, text_hash) or (trained_at is not None and given_at > trained_at):
            asked[part] += 1
            agreed[part] += agrees
    return {part: (count, agreed[part]) for part, count in asked.items()}
