"""Labels level by level: first which category of the top fits, then which of those below it.

Each question has few options, and all documents of one parent share its list. What the first answer gets wrong, no later one sets
right; so every leaf keeps a score: those below a parent that was not chosen share the parent's probability equally.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from pipeline.annotation.annotate import read_label
from pipeline.batches import in_batches
from pipeline.choosing import NONE_FITS, Case, ask_cases
from pipeline.records import Annotator, Category, Document, Failure, Label, Outcome, Taxonomy
from pipeline.serving.contract import Answer, Chat
from pipeline.settings import Project

__all__ = ["annotate_by_level"]

BATCH = 64  # documents that go down together: those of one parent are asked about side by side


def annotate_by_level(
    documents: Sequence[Document], *, taxonomy: Taxonomy, annotator: Annotator, chat: Chat, project: Project
) -> Iterator[Outcome[Label]]:
    """Label documents from the top down, batch by batch in order; labels are leaves, with a score for each leaf."""
    below: dict[str | None, list[Category]] = {}
    for category in taxonomy.categories:
        below.setdefault(category.parent_id, []).append(category)
    for batch in in_batches(documents, BATCH):
        descent = _Descent(batch, below, taxonomy, annotator, chat, project)
        descent.ask(None, [(document, 0.0) for document in batch])
        labels = [descent.labels[document.text_hash] for document in batch if document.text_hash in descent.labels]
        yield Outcome(labels, descent.failures)


class _Descent:
    """One batch on its way down."""

    def __init__(
        self,
        batch: Sequence[Document],
        below: Mapping[str | None, Sequence[Category]],
        taxonomy: Taxonomy,
        annotator: Annotator,
        chat: Chat,
        project: Project,
    ) -> None:
        self._below, self._taxonomy, self._annotator, self._chat, self._project = below, taxonomy, annotator, chat, project
        self._scores: dict[str, dict[str, float] | None] = {document.text_hash: {} for document in batch}
        self._truncated: set[str] = set()
        self.labels: dict[str, Label] = {}
        self.failures: list[Failure] = []

    def ask(self, parent: str | None, documents: Sequence[tuple[Document, float]]) -> None:
        """Ask which category below a parent fits each document; `None of these` is offered at the top alone."""
        options = self._below[parent]
        answers = ask_cases(
            [Case(document.text) for document, _ in documents], categories=options, chat=self._chat, project=self._project, purpose="annotate",
            none=parent is None,
        )  # fmt: skip
        ids = {category.name: category.category_id for category in [*options, NONE_FITS]}
        further: dict[str, list[tuple[Document, float]]] = {}
        for (document, above), (answer, truncated) in zip(documents, answers, strict=True):
            if answer.outcome != "ok" or answer.text is None:
                self.failures.append(Failure(document.text_hash, answer.outcome, answer.error or "", answer.attempts))
                continue
            self._truncated |= {document.text_hash} if truncated else set()
            chosen = ids[answer.text]
            self._note(document, answer, ids, chosen, above)
            if chosen in self._below:
                reached = above + answer.scores[answer.text] if answer.scores is not None else 0.0
                further.setdefault(chosen, []).append((document, reached))
            else:
                self.labels[document.text_hash] = self._label(document, answer, ids)
        for category, several in further.items():
            self.ask(category, several)

    def _note(self, document: Document, answer: Answer, ids: Mapping[str, str], chosen: str, above: float) -> None:
        """Keep the scores of the leaves that are decided by an answer; one answer without scores leaves the document without."""
        scores = self._scores[document.text_hash]
        if answer.scores is None or scores is None:
            self._scores[document.text_hash] = None
            return
        for name, score in answer.scores.items():
            leaves = self._leaves(ids[name])
            if ids[name] != chosen or leaves == [chosen]:
                scores |= {leaf: above + score - math.log(len(leaves)) for leaf in leaves}

    def _leaves(self, category: str) -> list[str]:
        """List the leaves at or below a category."""
        children = self._below.get(category, [])
        return [leaf for child in children for leaf in self._leaves(child.category_id)] if children else [category]

    def _label(self, document: Document, answer: Answer, ids: Mapping[str, str]) -> Label:
        made = read_label(
            document, answer, ids, self._taxonomy.taxonomy_id, self._annotator.annotator_id, truncated=document.text_hash in self._truncated
        )
        scores = self._scores[document.text_hash]
        return Label(**{**vars(made), "scores": None if scores is None else dict(sorted(scores.items()))})
