"""Which embedder suits a project: each embeds the same labelled documents, and a quick classifier learns the labels from its vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.embedder_settings import COMPARED
from pipeline.embedding import Embedder, Matrix
from pipeline.errors import TrainingError
from pipeline.stages.learning import label_probabilities
from pipeline.stages.session import Session
from pipeline.stages.taught import Taught, taught_of
from pipeline.students import soft_labels
from pipeline.students.embedders import EmbeddedDocuments, EmbedderChoice, compare_embedders, embed_timed

__all__ = ["ComparedEmbedders", "compare_project_embedders"]

Ints = npt.NDArray[np.intp]
MOST = 1000  # labelled documents that are embedded
TIMED = 200  # documents that an embedder is timed on where its vectors are stored already


@dataclass(frozen=True)
class ComparedEmbedders:
    """The embedder chosen and how each did; `names` says what a project file calls each, by its id."""

    choice: EmbedderChoice
    present_id: str
    names: Mapping[str, str]

    @property
    def is_other(self) -> bool:
        """Say whether another one than the project's is chosen."""
        return self.choice.embedder_id != self.present_id


def compare_project_embedders(session: Session, *, most: int = MOST, timed: int = TIMED) -> ComparedEmbedders:
    """Compare the embedders of this machine, and the project's own where a server has it, on the labels of the session's facet.

    Vectors that are stored are read, and those that are not are made and stored, so that a run with the embedder chosen need not make them again.

    :param most: documents to embed, drawn by the project's seed from those that are labelled and not held out.
    :param timed: documents that an embedder is timed on at least, as far as there are so many.
    :raises TrainingError: where there are no labels yet, or too few.
    """
    project = session.project
    if session.store.current("teacher_annotator_id") is None:
        raise TrainingError(f"Project {project.name} has no labels yet to compare embedders by. Make them first: linnaeus run {project.name}")
    found = taught_of(session)
    hashes, soft = _drawn(session, found, most)
    texts = [document.text for document in session.store.texts(hashes)]
    embedders: dict[str, Embedder] = {name: session.embedder_called(name) for name in COMPARED}
    if not isinstance(project.embedder, str):
        embedders[project.embedder_name] = session.embedder
    embedded = []
    for name, embedder in embedders.items():
        session.progress.status(f"embedding {len(texts)} labelled documents with {name}")
        embedded.append(_embedded(session, embedder, hashes, texts, timed))
    choice = compare_embedders(embedded, soft, folds=project.student.folds, seed=project.seed)
    names = {one.embedder_id: name for one, name in zip(embedded, embedders, strict=True)}
    return ComparedEmbedders(choice, session.embedder.embedder_id, names)


def _drawn(session: Session, found: Taught, most: int) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Draw labelled documents, and give their labels (n, k) over the categories that have one."""
    fewest = 2 * session.project.student.folds
    categories = [category.category_id for category in found.present.leaves if category.category_id in set(found.categories().values())]
    if len(categories) < 2 or len(found.labels) < fewest:
        raise TrainingError(
            f"Embedders are compared by at least {fewest} labelled documents that are not held out, of at least 2 categories; project"
            f" {session.project.name} has {len(found.labels)} of {len(categories)}. Raise annotation.sample, and: linnaeus run {session.project.name}"
        )
    order = np.random.default_rng(session.project.seed).permutation(len(found.labels))[:most]
    labels = [found.labels[place] for place in sorted(order.tolist())]
    given = [label_probabilities(label, found.known.get(label.text_hash)) for label in labels]
    return [label.text_hash for label in labels], soft_labels(categories, given)


def _embedded(session: Session, embedder: Embedder, hashes: Sequence[str], texts: Sequence[str], least: int) -> EmbeddedDocuments:
    """Give the vectors of documents, the stored ones as they are, and the time of an embedder on all others, or on some that it has seen before."""
    key, store = embedder.embedder_id, session.store
    missing = set(store.pending("embeddings", {"embedder_id": key}, among=hashes))
    fresh = [place for place, text in enumerate(hashes) if text in missing]
    known = [place for place, text in enumerate(hashes) if text not in missing]
    timed = embed_timed(embedder, [texts[place] for place in [*fresh, *known[: max(0, least - len(fresh))]]])
    vectors: Matrix = np.zeros((len(hashes), timed.vectors.shape[1]), dtype=np.float32)
    if fresh:
        vectors[fresh] = timed.vectors[: len(fresh)]
        store.save_vectors(key, [hashes[place] for place in fresh], vectors[fresh])
    if known:
        vectors[known] = store.vectors(key, [hashes[place] for place in known])
    return EmbeddedDocuments(key, vectors, timed.seconds)
