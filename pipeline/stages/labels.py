"""The stage of the teacher: labels with probabilities, from the model's answers and all else that is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.annotation import (
    Grounds,
    Judgement,
    annotator_quality,
    card_texts,
    consensus,
    rule_hints,
    scored_probabilities,
    teach,
    teacher_annotator,
    vote_annotator,
    vote_labels,
)
from pipeline.errors import TrainingError
from pipeline.ids import content_id
from pipeline.records import Label, Taxonomy
from pipeline.stages.asking import annotation_sample, current_taxonomy, first_annotator, given_labels, is_held_out, rule_labels, vote_annotators
from pipeline.stages.duplicates import cluster_of
from pipeline.stages.known import known_labels
from pipeline.stages.manner import likeness
from pipeline.stages.reviews import settle_people
from pipeline.stages.session import Session
from pipeline.stages.sharing import share_labels
from pipeline.students import METHOD, TrainingSet, cited_labels, cross_predict, numbered_groups

__all__ = ["cited_members", "grounds_of", "labels"]

Row = npt.NDArray[np.float64]


def labels(session: Session) -> tuple[int, int]:
    """Make the teacher's labels anew where anything they are made of has changed, and say how good each annotator is."""
    present, store, project = current_taxonomy(session), session.store, session.project
    settle_people(store, present)  # what people said under an earlier version
    first, _ = first_annotator(session, present)
    wanted = [document.text_hash for document in annotation_sample(session)]
    raw = given_labels(session, present, first, wanted)
    grounds = grounds_of(session, present, raw, crossed=False)
    manner = Judgement(project.annotation.abstain, several=project.annotation.mode == "all")
    teacher = teacher_annotator(first, raw, grounds, manner=manner, seed=project.seed)
    key = {"taxonomy_id": present.taxonomy_id, "annotator_id": teacher.annotator_id}
    pending = store.pending("labels", key, among=[one.text_hash for one in raw])
    if pending:
        grounds = grounds_of(session, present, raw)
        categories = [category.category_id for category in present.leaves]
        taught = teach(raw, grounds, categories=categories, annotator=teacher, manner=manner, seed=project.seed)
        with store.writer():
            store.save([teacher])
            store.save(list(taught.labels))
            store.save(_panel(session, present, [raw, *map(list, grounds.votes)]))
    store.mark_current(teacher_annotator_id=teacher.annotator_id)
    share_labels(session, present, teacher.annotator_id)
    return len(pending), len(raw)


def cited_members(session: Session, present: Taxonomy, asked: set[str]) -> dict[str, str]:
    """Give the documents that categories cite and the model was not asked about, each with its category."""
    cited = {text: category.category_id for category in present.leaves for text in category.members if text not in asked}
    there = session.store.active_hashes(sorted(cited))
    return {text: cited[text] for text in there}


def grounds_of(session: Session, present: Taxonomy, raw: list[Label], *, crossed: bool = True) -> Grounds:
    """Gather what is known beside the plain labels: further votes, likeness to cards, rules, known labels and a student's cross-check.

    Without `crossed` the likeness and the cross-check are left out; what they are made of is in the grounds all the same.
    """
    wanted = [label.text_hash for label in raw]
    votes = [vote for voter, _ in vote_annotators(session, present) if (vote := given_labels(session, present, voter, wanted))]
    rules = rule_labels(session, present, wanted)
    categories = [category.category_id for category in present.leaves]
    cited = cited_members(session, present, set(wanted))
    settings = session.project.student.model_dump(mode="json")
    embedder, cards = session.embedder.embedder_id, card_texts(present.leaves)
    grounds = Grounds(
        votes=votes,
        hints=rule_hints(raw, rules, categories=categories),
        known=known_labels(session, present),
        crossed_by=content_id("cross", [METHOD, embedder, settings, sorted(cited.items())]),
        cards_by=content_id("cards", [embedder, cards]),
    )
    if not crossed:
        return grounds
    grounds = replace(grounds, cards=likeness(session, present, wanted))
    return replace(grounds, cross=_cross(session, present, raw, grounds, cited))


def _panel(session: Session, present: Taxonomy, votes: list[list[Label]]) -> list[Any]:
    """Hold all annotators of the sample against one another, and give what they agree on as labels of their own."""
    texts = [label.text_hash for label in votes[0]]
    rules, people = rule_labels(session, present, texts), session.store.labels_by_kind(present.taxonomy_id, "human", texts)
    heard = [label for vote in [*votes, rules, people] for label in vote]
    if len({label.annotator_id for label in heard}) < 2:
        return []
    trusted, written = {label.annotator_id for label in people}, {label.annotator_id for label in rules}
    found = consensus(heard, categories=[one.category_id for one in present.leaves], trusted=trusted, rules=written)
    names = {one.category_id: one.name for one in present.leaves}
    members = [session.store.annotator(key) for key in sorted({label.annotator_id for label in heard})]
    voter = vote_annotator(members, taxonomy_id=present.taxonomy_id, trusted=trusted, rules=written)
    agreed = vote_labels(found, taxonomy_id=present.taxonomy_id, annotator=voter)
    return [voter, *agreed, *annotator_quality(found, heard, taxonomy_id=present.taxonomy_id, names=names)]


def _cross(session: Session, present: Taxonomy, raw: list[Label], grounds: Grounds, cited: dict[str, str]) -> dict[str, Row]:
    """Predict each labelled document by a student that did not see its label; nothing where there is too little to learn from."""
    categories, store, embedder = [one.category_id for one in present.leaves], session.store, session.embedder.embedder_id
    scored = scored_probabilities(raw, grounds, categories)
    taught = [text for text in scored if not is_held_out(session, text)]
    known = set(taught)
    strangers = [one.text_hash for one in raw if one.text_hash not in known]
    settings = session.project.student.model_copy(update={"unlabelled": 0})  # to see whether labels agree, they have to stand as they are
    try:
        data = TrainingSet(
            categories=tuple(categories),
            vectors=store.vectors(embedder, taught),
            soft=np.array([scored[text] for text in taught]).reshape(len(taught), len(categories)),
            cited=store.vectors(embedder, list(cited)),
            cited_soft=cited_labels(categories, list(cited.values())),
            unlabelled=np.zeros((0, 0), dtype=np.float32),
            groups=numbered_groups([cluster_of(session, text) for text in taught]),
        )
        seen, others = cross_predict(data, store.vectors(embedder, strangers), settings=settings, seed=session.project.seed)
    except TrainingError:
        return {}
    return dict(zip([*taught, *strangers], [*seen, *others], strict=True))
