"""What a student learns from, gathered from the tables: labels that are not held out, documents that categories cite, all the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.annotation import card_texts
from pipeline.ids import content_id
from pipeline.records import Category, Label, Taxonomy
from pipeline.stages.duplicates import cluster_of
from pipeline.stages.session import Session
from pipeline.stages.taught import taught_of
from pipeline.stages.written import examples_of
from pipeline.student_records import WrittenExample
from pipeline.students import METHOD, READ_FEATURES, Inputs, Material, Offered, cited_labels, features_of, numbered_groups, soft_labels

__all__ = ["Lesson", "inputs_of", "label_probabilities", "lesson_of", "material_of", "offer_of"]


@dataclass(frozen=True)
class Lesson:
    """What there is to learn from, by text hash, before any vector is read; its id is that of the student that comes of it."""

    present: Taxonomy
    leaves: Sequence[Category]  # that are learnt: those with too few labels are left out
    teacher_id: str
    taught: Sequence[Label]
    known: Mapping[str, str]  # documents whose category is known to be right
    cited: Mapping[str, str]
    more: Sequence[str]
    classifier_id: str
    held_out: Sequence[str] = ()  # documents that students are measured on
    written: Sequence[WrittenExample] = ()  # examples of rare categories, which are no documents


def lesson_of(session: Session) -> Lesson:
    """Say what the student of the session's facet learns from."""
    found, project = taught_of(session), session.project
    present, left_out, categories = found.present, found.left_out(project.rare), found.categories()
    leaves = [category for category in present.leaves if category.category_id not in left_out]
    taught = [label for label in found.labels if categories[label.text_hash] not in left_out]
    known, cited = ({text: one for text, one in of.items() if one not in left_out} for of in (found.known, found.cited))
    more = _unlabelled(session, {*found.asked, *found.cited})
    written = examples_of(session, found)
    learnt = [[label.text_hash, label.category_id, None if label.probability is None else round(label.probability, 9)] for label in taught]
    promised = [project.certainty.model_dump(mode="json"), project.annotation.mode, project.label_noise, project.chosen_by]
    settings = [*(student.model_dump(mode="json") for student in project.students), *promised]
    about: list[Any] = [METHOD, present.taxonomy_id, card_texts(leaves), learnt, sorted(known.items()), cited, more]
    about += [sorted([one.example_id, one.annotated_id or ""] for one in written), project.rare.least] if written else []
    linked = [[label.text_hash, cluster] for label in taught if (cluster := cluster_of(session, label.text_hash)) != label.text_hash]
    about += [linked] if linked else []
    key = content_id("student", [*about, session.embedder.embedder_id, settings, project.seed])
    return Lesson(present, leaves, found.teacher_id, taught, known, cited, more, key, found.held_out, written)


def material_of(session: Session, lesson: Lesson) -> Material:
    """Read what a lesson names: vectors, and texts and metadata where a candidate looks at them."""
    leaves = lesson.leaves
    categories = tuple(category.category_id for category in leaves)
    labelled = inputs_of(session, [label.text_hash for label in lesson.taught])
    return Material(
        categories=categories,
        labelled=labelled,
        soft=soft_labels(categories, [label_probabilities(label, lesson.known.get(label.text_hash)) for label in lesson.taught]),
        weights=np.ones(len(lesson.taught)),
        groups=numbered_groups([cluster_of(session, label.text_hash) for label in lesson.taught]),
        cited=inputs_of(session, list(lesson.cited)),
        cited_soft=cited_labels(categories, list(lesson.cited.values())),
        unlabelled=inputs_of(session, lesson.more),
        cards=session.embedder.embed(card_texts(leaves)),
    )


def offer_of(session: Session, lesson: Lesson) -> Offered | None:
    """Read the examples that a model wrote, with what they are judged by; None where there are none.

    The labels of documents that the writer was shown say nothing of whether its examples help, and no example may copy a document that is.
    """
    written = lesson.written
    if not written:
        return None
    embedder, wanted = session.embedder, features_of(session.project.students)
    texts, shown = [one.text or "" for one in written], {text for one in written for text in one.shown}
    copies = session.store.active_hashes(sorted({one.text_hash or "" for one in written}.difference(lesson.held_out)))
    return Offered(
        inputs=Inputs(embedder.embed(texts), texts if wanted & set(READ_FEATURES) else (), [{} for _ in texts] if "metadata" in wanted else ()),
        asked=[one.category_id for one in written],
        annotated=[one.annotated_id for one in written],
        judged=np.array([label.text_hash not in shown for label in lesson.taught], dtype=bool),
        strangers=session.store.vectors(embedder.embedder_id, [*lesson.held_out, *copies]),
        most=session.project.rare.least,
    )


def inputs_of(session: Session, hashes: Sequence[str], *, features: set[str] | None = None, embedder_id: str | None = None) -> Inputs:
    """Read documents as students see them.

    :param features: what is looked at; that of the project's students when absent.
    :param embedder_id: whose vectors; the project's embedder's when absent.
    """
    wanted = features_of(session.project.students) if features is None else features
    vectors = session.store.vectors(embedder_id or session.embedder.embedder_id, hashes)
    if not hashes or not wanted & {*READ_FEATURES, "metadata"}:
        return Inputs(vectors)
    documents = session.store.texts(hashes)
    texts = [document.text for document in documents] if wanted & set(READ_FEATURES) else ()
    return Inputs(vectors, texts, [document.metadata for document in documents] if "metadata" in wanted else ())


def _unlabelled(session: Session, labelled: set[str]) -> list[str]:
    most = max(student.unlabelled for student in session.project.students)
    texts = session.store.sample_hashes(first=most + len(labelled)) if most else []
    # Held-out documents stay out altogether: what is measured on them is measured on strangers.
    return [text for text in texts if text not in labelled][:most]


def label_probabilities(label: Label, known: str | None) -> dict[str, float]:
    """Give the probability of each category by a label; all of it to the category that is known to be right, where one is."""
    if known is not None:
        return {known: 1.0}
    if label.scores is None:
        return {label.category_id or "": 1.0}
    return {key: math.exp(value) for key, value in label.scores.items()}
