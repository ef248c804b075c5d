"""A student labels documents: what it looks at in, the likeliest category and its calibrated probability out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.batches import in_batches
from pipeline.embedding import Embedder
from pipeline.students.artefact import LoadedStudent
from pipeline.students.inputs import Inputs

__all__ = ["ScoredCategory", "TextPrediction", "certainty_columns", "score", "score_texts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
BATCH = 1024  # texts embedded at once: memory stays flat however long the stream is
DIGITS = 6


@dataclass(frozen=True)
class ScoredCategory:
    """A category with its probability."""

    category_id: str
    category: str
    probability: float


@dataclass(frozen=True)
class TextPrediction:
    """One text with its likeliest category and the calibrated probability; `alternatives` are the next likeliest, likeliest first.

    What the student cannot say is None: sets and abstention of one saved without, `also` of one that gives one category alone, and
    novelty of one that looks at no vector, since nothing is embedded for it.
    """

    text: str
    category_id: str
    category: str
    probability: float
    alternatives: tuple[ScoredCategory, ...] = ()
    members: tuple[str, ...] | None = None  # ids of the categories that hold the right one as often as promised, likeliest first
    abstained: bool | None = None  # whether it is too unsure to be taken at its word
    novelty: float | None = None  # from 0 to 1, near 1 for a text unlike those that the student has learnt from
    also: tuple[str, ...] | None = None  # ids of the other categories that apply, likeliest first

    def as_row(self) -> dict[str, Any]:
        """Give all but the text as plain values that JSON can hold, numbers with 6 digits; `also` where the student says it."""
        row = {
            "category": self.category,
            "category_id": self.category_id,
            "probability": round(self.probability, DIGITS),
            "abstained": self.abstained,
            "members": None if self.members is None else list(self.members),
            "novelty": None if self.novelty is None else round(self.novelty, DIGITS),
            "alternatives": [{**vars(other), "probability": round(other.probability, DIGITS)} for other in self.alternatives],
        }
        return row if self.also is None else {**row, "also": list(self.also)}


def score(inputs: Inputs, *, student: LoadedStudent) -> tuple[npt.NDArray[np.str_], Floats]:
    """Give each document its category id and the probability of it.

    :return: arrays of shape (n,).
    """
    probabilities = student.probabilities(inputs)
    best = probabilities.argmax(axis=1)
    return np.asarray(student.categories)[best], probabilities[np.arange(len(best)), best]


def score_texts(
    texts: Iterable[str],
    *,
    student: LoadedStudent,
    embedder: Embedder | None,
    metadata: Iterable[Mapping[str, Any]] = (),
    top: int = 1,
) -> Iterator[TextPrediction]:
    """Label a stream of texts, one batch in memory at a time.

    :param embedder: the one whose vectors the student learnt on; None does for a student that looks at words alone.
    :param metadata: a mapping for each text, for a student that looks at columns beside it.
    :param top: how many categories to give for each text, the likeliest one included.
    :raises ValueError: where `top` is below 1, or the student needs metadata or an embedder and gets none.
    """
    if top < 1:
        raise ValueError(f"top is {top}; expected 1 for the likeliest category alone, or more.")
    columns = iter(metadata)
    for batch in in_batches(texts, BATCH):
        yield from _predictions(batch, _inputs(batch, list(islice(columns, len(batch))), student, embedder), student, top)


def _inputs(texts: Sequence[str], metadata: Sequence[Mapping[str, Any]], student: LoadedStudent, embedder: Embedder | None) -> Inputs:
    if student.needs_metadata and len(metadata) != len(texts):
        raise ValueError(
            f"This student looks at columns beside the text: {len(texts)} texts came with {len(metadata)} mappings of metadata."
            " Give one for each text, {} where there is none."
        )
    if not student.needs_vectors:
        return Inputs(np.zeros((len(texts), 0), dtype=np.float32), texts, metadata)
    if embedder is None:
        raise ValueError(f"This student looks at vectors of {student.card['embedder_id']}, and there is no embedder. Give that one.")
    return Inputs(embedder.embed(texts), texts, metadata)


def _predictions(texts: Sequence[str], inputs: Inputs, student: LoadedStudent, top: int) -> Iterator[TextPrediction]:
    found = student.probabilities(inputs)
    order = np.argsort(-found, axis=1, kind="stable")
    places, categories, names = order[:, :top], student.categories, student.names
    likeliest = zip(texts, places.tolist(), np.take_along_axis(found, places, axis=1).tolist(), strict=True)
    columns = certainty_columns(found, order, inputs, student)
    unsaid = [None] * len(found)
    certainty = zip(*(columns.get(name, unsaid) for name in ("members", "abstained", "novelty", "also")), strict=True)
    for (text, row, values), said in zip(likeliest, certainty, strict=True):
        first, *others = [ScoredCategory(categories[place], names[place], value) for place, value in zip(row, values, strict=True)]
        yield TextPrediction(text, first.category_id, first.category, first.probability, tuple(others), *said)


def certainty_columns(found: Floats, order: Ints, inputs: Inputs, student: LoadedStudent) -> dict[str, list[Any]]:
    """Give each document's `members`, `abstained`, `novelty` and `also`, as columns; what the student cannot say is left out.

    :param found: probabilities (n, k).
    :param order: places of the categories (n, k), the likeliest first.
    """
    columns: dict[str, list[Any]] = {}
    if (certainty := student.certainty) is not None:
        columns["members"] = _flagged(certainty.conformal.members(found), order, student.categories)
        columns["abstained"] = (~certainty.abstention.keeps(found)).tolist()
        if certainty.sets is not None:
            applies = certainty.sets.applies(found)
            np.put_along_axis(applies, order[:, :1], False, axis=1)  # the likeliest one is the category itself
            columns["also"] = _flagged(applies, order, student.categories)
    if student.novelty is not None and student.needs_vectors:
        columns["novelty"] = student.novelty.score(inputs.vectors).astype(float).tolist()
    return columns


def _flagged(flags: npt.NDArray[np.bool_], order: Ints, ids: Sequence[str]) -> list[tuple[str, ...]]:
    """Name the flagged categories of each row, in the order of the row."""
    ranked = np.take_along_axis(flags, order, axis=1)
    found, ends = np.asarray(ids)[order[ranked]].tolist(), ranked.sum(axis=1).cumsum().tolist()
    return [tuple(found[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
