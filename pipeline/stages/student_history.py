"""The students of a project as people look at them: all versions, one with its candidates, and what was decided of them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import StudentError
from pipeline.records import Student
from pipeline.store import Store
from pipeline.student_records import Promotion
from pipeline.students.artefact import README, amend_card

__all__ = ["decision_rows", "find_student", "latest_decision", "read_card", "student_details", "student_rows"]

PREFIX = "student:"
SHOWN_STUDENTS = 10  # in a message


def find_student(store: Store, beginning: str | None = None) -> Student:
    """Give a student of the store's facet by the beginning of its id, or the one in use.

    :raises StudentError: where there is none, or more than one begins so.
    """
    if beginning is None:
        current = store.current("classifier_id")
        if current is None:
            raise StudentError("There is no student in use yet; run the project to train one.")
        return store.student(current)
    students = store.students()
    found = [one for one in students if one.classifier_id.removeprefix(PREFIX).startswith(beginning.removeprefix(PREFIX))]
    exact = [one for one in found if one.classifier_id == beginning]
    if len(exact or found) != 1:
        listed = ", ".join(one.classifier_id for one in (found or students)[:SHOWN_STUDENTS]) or "none"
        what = f"{len(found)} students begin with {beginning!r}" if found else f"No student begins with {beginning!r}; there are"
        raise StudentError(f"{what}: {listed}. `linnaeus students list` lists all.")
    return (exact or found)[0]


def student_rows(store: Store) -> list[dict[str, Any]]:
    """Describe the students of the store's facet, the latest trained first.

    `trained_at` is null for one that was trained before decisions were kept.
    """
    current, taxonomy, made = store.current("classifier_id"), store.current("taxonomy_id"), _first_decided(store)
    return [_row(student, made) | _place(student, current=current, taxonomy=taxonomy) for student in store.students()]


def student_details(store: Store, student: Student) -> dict[str, Any]:
    """Describe one student: as in the list, with its candidates, why it was chosen, what was decided of it, and its folder."""
    place = _place(student, current=store.current("classifier_id"), taxonomy=store.current("taxonomy_id"))
    trials = [{key: value for key, value in asdict(trial).items() if key != "classifier_id"} for trial in store.student_trials(student.classifier_id)]
    return {
        **_row(student, _first_decided(store)), **place,
        "annotator_id": student.annotator_id, "log_loss": student.metrics.get("log_loss"), "reason": student.settings.get("reason"),
        "folder": str(store.folder / student.path), "card": str(_card(store, student)),
        "trials": trials,
        "decisions": [row for row in decision_rows(store) if student.classifier_id in {row["classifier_id"], row["previous_id"]}],
    }  # fmt: skip


def decision_rows(store: Store) -> list[dict[str, Any]]:
    """Describe what was decided of the students of the store's facet, the latest first."""
    keys = ("classifier_id", "previous_id", "promoted", "decided_by", "reason")
    return [{key: getattr(one, key) for key in keys} | {"decided_at": at} for one, at in store.promotions()]


def latest_decision(store: Store) -> Promotion | None:
    """Give what was decided last of the students of the store's facet; None where nothing ever was."""
    found = store.promotions()
    return found[0][0] if found else None


def read_card(store: Store, student: Student) -> str:
    """Read the model card of a student, in Markdown; it is written again where it is missing.

    :raises ArtefactError: where the facts are missing or damaged that it is written from.
    """
    path = _card(store, student)
    if not path.exists():
        amend_card(path.parent, {})
    return path.read_text(encoding="utf-8", errors="replace")


def _card(store: Store, student: Student) -> Path:
    return store.folder / student.path / README


def _first_decided(store: Store) -> Mapping[str, datetime]:
    """Give when the rule first decided on each student, which is right after it was trained."""
    return {one.classifier_id: at for one, at in store.promotions() if one.decided_by == "rule"}  # the latest first, so that the first stays


def _row(student: Student, made: Mapping[str, datetime]) -> dict[str, Any]:
    metrics = student.metrics
    return {
        "classifier_id": student.classifier_id, "trained_at": made.get(student.classifier_id), "trained_on": student.trained_on,
        "candidate": student.settings.get("candidate"), "agreement": metrics.get("agreement"), "low": metrics.get("low"),
        "high": metrics.get("high"), "coverage": metrics.get("coverage"), "taxonomy_id": student.taxonomy_id, "embedder_id": student.embedder_id,
    }  # fmt: skip


def _place(student: Student, *, current: str | None, taxonomy: str | None) -> dict[str, Any]:
    return {"in_use": student.classifier_id == current, "of_present_taxonomy": student.taxonomy_id == taxonomy}
