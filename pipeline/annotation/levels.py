"""Labels level by level: first which category of the top fits, then which of those below it.

Each question has few options, and all documents of one parent share its list. What the first answer gets wrong, no later one sets
right; so every leaf keeps a score: those below a parent that was not chosen share the parent's probability equally.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pipeline.annotation.annotate import read_label
from pipeline.annotation.windows import Heard, ask_in_windows, window_at
from pipeline.batches import in_batches
from pipeline.choosing import NONE_FITS, Case
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
        self._heard: dict[str, Heard] = {}  # at the top, by text hash
        self.labels: dict[str, Label] = {}
        self.failures: list[Failure] = []

    def ask(self, parent: str | None, documents: Sequence[tuple[Document, float]]) -> None:
        """Ask which category below a parent fits each document; `None of these` is offered at the top alone."""
        options = self._below[parent]
        answers = ask_in_windows(
            [Case(self._shown(document), of=document.text_hash) for document, _ in documents], categories=options, chat=self._chat,
            project=self._project, purpose="annotate", none=parent is None,
        )  # fmt: skip
        ids = {category.name: category.category_id for category in [*options, NONE_FITS]}
        further: dict[str, list[tuple[Document, float]]] = {}
        for (document, above), heard in zip(documents, answers, strict=True):
            answer = heard.answer
            self._heard.setdefault(document.text_hash, heard)
            if answer.outcome != "ok" or answer.text is None:
                self.failures.append(Failure(document.text_hash, answer.outcome, answer.error or "", answer.attempts))
                continue
            self._truncated |= {document.text_hash} if heard.truncated else set()
            chosen = ids[answer.text]
            self._note(document, answer, ids, chosen, above)
            if chosen in self._below:
                reached = above + answer.scores[answer.text] if answer.scores is not None else 0.0
                further.setdefault(chosen, []).append((document, reached))
            else:
                self.labels[document.text_hash] = self._label(document, heard, ids)
        for category, several in further.items():
            self.ask(category, several)

    def _shown(self, document: Document) -> str:
        """Give a document's text; below the top that of the window that spoke most for what was chosen there, where it has windows."""
        above = self._heard.get(document.text_hash)
        start = None if above is None else above.window_start
        return document.text if start is None else window_at(document.text, start, self._project.annotation).text

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

    def _label(self, document: Document, heard: Heard, ids: Mapping[str, str]) -> Label:
        top = self._heard[document.text_hash]
        seen = replace(heard, truncated=document.text_hash in self._truncated, windows=top.windows, window_start=top.window_start)
        made = read_label(document, seen, ids, self._taxonomy.taxonomy_id, self._annotator.annotator_id)
        scores = self._scores[document.text_hash]
        return Label(**{**vars(made), "scores": None if scores is None else dict(sorted(scores.items()))})
