"""Which documents the model labels: the first of the seeded order, or those that teach a student most."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.annotation import Gain, gain_is_noise, is_enough, next_batch
from pipeline.embedding import Matrix
from pipeline.errors import TrainingError
from pipeline.records import Annotator, Label, Taxonomy
from pipeline.spreading import spread_seeds
from pipeline.stages.session import Session
from pipeline.students import Trained, TrainingSet, soft_labels, train

__all__ = ["POOL", "active_batches", "asked_texts", "held_out_sample"]

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
ROUNDS = 4  # of the budget: the first is spread over the corpus, each further one asks where the student is unsure
POOL = 20_000  # documents that are chosen among
NO_GAINS = 2  # rounds in a row without a gain beyond its interval, after which no more are asked about
RESAMPLES = 1000


def held_out_sample(session: Session, held_out: list[str]) -> list[str]:
    """Give the documents that students are measured on: the first held-out ones of the seeded order, whatever is chosen beside them."""
    wanted = session.project.annotation
    return held_out[: round(wanted.sample * wanted.held_out)]


def asked_texts(session: Session, present: Taxonomy, annotator: Annotator) -> set[str]:
    """Give the texts that an annotator was asked about under a taxonomy, those it failed at included."""
    spec = f"{present.taxonomy_id} {annotator.annotator_id}"
    failed = {failure.text_hash for failure in session.store.failures("annotations", spec)}
    return failed | {label.text_hash for label in session.store.labels(present.taxonomy_id, annotator.annotator_id)}


def active_batches(session: Session, present: Taxonomy, annotator: Annotator, pool: list[str], measured_on: list[str]) -> Iterator[list[str]]:
    """Give batches to ask about until the budget is used or brings nothing: spread ones first, then unsure ones balanced over the categories.

    Each batch is chosen by what was answered so far, so that a run that was killed goes on with what it has.
    """
    wanted = session.project.annotation
    budget = wanted.sample - round(wanted.sample * wanted.held_out)
    vectors = session.store.vectors(session.embedder.embedder_id, pool)
    step = max(1, budget // ROUNDS)
    gains: list[Gain] = []
    before: Flags | None = None
    while True:
        given = {label.text_hash: label for label in session.store.labels(present.taxonomy_id, annotator.annotator_id)}
        asked = asked_texts(session, present, annotator)
        chosen = [place for place, text in enumerate(pool) if text in asked]
        count = min(step, budget - len(chosen))
        if count <= 0 or len(chosen) >= len(pool):
            return
        taught = [given[pool[place]] for place in chosen if pool[place] in given]
        student = _student(session, present, taught)
        right = _agrees(session, present, student, [given[text] for text in measured_on if text in given])
        gains += _gain(session, before, right)
        before = right
        if is_enough(gains, in_a_row=NO_GAINS):
            session.progress.status(f"{len(chosen)} documents are enough: {gains[-1].words}")
            return
        if student is None:
            weights = np.array([0.0 if text in asked else 1.0 for text in pool])
            places = [int(place) for place in spread_seeds(vectors, count, seed=session.project.seed, weights=weights) if pool[place] not in asked]
        else:
            order = {category.category_id: place for place, category in enumerate(present.leaves)}
            labels = np.array([order.get(_category(given.get(pool[place])), -1) for place in chosen])
            found = next_batch(
                _predicted(student, present, vectors), np.array(chosen), count=count, labels=labels, vectors=vectors, seed=session.project.seed
            )
            places = [int(place) for place in found]
        if not places:
            return
        yield [pool[place] for place in places]


def _agrees(session: Session, present: Taxonomy, student: Trained | None, held: list[Label]) -> Flags | None:
    """Say on which held-out documents a student agrees with the annotator; None where there is no student."""
    if student is None or not held:
        return None
    predicted = _predicted(student, present, session.store.vectors(session.embedder.embedder_id, [label.text_hash for label in held]))
    order = [category.category_id for category in present.leaves]
    return np.array([order[int(place)] == label.category_id for place, label in zip(predicted.argmax(axis=1), held, strict=True)])


def _gain(session: Session, before: Flags | None, after: Flags | None) -> list[Gain]:
    if before is None or after is None or len(before) != len(after):
        return []
    return [gain_is_noise(before, after, resamples=RESAMPLES, seed=session.project.seed)]


def _category(label: Label | None) -> str:
    return (label.category_id or "") if label is not None else ""


def _student(session: Session, present: Taxonomy, labels: list[Label]) -> Trained | None:
    """Train a student on the labels so far; None where there are too few to learn from."""
    categories, named = tuple(category.category_id for category in present.leaves), [label for label in labels if label.category_id is not None]
    try:
        return train(
            TrainingSet(
                categories=categories,
                vectors=session.store.vectors(session.embedder.embedder_id, [label.text_hash for label in named]),
                soft=soft_labels(categories, [{label.category_id or "": 1.0} for label in named]),
                unlabelled=np.zeros((0, 0), dtype=np.float32),
            ),
            settings=session.project.student.model_copy(update={"unlabelled": 0}),
            seed=session.project.seed,
        )
    except TrainingError:
        return None


def _predicted(student: Trained, present: Taxonomy, vectors: Matrix) -> Floats:
    """Give a student's probabilities of all categories, those that it never saw included."""
    categories = [category.category_id for category in present.leaves]
    probabilities = np.full((len(vectors), len(categories)), 1e-9)
    probabilities[:, [categories.index(category) for category in student.categories]] = student.model.predict_proba(vectors)
    return probabilities
