"""Examples of rare categories that a model wrote: which are good enough to learn from.

An example is kept where the annotator and the student both say that it is what it was written as, and where it is unlike those kept
before it and unlike the documents that are there. It stays marked as synthetic, and lies beside the cited documents, which no fold
judges: nothing is ever measured on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Matrix
from pipeline.students.inputs import Inputs, join_inputs
from pipeline.students.material import Material

__all__ = ["Written", "choose_written", "with_written"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
COPY = 0.97  # cosine from which two texts are one that was edited
ALIKE = 0.9  # cosine from which two examples teach the same
NOT_ANNOTATOR, NOT_STUDENT = "the annotator says otherwise", "the student says otherwise"
COPIED, LIKE_ANOTHER, ENOUGH = "copy of a document", "like another one", "more than enough"


@dataclass(frozen=True, eq=False)
class Written:
    """The examples kept: parallel columns, by category and the one first that the student is surest of; and why the others were not."""

    places: Ints  # among those that were written
    categories: Ints
    probabilities: Floats  # by the student, of the category
    refused: Mapping[str, int]  # reason: how many
    synthetic: bool = True

    def __len__(self) -> int:
        """Count them."""
        return len(self.places)


def choose_written(
    vectors: Matrix,
    asked: Ints,
    student: Floats,
    annotated: Sequence[int | None],
    *,
    known: Matrix,
    most: int,
    within: int = 1,
    alike: float = ALIKE,
) -> Written:
    """Keep examples that student and annotator agree on, diverse, and at most `most` for each category.

    :param vectors: of the examples (m, d), unit length.
    :param asked: category (m,) that each was written for.
    :param student: probabilities (m, k).
    :param annotated: what the annotator calls each, None where it gave no category.
    :param known: vectors (n, d) of the documents that are there, whether labelled or not: a near copy of one teaches nothing, and
        would carry a document that is judged into what is learnt.
    :param within: how many of the student's likeliest categories may be the asked one; 1 demands the first, more help categories
        that the student hardly knows yet.
    :param alike: cosine from which an example is too like one kept before it.
    :raises ValueError: where the columns differ in length, or a category is not one of the student's.
    """
    lengths = [len(vectors), len(asked), len(student), len(annotated)]
    if len(set(lengths)) > 1:
        raise ValueError("Found {} vectors, {} categories, {} rows of probabilities and {} labels; expected as many of each.".format(*lengths))
    if np.any((asked < 0) | (asked >= student.shape[1])):
        raise ValueError(f"Expected categories from 0 to {student.shape[1] - 1}; found {sorted(set(asked.tolist()))}.")
    held = student[np.arange(len(asked)), asked]
    reasons = _disagreements(asked, held, student, annotated, within)
    for place in np.flatnonzero((vectors @ known.T).max(axis=1) >= COPY) if len(known) and len(vectors) else ():
        reasons[place] = reasons[place] or COPIED
    kept: list[int] = []
    for category in np.unique(asked):
        places = np.array([place for place in np.flatnonzero(asked == category) if not reasons[place]], dtype=np.intp)
        kept += _diverse(places[np.argsort(-held[places], kind="stable")], vectors, reasons, most=most, alike=alike)
    chosen = np.array(kept, dtype=np.intp)
    refused = {reason: reasons.count(reason) for reason in sorted(set(reasons) - {""})}
    return Written(chosen, asked[chosen], held[chosen], refused)


def with_written(material: Material, examples: Inputs, written: Written) -> Material:
    """Put the examples kept beside the cited documents, where every student learns from them and none is judged on them.

    :param examples: all that were written, in the order of the places.
    """
    if not len(written):
        return material
    soft = np.eye(len(material.categories))[written.categories]
    known = np.concatenate([material.cited_soft, soft]) if len(material.cited) else soft
    return replace(material, cited=join_inputs(material.cited, examples.take(written.places)), cited_soft=known)


def _disagreements(asked: Ints, held: Floats, student: Floats, annotated: Sequence[int | None], within: int) -> list[str]:
    """Say why an example is not what it was written as; nothing where both say that it is."""
    above = (student > held[:, None]).sum(axis=1)
    reasons = []
    for category, label, rank in zip(asked.tolist(), annotated, above.tolist(), strict=True):
        said = NOT_ANNOTATOR if label != category else NOT_STUDENT if rank >= within else ""
        reasons.append(said)
    return reasons


def _diverse(places: Ints, vectors: Matrix, reasons: list[str], *, most: int, alike: float) -> list[int]:
    """Keep places in their order, each unlike those before it, and say of the others why not."""
    kept: list[int] = []
    for place in places.tolist():
        if kept and float((vectors[kept] @ vectors[place]).max()) >= alike:
            reasons[place] = LIKE_ANOTHER
        elif len(kept) >= most:
            reasons[place] = ENOUGH
        else:
            kept.append(place)
    return kept
