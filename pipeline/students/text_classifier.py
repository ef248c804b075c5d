"""A student and its embedder as one thing that takes texts: what another program loads, with nothing of Dagster, a store or a language model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.embedder_settings import EMBEDDERS
from pipeline.embedding import Embedder, open_embedder
from pipeline.errors import ArtefactError
from pipeline.students.artefact import LoadedStudent, load_student
from pipeline.students.score import TextPrediction, score_texts

__all__ = ["TextClassifier", "load"]


@dataclass(frozen=True)
class TextClassifier:
    """A student with the embedder that it learnt on; `embedder` is None where the student looks at words alone."""

    student: LoadedStudent
    embedder: Embedder | None

    @property
    def categories(self) -> list[str]:
        """List the category ids."""
        return self.student.categories

    @property
    def names(self) -> list[str]:
        """List the category names, in the order of the ids."""
        return self.student.names

    def predict(self, texts: Iterable[str], *, metadata: Iterable[Mapping[str, Any]] = (), top: int = 1) -> list[TextPrediction]:
        """Label texts; beside the predictions, memory stays flat however many there are. `score_texts` labels a stream as it comes.

        :param metadata: a mapping for each text, for a student that looks at columns beside it.
        :param top: how many categories to give for each text, the likeliest one included.
        :raises TypeError: where one text is given in place of a list.
        :raises ValueError: where `top` is below 1, or the student needs metadata and gets none.
        """
        if isinstance(texts, str):
            raise TypeError(f"predict takes a list of texts, and was given one text: {texts[:40]!r}. Put it into a list.")
        return list(score_texts(texts, student=self.student, embedder=self.embedder, metadata=metadata, top=top))


def load(path: Path | str, *, embedder: Embedder | None = None) -> TextClassifier:
    """Open a student's folder, ready to label texts; the embedder is opened by its name when the first text comes.

    :param embedder: one to use in place of the student's own by name; it must be of the same identity.
    :raises ArtefactError: when the folder is no whole student, or the embedder another than the student learnt on.
    :raises WeightsError: when the embedder needs a package that is not installed.
    """
    folder = Path(path)
    student = load_student(folder, embedder_id=None if embedder is None else embedder.embedder_id)
    return TextClassifier(student, embedder or _own_embedder(folder, student))


def _own_embedder(folder: Path, student: LoadedStudent) -> Embedder | None:
    if not student.needs_vectors:
        return None
    name, wanted = student.card["embedder"], student.card["embedder_id"]
    if name not in EMBEDDERS:
        raise ArtefactError(
            f"The student in {folder} learnt on vectors of {wanted}, and no embedder is called {name!r}; there are {', '.join(EMBEDDERS)}."
            " Hand it in: load(path, embedder=...)."
        )
    embedder = open_embedder(name)
    if embedder.embedder_id != wanted:
        raise ArtefactError(
            f"The student in {folder} learnt on vectors of {wanted}, and {name!r} is {embedder.embedder_id} here."
            " Use the version of Linnaeus that trained it, or run the project again to train a new student."
        )
    return embedder
