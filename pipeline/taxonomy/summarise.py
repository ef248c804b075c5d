"""Stage 1: a short summary and a topic phrase for each sampled document (TnT-LLM, section 3.1).

A text that is no longer than a summary is its own summary, so that only its phrase is asked for.
"""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.answers import SummaryAnswer
from pipeline.batches import in_batches
from pipeline.fitting import DocumentPrompt, ask_posed
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Document, Failure, Outcome, Summary
from pipeline.serving.contract import Answer, Chat, Line, Structured
from pipeline.settings import Project
from pipeline.text import tidy_phrase

__all__ = ["summarise", "summary_spec"]

BATCH = 16  # documents a batch: what a killed run may lose at most


def summary_spec(project: Project, model: str) -> str:
    """Hash what determines a summary, apart from the text."""
    prompts = [load_prompt(name).fingerprint for name in ("phrase", "summarise")]
    words = [project.taxonomy.summary_words, *project.annotation.shown]
    return content_id("summaries", [prompts, model, project.use_case, project.taxonomy.language, words, project.seed])


def summarise(documents: Sequence[Document], *, chat: Chat, project: Project) -> Iterator[Outcome[Summary]]:
    """Summarise documents, batch by batch in order.

    :return: batches of summaries, and a failure for each document that the model could not summarise.
    """
    spec = summary_spec(project, chat.model)
    prompts = _prompts(chat, project)
    answers = ask_posed((prompts[_is_short(document, project)].pose(document.text) for document in documents), chat)
    for batch in in_batches(zip(documents, answers, strict=True), BATCH):
        records: list[Summary] = []
        failures: list[Failure] = []
        for document, (answer, truncated) in batch:
            summary = _summary(document, answer, spec, truncated=truncated)
            if summary is None:
                reason = "empty" if answer.outcome == "ok" else answer.outcome
                failures.append(Failure(document.text_hash, reason, answer.error or "the phrase was empty", answer.attempts))
            else:
                records.append(summary)
        yield Outcome(records, failures)


def _is_short(document: Document, project: Project) -> bool:
    return document.words <= project.taxonomy.summary_words


def _prompts(chat: Chat, project: Project) -> Mapping[bool, DocumentPrompt]:
    """Give the prompt of short texts (True), which asks for a phrase, and that of longer ones."""
    about = {"use_case": project.use_case, "language": project.taxonomy.language}
    longer = about | {"words": project.taxonomy.summary_words}
    return {
        True: DocumentPrompt(load_prompt("phrase"), Line(), purpose="summarise", chat=chat, project=project, **about),
        False: DocumentPrompt(load_prompt("summarise"), Structured(SummaryAnswer), purpose="summarise", chat=chat, project=project, **longer),
    }


def _summary(document: Document, answer: Answer, spec: str, *, truncated: bool) -> Summary | None:
    if answer.outcome != "ok":
        return None
    if isinstance(answer.value, SummaryAnswer):
        phrase = tidy_phrase(answer.value.phrase)
        return Summary(document.text_hash, spec, answer.value.summary.strip(), phrase, truncated) if phrase else None
    phrase = tidy_phrase(answer.text or "")
    return Summary(document.text_hash, spec, document.text, phrase, truncated) if phrase else None
