"""The stages of the student: classifier, predictions."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix
from pipeline.errors import ArtefactError, TrainingError
from pipeline.ids import content_id
from pipeline.records import Document, Label, Student
from pipeline.settings import MAIN
from pipeline.stages.drift import measure_drift
from pipeline.stages.learning import Lesson, lesson_of, material_of, offer_of
from pipeline.stages.moved_on import named_at_present
from pipeline.stages.promotion import decide, load_stored_student
from pipeline.stages.session import Session
from pipeline.student_records import Doubt, StudentTrial
from pipeline.students import (
    Inputs,
    Learnt,
    LoadedStudent,
    Material,
    candidates_of,
    certainty_columns,
    chosen_facts,
    fit_certainty,
    learn,
    load_student,
    save_student,
    to_relabel,
)

__all__ = ["classifier", "load_current_student", "predictions"]

Floats = npt.NDArray[np.float64]
SCORE_BATCH = 32_768  # a write costs most of a second in a table of ten million rows, whatever it writes
NEXT = 2  # categories kept beside the likeliest
LEAST_NEXT = 0.01  # probability of one that is kept


def classifier(session: Session) -> tuple[int, int]:
    """Choose and train a student on labels that are not held out, and take it into use where it is not worse than the present one."""
    store, lesson = session.store, lesson_of(session)
    folder = session.folder / "classifiers" / lesson.classifier_id.removeprefix("student:")
    known = store.find_student(lesson.classifier_id)
    made = known is None or not _is_whole(folder, known.sha256)
    if made:
        _train(session, lesson, folder)
    decide(session, lesson.classifier_id)
    return int(made), len(lesson.taught)


def predictions(session: Session) -> tuple[int, int]:
    """Let the student in use label every document, and compare each part of the corpus with those before it."""
    classifier_id, embedder_id = session.store.current("classifier_id"), session.embedder.embedder_id
    if classifier_id is None:
        raise TrainingError("There is no student yet; run the stage classifier first.")
    student = load_current_student(session)
    pending = session.store.count_pending("predictions", {"classifier_id": classifier_id}, session.partitions)
    batches = session.store.iter_unpredicted(classifier_id, embedder_id, SCORE_BATCH, session.partitions)
    for hashes, vectors in session.progress.track(batches, total=pending, what="predictions", size=lambda batch: len(batch[0])):
        documents = session.store.texts(hashes) if student.needs_text or student.needs_metadata else []
        inputs = _inputs(vectors, documents)
        found = student.probabilities(inputs)
        ids, more = _predicted(found, inputs, student)
        session.store.save_predictions(classifier_id, hashes, ids, found.max(axis=1), **more)
    measure_drift(session)
    return pending, session.store.counts()["texts"]


def load_current_student(session: Session) -> LoadedStudent:
    """Load the student that is in use, with the names that its categories have at present.

    :raises TrainingError: where there is none yet.
    :raises ArtefactError: when its files are missing or damaged, or it learnt on vectors of another embedder.
    :raises StudentError: where the taxonomy has moved on, and a category of it is lost.
    """
    classifier_id = session.store.current("classifier_id")
    if classifier_id is None:
        whose = "" if session.facet == MAIN else f" of its facet {session.facet}"
        raise TrainingError(f"Project {session.project.name} has no student{whose} yet; run `linnaeus run {session.project.name}` first.")
    return named_at_present(session, load_stored_student(session, classifier_id))


def _is_whole(folder: Path, sha256: str) -> bool:
    """Say whether a student's files are there and undamaged; otherwise it is trained again."""
    try:
        load_student(folder, sha256=sha256)
    except ArtefactError:
        return False
    return True


