"""A student labels documents: vectors in, the likeliest category and its calibrated probability out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.batches import in_batches
from pipeline.embedding import Embedder, Matrix
from pipeline.students.artefact import LoadedStudent

__all__ = ["Scored", "score", "score_texts"]

BATCH = 1024  # texts embedded at once: memory stays flat however long the stream is


@dataclass(frozen=True)
class Scored:
    """One text with its category and probability."""

    text: str
    category_id: str
    category: str
    probability: float


def score(vectors: Matrix, *, student: LoadedStudent) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float64]]:
    """Give each vector its category id and the probability of it.

    :return: arrays of shape (n,).
    """
    probabilities = student.model.predict_proba(vectors)
    best = probabilities.argmax(axis=1)
    return np.asarray(student.categories)[best], probabilities[np.arange(len(best)), best]


def score_texts(texts: Iterable[str], *, student: LoadedStudent, embedder: Embedder) -> Iterator[Scored]:
    """Label a stream of texts, one batch in memory at a time."""
    names: dict[str, str] = dict(zip(student.categories, student.names, strict=True))
    for batch in in_batches(texts, BATCH):
        yield from _scored(batch, names, *score(embedder.embed(batch), student=student))


def _scored(texts: Sequence[str], names: dict[str, str], ids: npt.NDArray[np.str_], values: npt.NDArray[np.float64]) -> Iterator[Scored]:
    for text, category_id, value in zip(texts, ids.tolist(), values.tolist(), strict=True):
        yield Scored(text, category_id, names[category_id], value)
