"""Whose labels are judged, of which texts, by whom: all that judging and its figures have in common."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from pipeline.embedding import Matrix
from pipeline.errors import WeightsError
from pipeline.evaluation import Bench, Placed, stratified
from pipeline.gold import gold_labels
from pipeline.ids import order_key
from pipeline.records import Taxonomy
from pipeline.settings import JudgeSettings
from pipeline.stages.asking import annotation_sample, current_taxonomy, first_annotator, is_held_out
from pipeline.stages.kept_vectors import KeptEmbedder
from pipeline.stages.reviews import people_of
from pipeline.stages.session import Session

__all__ = ["Docket", "Seat", "docket", "seats"]

CONTROLS = 60  # texts with a known label that show how far a judge is to be believed


@dataclass(frozen=True)
class Seat:
    """A judge, by the name that figures have it under; `settings` is None for the annotator's own model."""

    called: str
    model: str
    settings: JudgeSettings | None = None


@dataclass(frozen=True)
class Docket:
    """What is to be judged: the sampled texts with the labels of each subject, and texts whose label is known, by whom it is known.

    `given` are the labels by models of texts with a known one, which are held against the nearest wrong label alone, to see how
    far a judge is to be believed.
    """

    subjects: Mapping[str, Mapping[str, Placed]]
    given: Mapping[str, Sequence[Placed]]
    truth: Mapping[str, Mapping[str, Placed | None]]
    benches: Mapping[str, Bench]

    @property
    def asked(self) -> dict[str, list[Placed]]:
        """Give the labels that are judged in all ways, by text."""
        texts = dict.fromkeys(text for labels in self.subjects.values() for text in labels)
        return {text: [labels[text] for labels in self.subjects.values() if text in labels] for text in texts}

    @property
    def controls(self) -> dict[str, list[Placed]]:
        """Give the labels that are held against the nearest wrong one to try the judges, by text: those given, and those known to be right."""
        right = {text: [label for known in self.truth.values() if (label := known.get(text)) is not None] for text in self.given}
        return {text: list(dict.fromkeys([*labels, *right[text]])) for text, labels in self.given.items()}


def seats(session: Session) -> list[Seat]:
    """Give the judges in their order: the annotator's own model where the project names none; it is marked wherever it judges.

    One that cannot be had is left out, and that is told.
    """
    own = session.model_of("annotator")
    if not session.project.evaluation.judges:
        return [Seat(f"self-judged: {own}", own)]
    found = []
    for judge in session.project.evaluation.judges:
        try:
            model = session.model_of_judge(judge)
        except WeightsError as error:
            session.progress.status(f"The judge {judge.called} is left out: {error}")
            continue
        found.append(Seat(f"self-judged: {judge.called}" if model == own else judge.called, model, judge))
    return found


def docket(session: Session) -> Docket | None:
    """Gather what is to be judged; None where there is nothing, or no judging is wanted."""
    size = session.project.evaluation.judge_sample
    if not size or not session.store.current("teacher_annotator_id"):
        return None
    return _Gathering(session).docket(size)