def _train(session: Session, lesson: Lesson, folder: Path) -> None:
    project, key = session.project, lesson.classifier_id
    _enough(lesson, len(lesson.leaves), folds=project.student.folds)
    material = material_of(session, lesson).used()
    _enough(lesson, len(material.categories), folds=project.student.folds)
    session.progress.status(f"student: trying {len(project.students)} candidates on {len(material.labelled)} labels")
    learnt = learn(
        material, candidates_of(project.students, unlabelled=len(material.unlabelled) > 0), folds=project.student.folds, seed=project.seed,
        measure=project.chosen_by, doubt=project.label_noise == "try", trusted=np.array([label.text_hash in lesson.known for label in lesson.taught]),
        offered=offer_of(session, lesson),
    )  # fmt: skip
    if learnt.cleaning is not None:
        session.progress.status(learnt.cleaning.reason)
    if learnt.written is not None:
        session.progress.status(learnt.written.reason)
    choice = learnt.choice
    session.progress.status(choice.reason)
    about = _about(session, lesson, material, learnt)
    digest = save_student(folder, learnt.model, about)
    one = next(trial for trial in choice.trials if trial.candidate == choice.candidate.name)
    student = Student(
        key, lesson.present.taxonomy_id, lesson.teacher_id, session.embedder.embedder_id, str(folder.relative_to(session.folder)), digest,
        {
            "candidate": choice.candidate.name, "reason": choice.reason, "settings": one.settings,
            "students": [student.model_dump(mode="json") for student in project.students],
            "held_out": project.annotation.held_out, "seed": project.seed,
        },
        {"agreement": one.agreement, "low": one.low, "high": one.high, "log_loss": one.log_loss, "coverage": about["conformal"]["covered"]},
        len(lesson.taught),
    )  # fmt: skip
    trials = [StudentTrial(key, **{**vars(trial), "chosen": trial is one}) for trial in choice.trials]
    with session.store.writer():
        session.store.save([student])
        session.store.save(trials)
        session.store.save(_doubts(lesson, material, learnt))
        session.store.save_lesson(key, [label.text_hash for label in lesson.taught], lesson.cited, lesson.more)


def _doubts(lesson: Lesson, material: Material, learnt: Learnt) -> list[Doubt]:
    """List the labels that are probably wrong, for people to look at; none where nothing was doubted."""
    if learnt.cleaning is None:
        return []
    found = learnt.cleaning.suspicion
    return [
        Doubt(lesson.taught[place].text_hash, lesson.classifier_id, material.categories[found.labels[place]], float(found.quality[place]))
        for place in to_relabel(found)
    ]


def _about(session: Session, lesson: Lesson, material: Material, learnt: Learnt) -> dict[str, Any]:
    """Gather what the student's card says."""
    project, present = session.project, lesson.present
    names = {category.category_id: category.name for category in present.categories}
    above = {category.category_id: category.parent_id for category in present.categories}
    choice, soft, tried = learnt.choice, material.soft[learnt.tried], [lesson.taught[place] for place in learnt.tried]
    flags = np.array([label.text_hash in lesson.known for label in tried])
    wanted = project.certainty
    applying = _applying(tried, material.categories) if project.annotation.mode == "all" else None
    certainty, covered = fit_certainty(choice.unseen, soft, known=flags, level=wanted.level, risk=wanted.risk, applying=applying, seed=project.seed)
    truth, found = soft.argmax(axis=1), choice.unseen.argmax(axis=1)
    wrong = Counter((int(one), int(other)) for one, other in zip(truth, found, strict=True) if one != other)
    calibrated = certainty.calibration
    return {
        "classifier_id": lesson.classifier_id, "project": project.name, "use_case": project.use_case, "taxonomy_id": present.taxonomy_id,
        "embedder": project.embedder_name, "embedder_id": session.embedder.embedder_id,
        "categories": list(material.categories), "names": [names[one] for one in material.categories],
        "parents": [_path(one, above, names) for one in material.categories],
        **chosen_facts(choice),
        "written_examples": _written(learnt),
        "label_noise": {"way": learnt.cleaning.way, "reason": learnt.cleaning.reason} if learnt.cleaning else None,
        "certainty": certainty.as_settings(),
        "calibration": {
            "method": calibrated.method, "fitted on": calibrated.fitted_on, "labels": "known" if calibrated.known else "the teacher's, uncalibrated",
            "log loss before": calibrated.log_loss_before, "log loss after": calibrated.log_loss_after,
        },
        "conformal": {
            "promised": covered.level, "covered": covered.covered, "low": covered.low, "high": covered.high, "n": covered.n,
            "mean size": covered.mean_size, "measured on": "known labels" if covered.known else "the teacher's labels",
        },
        "thresholds": {
            "least probability": min(1.0, certainty.abstention.threshold), "errors allowed": certainty.abstention.risk,
            "share kept": certainty.abstention.share,
        },
        "metrics": [
            {"metric": "agreement with unseen labels", "value": one.agreement, "low": one.low, "high": one.high, "n": one.n, "judge": "the teacher"}
            for one in choice.trials if one.candidate == choice.candidate.name
        ],
        "confusions": [
            {"truth": names[material.categories[one]], "predicted": names[material.categories[other]], "n": n}
            for (one, other), n in wrong.most_common()
        ],
        "labels_per_category": np.bincount(material.soft.argmax(axis=1), minlength=len(material.categories)).tolist(),
        "labels_from": {"the teacher": len(lesson.taught) - len(lesson.known), "known": len(lesson.known), "cited by a category": len(lesson.cited)},
        "data": {"unlabelled documents it learnt from": len(lesson.more)},
        "teacher": lesson.teacher_id, "trained_on": len(lesson.taught), "seed": project.seed,
        "training_ids_hash": content_id("texts", sorted(label.text_hash for label in lesson.taught)),
    }  # fmt: skip


