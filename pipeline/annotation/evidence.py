"""The words of a document that support its label: a span of the document, which the model chooses among its spans.

A small model that is asked to quote says it in its own words. So code cuts the document into spans, and decoding can emit
only the first words of one of them. What is stored is the span itself, with its place in the document.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.annotation.spans import UNSPACED, Span, candidate_spans
from pipeline.annotation.windows import window_at
from pipeline.batches import in_batches
from pipeline.fitting import DocumentPrompt, Posed, Window, ask_posed, open_place, shown_hashes
from pipeline.prompts import as_data, load_prompt
from pipeline.records import Category, Document, Failure, Label, Outcome, Taxonomy
from pipeline.serving.contract import Answer, Chat, Choice, Line, Question
from pipeline.settings import Project
from pipeline.text import ELLIPSIS, cut_words

__all__ = ["evidence_occurs", "find_evidence", "first_words"]

BATCH = 16  # labels a batch: what a killed run may lose at most
FEWEST_WORDS = 5  # that stand for a span
LONGEST_RATIONALE = 25  # words
WORD = re.compile(rf"[{UNSPACED}]{{1,2}}|[^\s{UNSPACED}]{{1,24}}")
NOT_ASKED = Answer("ok", attempts=0)
UNCUT = 10**9  # words: spans are cut by the project's policy already, and only the context is left to heed


@dataclass(frozen=True)
class _Asked:
    """A label, the spans by the words that stand for them, and what is asked: for the evidence, then for the rationale."""

    label: Label
    spans: Mapping[str, Span]
    posed: Sequence[Posed]


def find_evidence(
    labels: Sequence[Label], documents: Sequence[Document], *, taxonomy: Taxonomy, chat: Chat, project: Project
) -> Iterator[Outcome[Label]]:
    """Find the words of each label's document that support it, and the reason in words where the project asks for it, batch by batch in order.

    A document of one span is its own evidence. A label without a category has none, and is given back as it is.

    :param documents: at least those of the labels, in any order; of duplicates the places are those in the first.
    :return: batches of all labels, and a failure for each that lacks its evidence or its rationale.
    """
    texts = {document.text_hash: document.text for document in reversed(documents)}
    asker = _Asker(taxonomy, chat, project)
    waiting: deque[_Asked] = deque()

    def posed() -> Iterator[Posed]:
        for label in labels:
            waiting.append(asker.ask(label, texts[label.text_hash]))
            yield from waiting[-1].posed

    answers = ask_posed(posed(), chat)
    found = (_answered(waiting.popleft(), first, answers) for first, _ in answers)
    for batch in in_batches(found, BATCH):
        yield Outcome([label for label, _ in batch], [failure for _, failure in batch if failure is not None])


def evidence_occurs(label: Label, text: str) -> bool:
    """Say whether a label's evidence stands in the text at the place that the label says."""
    return bool(label.evidence) and label.evidence_start is not None and text.startswith(label.evidence or "", label.evidence_start)


def first_words(spans: Sequence[Span], *, most_bytes: int) -> dict[str, Span]:
    """Name each span by its first words as the model reads them: five, or as many as tell it from the others.

    Of spans that cannot be told apart the first is named.

    :param most_bytes: of a name in UTF-8; a token is at least one byte, so that a name of n bytes takes n tokens at most.
    """
    lines = [_line(span) for span in spans]
    named: dict[str, Span] = {}
    for line, span in zip(lines, spans, strict=True):
        others = [other for other in lines if other != line]
        beginnings = (line[: word.end()] for number, word in enumerate(WORD.finditer(line), start=1) if number >= FEWEST_WORDS)
        name = next((beginning for beginning in beginnings if not any(other.startswith(beginning) for other in others)), line)
        named.setdefault(name.encode(errors="ignore")[:most_bytes].decode(errors="ignore").rstrip(), span)
    return named