class _Gathering:
    """Reads what a docket is made of."""

    def __init__(self, session: Session) -> None:
        self._session, self._store = session, session.store
        self._present = current_taxonomy(session)
        self._asked = [document.text_hash for document in annotation_sample(session)]

    def docket(self, size: int) -> Docket | None:
        session, subjects = self._session, self._subjects
        shared = set.intersection(*(set(labels) for labels in subjects.values())) or set(subjects["teacher"])
        fresh = {text for text in shared if is_held_out(session, text)} or shared
        labels = {text: [subjects[subject].get(text) for subject in sorted(subjects)] for text in sorted(fresh)}
        ids = {text: ["" if label is None else label[1] for label in given] for text, given in labels.items()}
        sampled = stratified(ids, size=size, seed=session.project.seed)
        if not sampled:
            return None
        truth = self._truth()
        given = self._given({text for known in truth.values() for text in known}, sampled)
        told = {subject: {text: given[text] for text in sampled if text in given} for subject, given in subjects.items()}
        used = {label[0] for labels in told.values() for label in labels.values()} | {self._present.taxonomy_id}
        return Docket(told, given, truth, self._benches(used))

    @cached_property
    def _subjects(self) -> dict[str, dict[str, Placed]]:
        """Give the labels of each subject that there is."""
        store, taxonomy_id = self._store, self._present.taxonomy_id
        teacher, student, compared = (store.current(key) for key in ("teacher_annotator_id", "classifier_id", "baseline_id"))
        given = {label.text_hash: label.category_id for label in store.labels(taxonomy_id, teacher or "")}
        found = {"teacher": _placed(taxonomy_id, {text: given.get(text) for text in self._asked})}
        if student:
            found["student"] = _placed(taxonomy_id, dict(store.predictions_among(student, self._asked)))
        if compared and (clusters := {text: one.category_id for one in store.taxonomy(compared).categories for text in one.members}):
            found["baseline"] = _placed(compared, {text: clusters[text] for text in self._asked if text in clusters})
        return found

    def _truth(self) -> dict[str, dict[str, Placed | None]]:
        """Give what is known of labels: by people, and by the corpus where its gold labels are names of categories."""
        taxonomy_id = self._present.taxonomy_id
        found: dict[str, dict[str, Placed | None]] = {}
        if said := peoples_answers(self._session, self._present):
            found["people"] = {text: None if category is None else (taxonomy_id, category) for text, category in said.items()}
        names = {leaf.name: leaf.category_id for leaf in self._present.leaves}
        gold = {text: gold_labels(label) for text, label in self._store.gold(self._asked).items()}
        if gold and {name for labels in gold.values() for name in labels} <= set(names):
            found["gold labels"] = {text: (taxonomy_id, names[labels[0]]) for text, labels in gold.items() if len(labels) == 1}
        return found

    def _given(self, known: Set[str], sampled: Sequence[str]) -> dict[str, list[Placed]]:
        """Give the labels of texts with a known one, sampled ones first: the model's plain one, the teacher's and the student's."""
        taxonomy_id, store, seed = self._present.taxonomy_id, self._store, self._session.project.seed
        first, _ = first_annotator(self._session, self._present)
        plain = _placed(taxonomy_id, {label.text_hash: label.category_id for label in store.labels(taxonomy_id, first.annotator_id)})
        order = {text: place for place, text in enumerate(sampled)}
        chosen = sorted(known & set(self._asked), key=lambda text: (order.get(text, len(order)), order_key(text, seed)))[:CONTROLS]
        given = [plain, *(labels for subject, labels in self._subjects.items() if subject != "baseline")]
        return {text: list(dict.fromkeys(labels[text] for labels in given if text in labels)) for text in chosen}

    def _benches(self, ids: Set[str]) -> dict[str, Bench]:
        taxonomies = [self._present if one == self._present.taxonomy_id else self._store.taxonomy(one) for one in sorted(ids)]
        return {taxonomy.taxonomy_id: Bench(taxonomy, _likeness(self._session, taxonomy)) for taxonomy in taxonomies}


def peoples_answers(session: Session, present: Taxonomy) -> dict[str, str | None]:
    """Give the category that people agreed on for each text, from sheets and from labels set by hand; None where they said that none fits."""
    said = people_of(session.store, present).verdicts
    return session.store.human_labels(present.taxonomy_id) | {text: one.category_id for text, one in said.items() if one.decided}


def _placed(taxonomy_id: str, labels: Mapping[str, str | None]) -> dict[str, Placed]:
    return {text: (taxonomy_id, label) for text, label in labels.items() if label is not None}


def _likeness(session: Session, taxonomy: Taxonomy) -> Matrix:
    """Give the cosines of the leaves by name and description."""
    vectors = KeptEmbedder(session).embed([f"{leaf.name}: {leaf.description}" for leaf in taxonomy.leaves])
    return vectors @ vectors.T
