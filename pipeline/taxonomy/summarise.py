"""Stage 1: a short summary and a topic phrase for each sampled document (TnT-LLM, section 3.1).

A text that is no longer than a summary is its own summary, so that only its phrase is asked for.
"""

from collections.abc import Iterator, Sequence

from pipeline.answers import SummaryAnswer
from pipeline.batches import in_batches
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Document, Failure, Outcome, Summary
from pipeline.serving.contract import Answer, Chat, Line, Question, Structured
from pipeline.settings import Project
from pipeline.text import cut_words, tidy_phrase

__all__ = ["summarise", "summary_spec"]

BATCH = 16  # documents a batch: what a killed run may lose at most


def summary_spec(project: Project, model: str) -> str:
    """Hash what determines a summary, apart from the text."""
    prompts = [load_prompt(name).fingerprint for name in ("phrase", "summarise")]
    words = [project.taxonomy.summary_words, project.annotation.max_words]
    return content_id("summaries", [prompts, model, project.use_case, project.taxonomy.language, words, project.seed])


def summarise(documents: Sequence[Document], *, chat: Chat, project: Project) -> Iterator[Outcome[Summary]]:
    """Summarise documents, batch by batch in order.

    :return: batches of summaries, and a failure for each document that the model could not summarise.
    """
    spec = summary_spec(project, chat.model)
    answers = chat.ask(_question(document, project) for document in documents)
    for batch in in_batches(zip(documents, answers, strict=True), BATCH):
        records: list[Summary] = []
        failures: list[Failure] = []
        for document, answer in batch:
            summary = _summary(document, answer, spec, project)
            if summary is None:
                reason = "empty" if answer.outcome == "ok" else answer.outcome
                failures.append(Failure(document.text_hash, reason, answer.error or "the phrase was empty", answer.attempts))
            else:
                records.append(summary)
        yield Outcome(records, failures)


def _question(document: Document, project: Project) -> Question:
    text, _ = cut_words(document.text, project.annotation.max_words)
    if document.words <= project.taxonomy.summary_words:
        prompt = load_prompt("phrase")
        messages = prompt.render(use_case=project.use_case, language=project.taxonomy.language, text=text)
        return Question("summarise", prompt.fingerprint, messages, Line(), prompt.about.max_tokens, seed=project.seed)
    prompt = load_prompt("summarise")
    messages = prompt.render(use_case=project.use_case, language=project.taxonomy.language, words=project.taxonomy.summary_words, text=text)
    return Question("summarise", prompt.fingerprint, messages, Structured(SummaryAnswer), prompt.about.max_tokens, seed=project.seed)


def _summary(document: Document, answer: Answer, spec: str, project: Project) -> Summary | None:
    if answer.outcome != "ok":
        return None
    _, truncated = cut_words(document.text, project.annotation.max_words)
    if isinstance(answer.value, SummaryAnswer):
        phrase = tidy_phrase(answer.value.phrase)
        return Summary(document.text_hash, spec, answer.value.summary.strip(), phrase, truncated) if phrase else None
    phrase = tidy_phrase(answer.text or "")
    return Summary(document.text_hash, spec, document.text, phrase, truncated) if phrase else None
