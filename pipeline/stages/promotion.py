"""Which student is in use: a new one by a stated rule only, any one that a person names, and the one before again."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from pipeline.annotation import held_out
from pipeline.errors import ArtefactError, StudentError
from pipeline.gold import gold_labels
from pipeline.records import Student, Taxonomy
from pipeline.stages.asking import current_taxonomy
from pipeline.stages.duplicates import cluster_of
from pipeline.stages.learning import inputs_of
from pipeline.stages.moved_on import fates
from pipeline.stages.session import Session
from pipeline.student_records import Promotion
from pipeline.students import Comparison, LoadedStudent, compare_students, load_student
from pipeline.students.judged import FEWEST_KNOWN

__all__ = ["RULE", "compare", "decide", "load_stored_student", "promote", "roll_back", "used_before"]

RULE = "A new student is taken into use unless it is worse than the present one by more than chance, on documents that neither learnt from."
ASKED_FOR, ROLLED_BACK = "asked for", "rolled back"  # reasons of decisions by people
LEAST = 20  # such documents, without which two students are not compared


def decide(session: Session, classifier_id: str) -> bool:
    """Take the student that the project now leads to into use where the rule allows it.

    What was decided of two students once stands. What a person chose stays in use until there is a student that was not there then;
    one that cannot label any more is replaced whoever chose it.

    :return: whether the student is in use afterwards.
    """
    store = session.store
    present, decisions = store.current("classifier_id"), [one for one, _ in store.promotions()]
    if present == classifier_id:
        return True
    reason = "It is the first one." if present is None else _why_useless(session, present)
    promoted = reason is not None
    if present is not None and reason is None:
        if _chosen_over(decisions, present, classifier_id):
            return False
        earlier = next((one for one in decisions if (one.classifier_id, one.previous_id, one.decided_by) == (classifier_id, present, "rule")), None)
        if earlier is not None and not earlier.promoted:
            return False
        promoted, reason = (True, earlier.reason) if earlier else _judged(session, classifier_id, present)
    if not promoted:
        session.progress.status(f"The new student is kept out of use. {reason} {RULE}")
    _record(session, Promotion(classifier_id, present, store.facet, promoted, "rule", reason or ""))
    return promoted


def compare(session: Session, old_id: str, new_id: str) -> Comparison:
    """Compare two students on the same documents that neither learnt from.

    Right is what people said of them and, where the project lets it be used, what the corpus knows; where that is too little, what the
    teacher of the student that was trained later says of the others.

    :raises StudentError: where they cannot be compared: they are one, label by different versions of the taxonomy, or share too few documents.
    :raises StoreError: where there is no such student.
    :raises ArtefactError: where a student's files are missing or damaged.
    """
    store = session.store
    old, new = store.student(old_id), store.student(new_id)
    if old_id == new_id:
        raise StudentError(f"{old_id} is one student; name two to compare. `linnaeus students list {session.project.name}` lists them.")
    if old.taxonomy_id != new.taxonomy_id:
        found = fates(store, store.taxonomy(old.taxonomy_id), store.taxonomy(new.taxonomy_id))
        raise StudentError(
            f"{old_id} labels by the taxonomy {old.taxonomy_id} and {new_id} by {new.taxonomy_id}, so that what is right for one is not for the"
            f" other; expected two of one version. {found.words}"
        )
    truth, judge = _truth(session, old, new)
    if len(truth) < LEAST:
        raise StudentError(
            f"{len(truth)} documents that neither {old_id} nor {new_id} learnt from have a label; expected at least {LEAST}."
            " Raise annotation.sample or annotation.held_out, and run the project again."
        )
    texts, places = sorted(truth), {category: place for place, category in enumerate(sorted(set(truth.values())))}
    before, after = (np.array([places.get(one, -1) for one in _labelled(session, student, texts)]) for student in (old, new))
    return compare_students(before, after, np.array([places[truth[text]] for text in texts]), judge=judge, seed=session.project.seed)


def promote(session: Session, classifier_id: str, *, reason: str = ASKED_FOR) -> Promotion:
    """Take a student into use because a person says so, and publish the tables.

    :raises StoreError: where there is no such student.
    :raises StudentError: where it is in use already, or labels by another version of the taxonomy than the present one.
    :raises ArtefactError: where its files are missing or damaged, or it learnt on vectors of another embedder.
    """
    store, student, present = session.store, session.store.student(classifier_id), current_taxonomy(session)
    if store.current("classifier_id") == classifier_id:
        raise StudentError(f"{classifier_id} is in use already.")
    if student.taxonomy_id != present.taxonomy_id:
        found = fates(store, store.taxonomy(student.taxonomy_id), present)
        raise StudentError(
            f"{classifier_id} labels by the taxonomy {student.taxonomy_id}, and the present one is {present.taxonomy_id}. {found.words}"
            f" Apply that version first, or train a student of the present one: linnaeus run {session.project.name}"
        )
    load_stored_student(session, classifier_id)
    made = _record(session, Promotion(classifier_id, store.current("classifier_id"), store.facet, True, "person", reason))
    store.publish()
    return made


def roll_back(session: Session) -> Promotion:
    """Take the student into use again that was in use before the present one; once more goes back further.

    :raises StudentError: where there was none, or it cannot be taken into use any more.
    :raises ArtefactError: as `promote` does.
    """
    present, before = session.store.current("classifier_id"), used_before(session)
    if not before:
        raise StudentError(f"Project {session.project.name} has had no other student in use before {present or 'the first one'}.")
    return promote(session, before[-1], reason=ROLLED_BACK)


def used_before(session: Session) -> list[str]:
    """List the students that were in use before the present one, the first one first, without those that were rolled back from."""
    stack: list[str] = []
    for one in [one for one, _ in reversed(session.store.promotions()) if one.promoted]:
        if one.previous_id is not None and stack[-1:] != [one.previous_id]:
            stack.append(one.previous_id)
        if one.reason == ROLLED_BACK and one.classifier_id in stack[:-1]:
            stack.pop()
        else:
            stack.append(one.classifier_id)
    return stack[:-1] if stack[-1:] == [session.store.current("classifier_id")] else stack


def load_stored_student(session: Session, classifier_id: str) -> LoadedStudent:
    """Load a student that the tables name, to label with the project's embedder.

    :raises ArtefactError: when its files are missing or damaged, or it learnt on vectors of another embedder.
    """
    student = session.store.student(classifier_id)
    return load_student(session.folder / student.path, sha256=student.sha256, embedder_id=session.embedder.embedder_id)


def _why_useless(session: Session, classifier_id: str) -> str | None:
    """Say why the present student cannot label any more; None where it can."""
    student, present = session.store.find_student(classifier_id), current_taxonomy(session)
    if student is None:
        return "The present one is not in the tables any more."
    if student.taxonomy_id != present.taxonomy_id:
        found = fates(session.store, session.store.taxonomy(student.taxonomy_id), present)
        return f"The present one labels by another version of the taxonomy. {found.words}"
    try:
        load_stored_student(session, classifier_id)
    except ArtefactError as error:
        return f"The present one cannot be used any more: {error}"
    return None


def _chosen_over(decisions: Sequence[Promotion], present: str, classifier_id: str) -> bool:
    """Say whether a person took the present student into use when the other one was there already."""
    for place, one in enumerate(decisions):
        if one.promoted and one.classifier_id == present:
            there = {key for other in decisions[place + 1 :] for key in (other.classifier_id, other.previous_id)} | {one.previous_id}
            return one.decided_by == "person" and classifier_id in there
    return False


def _judged(session: Session, classifier_id: str, present: str) -> tuple[bool, str]:
    try:
        found = compare(session, present, classifier_id)
    except StudentError as error:
        return True, f"The two could not be compared: {error}"
    return not found.worse, found.words


def _truth(session: Session, old: Student, new: Student) -> tuple[dict[str, str], str]:
    """Give the right category of documents that neither student learnt from, and who says so."""
    store, trained = session.store, [student.classifier_id for student in session.store.students()]
    later = min(old, new, key=lambda student: trained.index(student.classifier_id))
    given = {student.annotator_id: store.labels(student.taxonomy_id, student.annotator_id) for student in (old, new)}
    # What its teacher was asked about and was held out is all that a student has not seen, not even without a label.
    apart = [{label.text_hash for label in given[student.annotator_id] if _was_held_out(session, student, label.text_hash)} for student in (old, new)]
    texts = sorted(set.intersection(*apart))
    for embedder_id in {old.embedder_id, new.embedder_id}:
        missing = set(store.pending("embeddings", {"embedder_id": embedder_id}, among=texts))
        texts = [text for text in texts if text not in missing]
    people, corpus = store.human_labels(later.taxonomy_id), _corpus_labels(session, store.taxonomy(later.taxonomy_id))
    known = {text: category for text in texts if (category := people[text] if text in people else corpus.get(text))}
    if len(known) >= FEWEST_KNOWN:
        return known, "known labels"
    wanted = {text for text in texts if text in known or text not in people}  # of which people said that no category fits, there is no right one
    taught = {label.text_hash: label.category_id for label in given[later.annotator_id] if label.category_id and label.text_hash in wanted}
    return taught | known, f"the teacher's labels ({len(known)} of them known)" if known else "the teacher's labels"


def _was_held_out(session: Session, student: Student, text_hash: str) -> bool:
    """Say whether a document was kept from a student, by the settings that it was trained with."""
    share, seed = student.settings.get("held_out", session.project.annotation.held_out), student.settings.get("seed", session.project.seed)
    return held_out(cluster_of(session, text_hash), share=share, seed=seed)


def _corpus_labels(session: Session, taxonomy: Taxonomy) -> dict[str, str]:
    """Give the categories that the corpus knows, where the project lets gold labels be used and each is the exact name of a category."""
    if not session.project.annotation.known:
        return {}
    names = {category.name: category.category_id for category in taxonomy.leaves}
    gold = {text: gold_labels(label) for text, label in session.store.gold().items()}
    if not set(chain.from_iterable(gold.values())) <= set(names):
        return {}
    return {text: names[labels[0]] for text, labels in gold.items() if len(labels) == 1}


def _labelled(session: Session, student: Student, texts: Sequence[str]) -> list[str]:
    loaded = load_student(session.folder / student.path, sha256=student.sha256)
    found = loaded.probabilities(inputs_of(session, texts, features=set(loaded.features), embedder_id=student.embedder_id))
    return [loaded.categories[int(place)] for place in found.argmax(axis=1)]


def _record(session: Session, promotion: Promotion) -> Promotion:
    with session.store.writer():
        session.store.save([promotion])
        if promotion.promoted:
            session.store.mark_current(classifier_id=promotion.classifier_id)
    return promotion
