"""Hands the labels of originals on to their near copies, where the project asks for that."""

from pipeline.annotation import shared_annotator, shared_labels
from pipeline.records import Taxonomy
from pipeline.stages.duplicates import near_spec, shared_copies
from pipeline.stages.session import Session

__all__ = ["share_labels"]


def share_labels(session: Session, present: Taxonomy, teacher_id: str) -> int:
    """Give each near copy the label of its original: a person's where there is one, else the teacher's; give how many labels were made."""
    store, wanted, copies = session.store, session.project.corpus.near_duplicates, shared_copies(session)
    if not copies or wanted is None:
        if store.current("shared_annotator_id") is not None:
            store.mark_current(shared_annotator_id=None)
        return 0
    originals = sorted(set(copies.values()))
    given = {label.text_hash: label for label in store.labels(present.taxonomy_id, teacher_id)}
    given |= {label.text_hash: label for label in store.labels_by_kind(present.taxonomy_id, "human", originals)}
    given = {text: given[text] for text in originals if text in given}
    annotator = shared_annotator(copies, given, spec=near_spec(wanted.threshold))
    made = shared_labels(copies, given, annotator)
    key = {"taxonomy_id": present.taxonomy_id, "annotator_id": annotator.annotator_id}
    missing = set(store.pending("labels", key, among=[label.text_hash for label in made]))
    with store.writer():
        store.save([annotator, *(label for label in made if label.text_hash in missing)])
        store.mark_current(shared_annotator_id=annotator.annotator_id)
    return len(missing)