def _written(learnt: Learnt) -> dict[str, Any] | None:
    """Say what came of the examples that a model wrote, where there were any."""
    trial = learnt.written
    if trial is None:
        return None
    return {
        "used": trial.used, "reason": trial.reason, "kept": len(trial.written), "offered": len(trial.offered.asked), "refused": trial.written.refused,
        "macro_f1_without": trial.without, "macro_f1_with": trial.beside, "n": trial.n,
    }  # fmt: skip


def _applying(labels: Sequence[Label], categories: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Lay out all categories that the teacher gave each document, (n, k)."""
    given = [{label.category_id, *label.also} for label in labels]
    return np.array([[category in some for category in categories] for some in given], dtype=bool)


def _enough(lesson: Lesson, categories: int, *, folds: int) -> None:
    if categories >= 2 and len(lesson.taught) >= 2 * folds:
        return
    left_out = len(lesson.present.leaves) - len(lesson.leaves)
    few = f", and {left_out} categories are left out for having fewer labels than rare.fewest" if left_out else ""
    raise TrainingError(
        f"A student needs labels of at least 2 categories and at least {2 * folds} labelled documents; there are"
        f" {len(lesson.taught)} of {categories}{few}. Raise annotation.sample, or see the table failures."
    )


def _path(category_id: str, above: Mapping[str, str | None], names: Mapping[str, str]) -> list[str]:
    path: list[str] = []
    while (parent := above.get(category_id)) is not None:
        path.insert(0, names[parent])
        category_id = parent
    return path


def _inputs(vectors: Matrix, documents: Sequence[Document]) -> Inputs:
    return Inputs(vectors, [document.text for document in documents], [document.metadata for document in documents])


def _predicted(found: Floats, inputs: Inputs, student: LoadedStudent) -> tuple[list[str], dict[str, Sequence[Any]]]:
    """Give each document's category, and the other columns of the table."""
    ids, order = np.asarray(student.categories), np.argsort(-found, axis=1, kind="stable")
    places = order[:, : NEXT + 1]
    values = np.take_along_axis(found, places, axis=1)
    alternatives = [
        json.dumps({ids[place]: round(value, 4) for place, value in zip(row[1:], said[1:], strict=True) if value >= LEAST_NEXT})
        for row, said in zip(places.tolist(), values.tolist(), strict=True)
    ]
    return ids[places[:, 0]].tolist(), {"alternatives": alternatives, **certainty_columns(found, order, inputs, student)}
