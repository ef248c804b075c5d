"""The stages of the labels: annotations (the model's own answers) and labels (calibrated)."""

from pipeline.annotation import annotate, calibrate, held_out, leaning, llm_annotator, teacher_annotator
from pipeline.errors import BudgetReachedError, TaxonomyError
from pipeline.records import Annotator, Document, Label, Taxonomy
from pipeline.stages.session import Session

__all__ = ["annotation_sample", "annotations", "current_taxonomy", "is_held_out", "labels"]


def annotations(session: Session) -> tuple[int, int]:
    """Let the model label the sampled documents that it has not labelled under this taxonomy."""
    present, annotator = current_taxonomy(session), llm_annotator(session.project, session.model_of("annotator"))
    session.store.save([annotator])
    key = {"taxonomy_id": present.taxonomy_id, "annotator_id": annotator.annotator_id}
    wanted = [document.text_hash for document in annotation_sample(session)]
    pending = session.store.pending("labels", key, among=wanted)
    outcomes = annotate(session.store.texts(pending), taxonomy=present, annotator=annotator, chat=session.annotator, project=session.project)
    spec, made = f"{present.taxonomy_id} {annotator.annotator_id}", 0
    session.store.mark_current(llm_annotator_id=annotator.annotator_id)
    try:
        for outcome in session.progress.track(outcomes, total=len(pending), what="labels", size=lambda o: len(o.records) + len(o.failures)):
            with session.store.writer():
                session.store.save(list(outcome.records))
                session.store.save_failures("annotations", spec, outcome.failures, answered=[label.text_hash for label in outcome.records])
            made += len(outcome.records) + len(outcome.failures)
    except BudgetReachedError as reached:  # what is labelled teaches a student all the same
        if not made and len(pending) == len(wanted):
            raise
        session.stop(f"{reached} Left: {len(pending) - made} of {len(wanted)} documents to label.")
    return made, len(_given(session, present, annotator, wanted))


def labels(session: Session) -> tuple[int, int]:
    """Calibrate the model's answers; the leaning is measured on the documents that are not held out."""
    present, llm = current_taxonomy(session), llm_annotator(session.project, session.model_of("annotator"))
    raw = _given(session, present, llm, [document.text_hash for document in annotation_sample(session)])
    means = leaning([label for label in raw if not is_held_out(session, label.text_hash)] or raw)
    teacher = teacher_annotator(llm, means)
    session.store.save([teacher])
    key = {"taxonomy_id": present.taxonomy_id, "annotator_id": teacher.annotator_id}
    pending = set(session.store.pending("labels", key, among=[label.text_hash for label in raw]))
    session.store.save(calibrate([label for label in raw if label.text_hash in pending], means=means, annotator=teacher))
    session.store.mark_current(teacher_annotator_id=teacher.annotator_id)
    return len(pending), len(raw)


def annotation_sample(session: Session) -> list[Document]:
    """Give the documents that the model is to label: others than the taxonomy came from, as far as there are enough."""
    taxonomy, wanted = session.project.taxonomy.sample, session.project.annotation.sample
    fresh = session.store.sample_texts(first=wanted, skip=taxonomy)
    return fresh + session.store.sample_texts(first=min(wanted - len(fresh), taxonomy)) if len(fresh) < wanted else fresh


def is_held_out(session: Session, text_hash: str) -> bool:
    """Say whether a labelled document is kept from the students."""
    return held_out(text_hash, share=session.project.annotation.held_out, seed=session.project.seed)


def current_taxonomy(session: Session) -> Taxonomy:
    """Give the taxonomy that labels are given under."""
    found = session.store.current("taxonomy_id")
    if found is None:
        raise TaxonomyError("There is no taxonomy yet; run the stage taxonomy first.")
    return session.store.taxonomy(found)


def _given(session: Session, present: Taxonomy, annotator: Annotator, wanted: list[str]) -> list[Label]:
    known = {label.text_hash: label for label in session.store.labels(present.taxonomy_id, annotator.annotator_id)}
    return [known[text] for text in wanted if text in known]
