"""The model writes examples of categories that have few labels, and the annotator says what they are.

What is written is no document: it never becomes one, its labels are no documents' labels, and nothing is measured on it. A small model that is
asked for several texts repeats itself. So each question asks for one text, with a seed of its own, other texts of other categories for the
style, and the texts of the category in another order.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.batches import in_batches
from pipeline.fitting import fit_texts, shown_hashes
from pipeline.ids import content_id, normalise_text, text_hash
from pipeline.prompts import load_prompt
from pipeline.records import Category, Document, Label, Outcome
from pipeline.serving.contract import Answer, Chat, Line, Question
from pipeline.settings import Project
from pipeline.student_records import WrittenExample

__all__ = ["METHOD", "MOST_SHOWN", "Subject", "WantedExample", "example_documents", "judge_examples", "wanted_examples", "write_examples"]

PURPOSE = "write"
PROMPT = "example"
METHOD = 1  # raise it whenever other texts would be written from the same documents
BATCH = 8  # examples a batch: what a killed run may lose at most
MOST_SHOWN, MOST_OTHERS = 4, 4  # texts of the category, and of other categories, that the model sees
ON_THE_WAY = {"timeout", "server_error"}  # of these another run may hear better
AROUND = re.compile(r"^(?:[-*•]\s+|new text:\s*)+", re.IGNORECASE)
QUOTES = {'"': '"', "'": "'", "“": "”", "«": "»", "„": "“", "`": "`"}


@dataclass(frozen=True)
class Subject:
    """A category that examples are wanted of: documents of it, and texts of other categories in any number."""

    category: Category
    documents: Sequence[Document] = ()
    others: Sequence[str] = ()


@dataclass(frozen=True)
class WantedExample:
    """One example to be, by the hash of what makes it."""

    example_id: str
    category_id: str
    attempt: int


def wanted_examples(taxonomy_id: str, category_ids: Sequence[str], count: int, *, project: Project, model: str) -> list[WantedExample]:
    """Name the examples that are wanted, so many of each category; those of the first attempts keep their ids where more are wanted."""
    made_by = [METHOD, model, load_prompt(PROMPT).fingerprint, project.use_case, project.taxonomy.language, project.seed]
    return [
        WantedExample(content_id("example", [taxonomy_id, category, made_by, attempt]), category, attempt)
        for category in category_ids
        for attempt in range(count)
    ]


def write_examples(
    wanted: Sequence[WantedExample], subjects: Mapping[str, Subject], *, taxonomy_id: str, chat: Chat, project: Project
) -> Iterator[list[WrittenExample]]:
    """Ask for examples, batch by batch in order.

    :param subjects: those of the wanted categories, by category id.
    :return: batches of what was written, with the reason where nothing of use was. What failed on the way is left out, to be asked again.
    """
    prompt = load_prompt(PROMPT)
    answers = chat.ask(_question(one, subjects[one.category_id], chat, project) for one in wanted)
    for batch in in_batches(zip(wanted, answers, strict=True), BATCH):
        made = [
            _written(
                WrittenExample(one.example_id, taxonomy_id, one.category_id, one.attempt, chat.model, prompt.fingerprint),
                subjects[one.category_id],
                answer,
            )
            for one, answer in batch
            if answer.outcome not in ON_THE_WAY
        ]
        yield made


def example_documents(examples: Iterable[WrittenExample]) -> list[Document]:
    """Give each distinct text of examples the form in which an annotator takes it; what comes of it must not be stored as a document's."""
    found = {one.text_hash: Document(one.example_id, one.text_hash, one.text, "written") for one in examples if one.text and one.text_hash}
    return list(found.values())


def judge_examples(examples: Sequence[WrittenExample], outcomes: Iterable[Outcome[Label]], annotator_id: str) -> Iterator[list[WrittenExample]]:
    """Add to examples what an annotator calls them, batch by batch as it answers; without an answer they have the reason.

    What failed on the way is left out, to be asked again.
    """
    by_text: dict[str, list[WrittenExample]] = {}
    for one in examples:
        by_text.setdefault(one.text_hash or "", []).append(one)
    for outcome in outcomes:
        said: dict[str, tuple[str | None, str | None]] = {label.text_hash: (label.category_id, label.reason) for label in outcome.records}
        said |= {failure.text_hash: (None, failure.reason) for failure in outcome.failures if failure.reason not in ON_THE_WAY}
        yield [
            replace(one, annotator_id=annotator_id, annotated_id=category, reason=reason)
            for text, (category, reason) in said.items()
            for one in by_text[text]
        ]


def _question(one: WantedExample, subject: Subject, chat: Chat, project: Project) -> Question:
    prompt, language = load_prompt(PROMPT), project.taxonomy.language
    own = _turned([document.text for document in subject.documents[:MOST_SHOWN]], one.attempt)
    others = _turned(subject.others, one.attempt * MOST_OTHERS)[:MOST_OTHERS]
    about = {
        "use_case": project.use_case,
        "category": subject.category,
        "language": "the language of these texts" if language == "document" else language,
    }
    messages = fit_texts(
        lambda shown: prompt.render(others=shown[: len(others)], texts=shown[len(others) :], **about),
        [*others, *own],
        chat=chat,
        max_tokens=prompt.about.max_tokens,
    )
    seed = project.seed + one.attempt
    texts = shown_hashes([*others, *own])
    return Question(PURPOSE, prompt.fingerprint, messages, Line(), prompt.about.max_tokens, prompt.about.temperature, seed, texts)


def _turned(texts: Sequence[str], by: int) -> list[str]:
    """Begin a list elsewhere, and go on from its start."""
    start = by % len(texts) if texts else 0
    return [*texts[start:], *texts[:start]]


def _written(example: WrittenExample, subject: Subject, answer: Answer) -> WrittenExample:
    example = replace(example, shown=tuple(document.text_hash for document in subject.documents[:MOST_SHOWN]))
    text = _tidy(answer.text or "")
    if answer.outcome != "ok" or not text:
        return replace(example, reason="empty" if answer.outcome == "ok" else answer.outcome)
    seen = {normalise_text(shown).casefold() for shown in [*(document.text for document in subject.documents), *subject.others]}
    reason = "copy" if normalise_text(text).casefold() in seen else None
    return replace(example, reason=reason) if reason else replace(example, text=text, text_hash=text_hash(text))


def _tidy(line: str) -> str:
    """Take away what a model puts around a text: a dash, quotes."""
    text = AROUND.sub("", line.strip())
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text
