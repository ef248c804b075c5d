"""The stage of the cascade: the student's labels are taken where they keep a promise, and others go up to the annotator and to people."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.annotation import StageProbabilities, batch_labels, learn_cascade, route
from pipeline.ids import content_id
from pipeline.records import Annotator, Label, Taxonomy
from pipeline.stages.asking import annotation_sample, ask, current_taxonomy, first_annotator, given_labels
from pipeline.stages.session import Session

__all__ = ["cascade"]

STUDENT, ANNOTATOR = "student", "annotator"


def cascade(session: Session) -> tuple[int, int]:
    """Learn from which probability on the student agrees with the annotator as often as promised, and let the annotator label others.

    The promise is relative to the annotator: a check asks it about one document that the student has labelled. What it is
    asked is kept as its label, so that a second run asks nothing. Without a promise in the project nothing is done.
    """
    promise, store = session.project.annotation.promise, session.store
    student = store.current("classifier_id")
    if promise is None or student is None:
        store.mark_current(cascade_annotator_id=None)
        return 0, 0
    present = current_taxonomy(session)
    chosen, sure = store.predictions(student), store.prediction_probabilities(student)
    sampled = {document.text_hash for document in annotation_sample(session)}
    texts = [text for text in store.sample_hashes(first=len(chosen)) if text in chosen and text not in sampled]
    hear, heard = _hearing(session, present), dict[str, Label]()

    def check(places: Sequence[int], /) -> list[bool | None]:
        wanted = [texts[place] for place in places]
        heard.update(hear(wanted))
        return [heard[text].category_id == chosen[text] if text in heard else None for text in wanted]

    stages = [StageProbabilities(STUDENT, [sure[text] for text in texts])]
    (learnt,) = learn_cascade(stages, [check], promised=promise.accuracy, delta=promise.delta, budget=promise.checks, seed=session.project.seed)
    store.save([learnt.record(taxonomy_id=present.taxonomy_id, annotator_id=student)])
    session.progress.status(f"cascade: {learnt.share:.0%} of the documents are taken from the student. {learnt.why}")
    left = [text for text, stage in zip(texts, route(stages, [learnt.threshold]), strict=True) if stage is None]
    heard.update(hear(sorted(left, key=lambda text: (sure[text], text))[: promise.asked]))
    open_ones = set(left)
    return _save(session, present, [label for text, label in heard.items() if text in open_ones]), len(texts)


def _hearing(session: Session, present: Taxonomy) -> Callable[[Sequence[str]], dict[str, Label]]:
    """Give a function that asks the annotator about some texts, and gives its labels without what it leans to over the sample."""
    annotator, manner = first_annotator(session, present)
    sample = given_labels(session, present, annotator, [document.text_hash for document in annotation_sample(session)])
    categories = [category.category_id for category in present.leaves]

    def hear(wanted: Sequence[str]) -> dict[str, Label]:
        ask(session, present, annotator, manner, wanted, "cascade", needed=False)
        given = given_labels(session, present, annotator, wanted)
        return {label.text_hash: label for label in batch_labels(given, sample, categories=categories)}

    return hear


def _save(session: Session, present: Taxonomy, labels: Sequence[Label]) -> int:
    """Keep the annotator's labels of what the student was not sure enough of, under an annotator of their own."""
    first, _ = first_annotator(session, present)
    settings = {"cascade": [present.taxonomy_id, session.store.current("classifier_id") or ""], "from": first.annotator_id}
    own = Annotator(content_id("annotator", ["cascade", settings]), "teacher", first.model, first.prompt, settings)
    session.store.save([own, *(replace(label, annotator_id=own.annotator_id) for label in labels)])
    session.store.mark_current(cascade_annotator_id=own.annotator_id)
    return len(labels)
