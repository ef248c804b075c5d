"""What a student learns from, gathered from the tables: labels that are not held out, documents that categories cite, all the others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.annotation import card_texts
from pipeline.ids import content_id
from pipeline.records import Label, Taxonomy
from pipeline.stages.asking import current_taxonomy, is_held_out
from pipeline.stages.known import known_labels
from pipeline.stages.labels import cited_members
from pipeline.stages.session import Session
from pipeline.students import METHOD, TEXT_FEATURES, Inputs, Material, cited_labels, features_of, soft_labels

__all__ = ["Lesson", "inputs_of", "lesson_of", "material_of"]


@dataclass(frozen=True)
class Lesson:
    """What there is to learn from, by text hash, before any vector is read; its id is that of the student that comes of it."""

    present: Taxonomy
    teacher_id: str
    taught: Sequence[Label]
    known: dict[str, str]  # documents whose category is known to be right
    cited: dict[str, str]
    more: Sequence[str]
    classifier_id: str


def lesson_of(session: Session) -> Lesson:
    """Say what the student of the session's facet learns from."""
    present, store, project = current_taxonomy(session), session.store, session.project
    teacher = store.current("teacher_annotator_id") or ""
    given = store.labels(present.taxonomy_id, teacher) if teacher else []
    taught = [label for label in given if label.category_id is not None and not is_held_out(session, label.text_hash)]
    asked = {label.text_hash for label in given}
    cited = cited_members(session, present, asked)
    more = _unlabelled(session, asked.union(cited))
    there = {label.text_hash for label in taught}
    known = {text: categories[0] for text, categories in known_labels(session, present).items() if text in there and len(categories) == 1}
    learnt = [[label.text_hash, label.category_id, None if label.probability is None else round(label.probability, 9)] for label in taught]
    promised = [project.certainty.model_dump(mode="json"), project.annotation.mode, project.label_noise]
    settings = [*(student.model_dump(mode="json") for student in project.students), *promised]
    about: list[Any] = [METHOD, present.taxonomy_id, card_texts(present.leaves), learnt, sorted(known.items()), cited, more]
    key = content_id("student", [*about, session.embedder.embedder_id, settings, project.seed])
    return Lesson(present, teacher, taught, known, cited, more, key)


def material_of(session: Session, lesson: Lesson) -> Material:
    """Read what a lesson names: vectors, and texts and metadata where a candidate looks at them."""
    leaves = lesson.present.leaves
    categories = tuple(category.category_id for category in leaves)
    labelled = inputs_of(session, [label.text_hash for label in lesson.taught])
    return Material(
        categories=categories,
        labelled=labelled,
        soft=soft_labels(categories, [_probabilities(label, lesson.known.get(label.text_hash)) for label in lesson.taught]),
        weights=np.ones(len(lesson.taught)),
        cited=inputs_of(session, list(lesson.cited)),
        cited_soft=cited_labels(categories, list(lesson.cited.values())),
        unlabelled=inputs_of(session, lesson.more),
        cards=session.embedder.embed(card_texts(leaves)),
    )


def inputs_of(session: Session, hashes: Sequence[str], *, features: set[str] | None = None, embedder_id: str | None = None) -> Inputs:
    """Read documents as students see them.

    :param features: what is looked at; that of the project's students when absent.
    :param embedder_id: whose vectors; the project's embedder's when absent.
    """
    wanted = features_of(session.project.students) if features is None else features
    vectors = session.store.vectors(embedder_id or session.embedder.embedder_id, hashes)
    if not hashes or not wanted & {*TEXT_FEATURES, "metadata"}:
        return Inputs(vectors)
    documents = session.store.texts(hashes)
    texts = [document.text for document in documents] if wanted & set(TEXT_FEATURES) else ()
    return Inputs(vectors, texts, [document.metadata for document in documents] if "metadata" in wanted else ())


def _unlabelled(session: Session, labelled: set[str]) -> list[str]:
    most = max(student.unlabelled for student in session.project.students)
    texts = session.store.sample_hashes(first=most + len(labelled)) if most else []
    # Held-out documents stay out altogether: what is measured on them is measured on strangers.
    return [text for text in texts if text not in labelled][:most]


def _probabilities(label: Label, known: str | None) -> dict[str, float]:
    if known is not None:
        return {known: 1.0}
    if label.scores is None:
        return {label.category_id or "": 1.0}
    return {key: math.exp(value) for key, value in label.scores.items()}
