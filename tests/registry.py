"""Further students for a project that has one: copies of it that are as good, or that mistake every category for the next one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.records import Student
from pipeline.stages import Session
from pipeline.students import load_student, save_student

__all__ = ["current_id", "further_student", "spoil"]


def current_id(session: Session) -> str:
    found = session.store.current("classifier_id")
    assert found is not None
    return found


def further_student(session: Session, name: str, *, mistaken: bool = False, **changes: Any) -> str:
    """Copy the student in use under another id, into the tables and on disk; nothing is decided of it."""
    original = session.store.student(current_id(session))
    key = f"student:{name}"
    path = Path(original.path).with_name(name)
    session.store.save([_written(session, replace(original, classifier_id=key, path=str(path), **changes), original, mistaken=mistaken)])
    return key


def spoil(session: Session, classifier_id: str) -> None:
    """Let a student mistake every category for the next one, its files whole."""
    student = session.store.student(classifier_id)
    session.store.save([_written(session, student, student, mistaken=True)])


def _written(session: Session, student: Student, original: Student, *, mistaken: bool) -> Student:
    loaded = load_student(session.folder / original.path)
    about = {**loaded.card, "classifier_id": student.classifier_id, "embedder_id": student.embedder_id, "taxonomy_id": student.taxonomy_id}
    if mistaken:
        about |= {key: [*loaded.card[key][1:], loaded.card[key][0]] for key in ("categories", "names", "parents")}
    return replace(student, sha256=save_student(session.folder / student.path, loaded.model, about))
