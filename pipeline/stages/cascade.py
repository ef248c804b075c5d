"""The stage of the cascade: a label is taken from the student, the annotator or the generator where it keeps a promise, and else waits for people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipeline.annotation import Grounds, LearnedThreshold, batch_labels, learn_threshold
from pipeline.ids import content_id
from pipeline.records import Annotator, Label, Taxonomy
from pipeline.settings import Role
from pipeline.stages.asking import annotation_sample, ask, current_taxonomy, first_annotator, given_labels
from pipeline.stages.manner import likeness
from pipeline.stages.session import Session

__all__ = ["cascade"]

Hear = Callable[[Sequence[str]], dict[str, Label]]


def cascade(session: Session) -> tuple[int, int]:
    """Learn from which probability on the student is right as often as promised, and let the annotator label some of the others.

    Who is right is said by the annotator, or by the generator where that is another model; then the annotator's labels are
    taken from a threshold on as well, and the generator gives those below. The promise is relative to the one that checks:
    a check asks it about one document that is labelled already. What it is asked is kept as its label, so that a second
    run asks nothing. Without a promise in the project nothing is done.
    """
    promise, store = session.project.annotation.promise, session.store
    student = store.current("classifier_id")
    if promise is None or student is None:
        store.mark_current(cascade_annotator_id=None)
        return 0, 0
    present, heard = current_taxonomy(session), dict[str, Label]()
    stronger = session.model_of("generator") != session.model_of("annotator")
    annotator = _hearing(session, present, "annotator")
    judge = _remembering(_hearing(session, present, "generator") if stronger else annotator, heard)
    chosen, sure = store.predictions(student), store.prediction_probabilities(student)
    sampled = {document.text_hash for document in annotation_sample(session)}
    texts = [text for text in store.sample_hashes(first=len(chosen)) if text in chosen and text not in sampled]
    learnt = _learn(session, {text: (chosen[text], sure[text]) for text in texts}, judge, stages=1 + stronger, stage=0)
    store.save([learnt.record(taxonomy_id=present.taxonomy_id, annotator_id=student)])
    session.progress.status(f"cascade: {learnt.share:.0%} of the documents are taken from the student. {learnt.why}")
    left = {text for text in texts if sure[text] < learnt.threshold}
    given = annotator(sorted(left, key=lambda text: (sure[text], text))[: promise.asked])
    if stronger and given:
        given = _taken(session, present, given, judge)
    return _save(session, present, [label for text, label in (given | heard).items() if text in left]), len(texts)


def _learn(session: Session, labelled: Mapping[str, tuple[str | None, float | None]], judge: Hear, *, stages: int, stage: int) -> LearnedThreshold:
    """Learn a stage's threshold from its labels and their probabilities; the stages share delta and the checks equally."""
    promise, texts = session.project.annotation.promise, list(labelled)
    assert promise is not None

    def check(places: Sequence[int], /) -> list[bool | None]:
        said = judge([texts[place] for place in places])
        return [said[texts[place]].category_id == labelled[texts[place]][0] if texts[place] in said else None for place in places]

    probabilities = [probability for _, probability in labelled.values()]
    delta, budget, seed = promise.delta / stages, promise.checks // stages, session.project.seed + stage
    return learn_threshold(probabilities, check, promised=promise.accuracy, delta=delta, budget=budget, seed=seed)


def _taken(session: Session, present: Taxonomy, given: dict[str, Label], judge: Hear) -> dict[str, Label]:
    """Take the annotator's labels where they keep the promise, and let the generator give the others."""
    annotator, _ = first_annotator(session, present)
    learnt = _learn(session, {text: (label.category_id, label.probability) for text, label in given.items()}, judge, stages=2, stage=1)
    session.store.save([learnt.record(taxonomy_id=present.taxonomy_id, annotator_id=annotator.annotator_id)])
    session.progress.status(f"cascade: {learnt.share:.0%} of the others are taken from the annotator. {learnt.why}")
    taken = {text: label for text, label in given.items() if (label.probability or 0.0) >= learnt.threshold}
    return taken | judge([text for text in given if text not in taken])


def _hearing(session: Session, present: Taxonomy, role: Role) -> Hear:
    """Give a function that asks a role's model about some texts, and gives the annotator's labels without what it leans to over the sample."""
    annotator, manner = first_annotator(session, present, role)
    sample = given_labels(session, present, annotator, [document.text_hash for document in annotation_sample(session)])
    categories = [category.category_id for category in present.leaves]
    usual = likeness(session, present, [label.text_hash for label in sample]) if sample else {}
    session.store.save([annotator])

    def hear(wanted: Sequence[str]) -> dict[str, Label]:
        ask(session, present, annotator, manner, wanted, "cascade", needed=False, role=role)
        given = given_labels(session, present, annotator, wanted)
        if sample:
            grounds = Grounds(cards=usual | likeness(session, present, [label.text_hash for label in given]))
            given = batch_labels(given, sample, categories=categories, grounds=grounds)
        return {label.text_hash: label for label in given}

    return hear


def _remembering(hear: Hear, heard: dict[str, Label]) -> Hear:
    def remember(wanted: Sequence[str]) -> dict[str, Label]:
        said = hear(wanted)
        heard.update(said)
        return said

    return remember


def _save(session: Session, present: Taxonomy, labels: Sequence[Label]) -> int:
    """Keep the annotator's labels of what the student was not sure enough of, under an annotator of their own."""
    first, _ = first_annotator(session, present)
    settings = {"cascade": [present.taxonomy_id, session.store.current("classifier_id") or ""], "from": first.annotator_id}
    own = Annotator(content_id("annotator", ["cascade", settings]), "teacher", first.model, first.prompt, settings)
    session.store.save([own, *(replace(label, annotator_id=own.annotator_id) for label in labels)])
    session.store.mark_current(cascade_annotator_id=own.annotator_id)
    return len(labels)
