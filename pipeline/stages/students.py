"""The stages of the student: classifier, predictions."""

import math
from pathlib import Path

from pipeline.errors import ArtefactError, TrainingError
from pipeline.ids import content_id
from pipeline.records import Label, Student, Taxonomy
from pipeline.stages.asking import current_taxonomy, is_held_out
from pipeline.stages.labels import cited_members
from pipeline.stages.session import Session
from pipeline.students import METHOD, LoadedStudent, Trained, TrainingSet, cited_labels, load_student, save_student, score, soft_labels, train

__all__ = ["classifier", "load_current_student", "predictions"]

SCORE_BATCH = 8192


def classifier(session: Session) -> tuple[int, int]:
    """Train a student on labels that are not held out, on what the categories cite, and on how other documents lie around them."""
    present, store = current_taxonomy(session), session.store
    teacher, embedder_id = store.current("teacher_annotator_id"), session.embedder.embedder_id
    given = store.labels(present.taxonomy_id, teacher) if teacher else []
    taught = [label for label in given if label.category_id is not None and not is_held_out(session, label.text_hash)]
    asked = {label.text_hash for label in given}
    cited = cited_members(session, present, asked)
    more = _unlabelled(session, asked.union(cited))
    classifier_id = _classifier_id(session, present, taught, cited, more, embedder_id)
    folder = session.folder / "classifiers" / classifier_id.removeprefix("student:")
    known = store.find_student(classifier_id)
    if known is not None and _is_whole(folder, known.sha256):
        store.mark_current(classifier_id=classifier_id)
        return 0, known.trained_on
    categories = tuple(category.category_id for category in present.leaves)
    data = TrainingSet(
        categories=categories,
        vectors=store.vectors(embedder_id, [label.text_hash for label in taught]),
        soft=soft_labels(categories, [_probabilities(label) for label in taught]),
        cited=store.vectors(embedder_id, list(cited)),
        cited_soft=cited_labels(categories, list(cited.values())),
        unlabelled=store.vectors(embedder_id, more),
    )
    trained = train(data, settings=session.project.student, seed=session.project.seed)
    _save(session, present, trained, classifier_id=classifier_id, teacher=teacher or "", folder=folder, trained_on=len(taught))
    store.mark_current(classifier_id=classifier_id)
    return 1, len(taught)


def predictions(session: Session) -> tuple[int, int]:
    """Let the student label every document."""
    classifier_id, embedder_id = session.store.current("classifier_id"), session.embedder.embedder_id
    if classifier_id is None:
        raise TrainingError("There is no student yet; run the stage classifier first.")
    student = load_current_student(session)
    pending = len(session.store.pending("predictions", {"classifier_id": classifier_id}))
    batches = session.store.iter_unpredicted(classifier_id, embedder_id, SCORE_BATCH)
    for hashes, vectors in session.progress.track(batches, total=pending, what="predictions", size=lambda batch: len(batch[0])):
        ids, probabilities = score(vectors, student=student)
        session.store.save_predictions(classifier_id, hashes, ids.tolist(), probabilities)
    return pending, session.store.counts()["texts"]


def load_current_student(session: Session) -> LoadedStudent:
    """Load the student that the tables point to.

    :raises ArtefactError: when its files are missing or damaged.
    """
    classifier_id = session.store.current("classifier_id")
    if classifier_id is None:
        raise TrainingError(f"Project {session.project.name} has no student yet; run `linnaeus run {session.project.name}` first.")
    student = session.store.student(classifier_id)
    return load_student(session.folder / student.path, sha256=student.sha256)


def _is_whole(folder: Path, sha256: str) -> bool:
    """Say whether a student's files are there and undamaged; otherwise it is trained again."""
    try:
        load_student(folder, sha256=sha256)
    except ArtefactError:
        return False
    return True


def _unlabelled(session: Session, labelled: set[str]) -> list[str]:
    most = session.project.student.unlabelled
    texts = session.store.sample_hashes(first=most + len(labelled)) if most else []
    # Held-out documents stay out altogether: what is measured on them is measured on strangers.
    return [text for text in texts if text not in labelled][:most]


def _classifier_id(session: Session, present: Taxonomy, taught: list[Label], cited: dict[str, str], more: list[str], embedder_id: str) -> str:
    learnt = [[label.text_hash, label.category_id, None if label.probability is None else round(label.probability, 9)] for label in taught]
    settings = session.project.student.model_dump(mode="json")
    return content_id("student", [METHOD, present.taxonomy_id, learnt, cited, more, embedder_id, settings, session.project.seed])


def _probabilities(label: Label) -> dict[str, float]:
    if label.scores is None:
        return {label.category_id or "": 1.0}
    return {key: math.exp(value) for key, value in label.scores.items()}


def _save(session: Session, present: Taxonomy, trained: Trained, *, classifier_id: str, teacher: str, folder: Path, trained_on: int) -> None:
    names = {category.category_id: category.name for category in present.categories}
    settings = session.project.student.model_dump(mode="json")
    metrics = {"penalty": trained.penalty, "temperature": trained.temperature, "agreement": trained.agreement[trained.penalty]}
    card = {
        "classifier_id": classifier_id,
        "project": session.project.name,
        "use_case": session.project.use_case,
        "taxonomy_id": present.taxonomy_id,
        "embedder_id": session.embedder.embedder_id,
        "embedder": session.project.embedder,
        "categories": list(trained.categories),
        "names": [names[category_id] for category_id in trained.categories],
        "settings": settings,
        "chosen": f"C = {trained.penalty}: best mean agreement over categories in {session.project.student.folds}-fold cross-validation",
        "agreement_by_penalty": {str(penalty): value for penalty, value in trained.agreement.items()},
        "temperature": trained.temperature,
        "trained_on": trained_on,
        "seed": session.project.seed,
    }
    digest = save_student(folder, trained.model, card)
    path = str(folder.relative_to(session.folder))
    embedder_id = session.embedder.embedder_id
    session.store.save([Student(classifier_id, present.taxonomy_id, teacher, embedder_id, path, digest, settings, metrics, trained_on)])