class _Asker:
    """Makes the questions about labels; prompts are filled in once for each category."""

    def __init__(self, taxonomy: Taxonomy, chat: Chat, project: Project) -> None:
        self._chat, self._project = chat, project
        self._categories = {category.category_id: category for category in taxonomy.categories}
        self._prompt = load_prompt("evidence")
        self._windows: dict[str, Window] = {}
        self._reasons: dict[str, DocumentPrompt] = {}

    def ask(self, label: Label, text: str) -> _Asked:
        """Make the questions about one label."""
        rationale = self._project.annotation.rationale
        if label.category_id is None:
            return _Asked(label, {}, [Posed(None, truncated=False, instead=NOT_ASKED)] * (2 if rationale else 1))
        category = self._categories[label.category_id]
        window = window_at(text, label.window_start, self._project.annotation)
        found, evidence = self._evidence(category, window.text, shown_hashes([text]))
        spans = {name: replace(span, start=span.start + window.start) for name, span in found.items()}
        return _Asked(label, spans, [evidence, *([self._reason(category).pose(window.text, of=shown_hashes([text]))] if rationale else [])])

    def _evidence(self, category: Category, text: str, about: tuple[str, ...]) -> tuple[Mapping[str, Span], Posed]:
        policy, most_bytes = self._project.annotation, self._prompt.about.max_tokens
        spans = candidate_spans(text, policy)
        named = first_words(spans, most_bytes=most_bytes)
        if len(named) < 2:
            only = replace(NOT_ASKED, text=next(iter(named))) if named else Answer("empty", error="the document holds nothing to quote", attempts=0)
            return named, Posed(None, truncated=False, instead=only)
        window = self._window(category)
        while len(spans) > 1:
            fitted = window.fit("\n".join(map(_line, spans)))
            if fitted.messages is not None and not fitted.truncated:
                form = Choice(tuple(named))
                question = Question("evidence", self._prompt.fingerprint, fitted.messages, form, most_bytes, seed=self._project.seed, texts=about)
                return named, Posed(question, truncated=False)
            spans = spans[len(spans) // 2 :] if policy.long_documents == "tail" else spans[: len(spans) // 2]
            named = first_words(spans, most_bytes=most_bytes)
        error = f"the prompt {self._prompt.name} leaves no room for two spans of the document; raise engine.context_tokens"
        return {}, Posed(None, truncated=True, instead=Answer("too_long", error=error, attempts=0))

    def _window(self, category: Category) -> Window:
        if category.category_id not in self._windows:
            place = open_place(self._prompt, use_case=self._project.use_case, category=category)
            policy = self._project.annotation.model_copy(update={"max_words": UNCUT})
            self._windows[category.category_id] = Window(place, chat=self._chat, max_tokens=self._prompt.about.max_tokens, policy=policy)
        return self._windows[category.category_id]

    def _reason(self, category: Category) -> DocumentPrompt:
        if category.category_id not in self._reasons:
            language = self._project.taxonomy.language
            about = {
                "use_case": self._project.use_case,
                "category": category,
                "language": "the language of the text" if language == "document" else language,
            }
            prompt = load_prompt("rationale")
            self._reasons[category.category_id] = DocumentPrompt(prompt, Line(), purpose="rationale", chat=self._chat, project=self._project, **about)
        return self._reasons[category.category_id]


def _answered(asked: _Asked, first: Answer, answers: Iterator[tuple[Answer, bool]]) -> tuple[Label, Failure | None]:
    """Complete a label by the answer for its evidence, and by the one that follows where a rationale was asked for."""
    label = asked.label
    found: list[tuple[str, Answer]] = [("evidence", first), *(("rationale", next(answers)[0]) for _ in asked.posed[1:])]
    failures: list[Failure] = []
    for what, answer in found if label.category_id is not None else ():
        text = " ".join((answer.text or "").split()) if what == "rationale" else answer.text
        if answer.outcome != "ok" or not text:
            reason = "empty" if answer.outcome == "ok" else answer.outcome
            failures.append(Failure(label.text_hash, reason, f"no {what}: {answer.error or 'the answer is empty'}", answer.attempts))
        elif what == "evidence":
            label = replace(label, evidence=asked.spans[text].text, evidence_start=asked.spans[text].start)
        else:
            shown, cut = cut_words(text, LONGEST_RATIONALE)
            label = replace(label, rationale=shown + ELLIPSIS if cut else shown)
    return label, failures[0] if failures else None


def _line(span: Span) -> str:
    """Spell a span as the model reads it: in one line, with no power over the prompt."""
    return as_data(" ".join(span.text.split()))
