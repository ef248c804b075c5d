"""The stage that lets the annotator label some documents again under circumstances that should not matter, and what came of it."""

from collections.abc import Iterator
from dataclasses import replace

from pipeline.annotation import Manner, annotate, annotate_by_level
from pipeline.errors import BudgetReachedError
from pipeline.evaluation.judged import Finding, Labels
from pipeline.evaluation.repeats import AGAIN, ORDER, REWORDINGS, flip_findings, repeat_annotator
from pipeline.records import Annotator, Document, Label, Outcome, Taxonomy
from pipeline.settings import Project
from pipeline.stages.annotations import reordered_count
from pipeline.stages.asking import annotation_sample, current_taxonomy, first_annotator, given_labels, vote_annotators
from pipeline.stages.manner import besides
from pipeline.stages.session import Session

__all__ = ["flips_of", "missing_repeats", "repeated_labels"]


def repeated_labels(session: Session) -> tuple[int, int]:
    """Let the annotator label some documents again, with another seed and in other words that mean the same, to see how often it flips."""
    if not session.project.evaluation.repeat_sample:
        return 0, 0
    present = current_taxonomy(session)
    annotator, manner = first_annotator(session, present)
    total = made = 0
    for kind, texts in _wanted(session, present, annotator).items():
        repeat = repeat_annotator(annotator, kind)
        key = {"taxonomy_id": present.taxonomy_id, "annotator_id": repeat.annotator_id}
        pending = session.store.pending("labels", key, among=texts)
        total += len(texts)
        if pending and not session.stopped:
            session.store.save([repeat])
            made += _ask(session, present, repeat, manner, kind, pending)
    return made, total


def flips_of(session: Session) -> list[Finding]:
    """Give how often labels flip, by the repeats and by what votes said with the categories in the other order; nothing where none are there."""
    if not session.project.evaluation.repeat_sample or session.store.current("taxonomy_id") is None:
        return []
    present = current_taxonomy(session)
    annotator, _ = first_annotator(session, present)
    first = _given(session, present, annotator)
    repeats = {kind: _given(session, present, repeat_annotator(annotator, kind)) for kind in (AGAIN, *REWORDINGS)}
    reordered = _reordered(session, present)
    names = {category.category_id: category.name for category in present.leaves}
    return flip_findings(first, {ORDER: reordered, **repeats}, names, judge=session.model_of("annotator"))


def missing_repeats(session: Session) -> int:
    """Count the questions that are still to be asked; before the first answers, as many as are planned."""
    count = session.project.evaluation.repeat_sample
    if not count:
        return 0
    present = current_taxonomy(session)
    annotator, _ = first_annotator(session, present)
    wanted = _wanted(session, present, annotator)
    if not wanted[AGAIN]:
        return 2 * count
    missing = 0
    for kind, texts in wanted.items():
        key = {"taxonomy_id": present.taxonomy_id, "annotator_id": repeat_annotator(annotator, kind).annotator_id}
        missing += len(session.store.pending("labels", key, among=texts))
    return missing


def _wanted(session: Session, present: Taxonomy, annotator: Annotator) -> dict[str, list[str]]:
    """Give what is asked again in each way: the first labelled texts with another seed, and each in one other wording, in turn."""
    sample = [document.text_hash for document in annotation_sample(session)]
    labelled = [label.text_hash for label in given_labels(session, present, annotator, sample)]
    documents = session.store.texts(labelled[: session.project.evaluation.repeat_sample])
    wanted = {AGAIN: [document.text_hash for document in documents]}
    for place, (kind, reworded) in enumerate(REWORDINGS.items()):  # some scripts have no small letters
        wanted[kind] = [document.text_hash for document in documents[place :: len(REWORDINGS)] if reworded(document.text) != document.text]
    return wanted


def _given(session: Session, present: Taxonomy, annotator: Annotator) -> Labels:
    return {label.text_hash: label.category_id for label in session.store.labels(present.taxonomy_id, annotator.annotator_id)}


def _reordered(session: Session, present: Taxonomy) -> Labels:
    """Give the votes with the categories in the other order on documents that were drawn for it, not on those the annotator was unsure of."""
    voters = vote_annotators(session, present)
    if not voters:
        return {}
    sample = [document.text_hash for document in annotation_sample(session)]
    drawn = set(sample[: reordered_count(session, len(sample))])
    return {text: category for text, category in _given(session, present, voters[0][0]).items() if text in drawn}


def _ask(session: Session, present: Taxonomy, repeat: Annotator, manner: Manner, kind: str, pending: list[str]) -> int:
    """Ask in one way and save the answers batch by batch; what a reached budget leaves out is left for another run."""
    made, spec = 0, f"{present.taxonomy_id} {repeat.annotator_id}"
    outcomes = _answers(session, present, repeat, manner, kind, session.store.texts(pending))
    try:
        for outcome in session.progress.track(outcomes, total=len(pending), what=f"labels again ({kind})", size=_size):
            with session.store.writer():
                session.store.save(list(outcome.records))
                session.store.save_failures("repeated_labels", spec, outcome.failures, answered=[label.text_hash for label in outcome.records])
            made += _size(outcome)
    except BudgetReachedError as reached:
        session.stop(f"{reached} Left: {len(pending) - made} documents to label again ({kind}).")
    return made


def _answers(
    session: Session, present: Taxonomy, repeat: Annotator, manner: Manner, kind: str, documents: list[Document]
) -> Iterator[Outcome[Label]]:
    project: Project = session.project.model_copy(update={"seed": session.project.seed + 1}) if kind == AGAIN else session.project
    shown = [replace(document, text=REWORDINGS[kind](document.text)) for document in documents] if kind in REWORDINGS else documents
    if manner.top_down:
        return annotate_by_level(shown, taxonomy=present, annotator=repeat, chat=session.annotator, project=project)
    beside = besides(session, present, manner, [document.text_hash for document in documents])
    return annotate(shown, taxonomy=present, annotator=repeat, chat=session.annotator, project=project, manner=manner, beside=beside)


def _size(outcome: Outcome[Label]) -> int:
    return len(outcome.records) + len(outcome.failures)
