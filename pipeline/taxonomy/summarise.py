"""Stage 1: a short summary and a topic phrase for each sampled document (TnT-LLM, section 3.1).

The phrase answers a facet's question. A text that is no longer than two summaries is its own summary, so that only its
phrase is asked for; the phrases of all facets and the summary come from one call.
"""

from collections.abc import Iterator, Sequence

from pipeline.batches import in_batches
from pipeline.fitting import DocumentPrompt, ask_posed
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Document, Facet, Failure, Outcome, Summary
from pipeline.serving.contract import Answer, Chat, Line
from pipeline.settings import MAIN, Project
from pipeline.taxonomy.facets import facet_id
from pipeline.text import cut_words, tidy_phrase

__all__ = ["summarise", "summary_spec"]

BATCH = 16  # documents a batch: what a killed run may lose at most
SEPARATOR = "|"
HEAD = 40  # words of a longer text that stand for the summary where the model gave none
OWN_LANGUAGE = "the language of the text"


def summary_spec(project: Project, model: str, *, facet: str = MAIN) -> str:
    """Hash what determines a summary for one of a project's facets, apart from the text: one call answers for all facets."""
    prompts = [load_prompt(name).fingerprint for name in ("phrase", "summarise")]
    words = [project.taxonomy.summary_words, *project.annotation.shown]
    facets = [facet_id(name, project.facet(name), model) for name in project.facet_names]
    return content_id("summaries", [facet, facets, prompts, model, project.taxonomy.language, words])


def summarise(documents: Sequence[Document], *, facets: Sequence[Facet], chat: Chat, project: Project) -> Iterator[Outcome[Summary]]:
    """Summarise documents, batch by batch in order.

    :param facets: those of the project, in its order.
    :return: batches of summaries, one a document and facet, and a failure for each document that the model could not summarise.
    """
    specs = [summary_spec(project, chat.model, facet=facet.name) for facet in facets]
    prompts = {short: _prompt(facets, chat, project, short=short) for short in (True, False)}
    answers = ask_posed((prompts[_is_short(document, project)].pose(document.text) for document in documents), chat)
    for batch in in_batches(zip(documents, answers, strict=True), BATCH):
        records: list[Summary] = []
        failures: list[Failure] = []
        for document, (answer, truncated) in batch:
            made = _summaries(document, answer, specs, short=_is_short(document, project), truncated=truncated)
            records += made
            if not made:
                reason = "empty" if answer.outcome == "ok" else answer.outcome
                failures.append(Failure(document.text_hash, reason, answer.error or f"no phrase for each facet in {answer.text!r}", answer.attempts))
        yield Outcome(records, failures)


def _is_short(document: Document, project: Project) -> bool:
    return document.words <= 2 * project.taxonomy.summary_words


def _prompt(facets: Sequence[Facet], chat: Chat, project: Project, *, short: bool) -> DocumentPrompt:
    language = OWN_LANGUAGE if project.taxonomy.language == "document" else project.taxonomy.language
    unseeded = project.model_copy(update={"seed": 0})  # at temperature 0 a seed changes nothing but the ledger's key
    if short and len(facets) == 1:
        facet = facets[0]
        about = {"use_case": facet.use_case, "question": facet.question, "examples": list(facet.examples), "language": language}
        return DocumentPrompt(load_prompt("phrase"), Line(), purpose="summarise", chat=chat, project=unseeded, **about)
    # An example of one facet has no answers to the others' questions.
    examples = [{"text": one["text"], "answers": [one["answer"]]} for one in facets[0].examples] if len(facets) == 1 else []
    several = {
        "use_cases": [facet.use_case for facet in facets],
        "questions": [_with_answers(facet) if len(facets) > 1 else facet.question for facet in facets],
        "examples": examples,
        "language": language,
        "words": 0 if short else project.taxonomy.summary_words,
    }
    return DocumentPrompt(load_prompt("summarise"), Line(), purpose="summarise", chat=chat, project=unseeded, **several)


def _with_answers(facet: Facet) -> str:
    answers = ", ".join(example["answer"] for example in facet.examples)
    return f"{facet.question} (such as: {answers})" if answers else facet.question


def _summaries(document: Document, answer: Answer, specs: Sequence[str], *, short: bool, truncated: bool) -> list[Summary]:
    """Make a summary for each facet; none where the model left a phrase out."""
    if answer.outcome != "ok" or answer.text is None:
        return []
    phrases, rest = _parts(answer.text, len(specs))
    if len(phrases) < len(specs) or not all(phrases):
        return []
    own = document.text if short else rest or cut_words(document.text, HEAD)[0]
    return [Summary(document.text_hash, spec, own, phrase, truncated) for spec, phrase in zip(specs, phrases, strict=True)]


def _parts(line: str, count: int) -> tuple[list[str], str]:
    """Split an answer into the phrases and what follows them."""
    parts = [part.strip() for part in line.split(SEPARATOR, count)]
    return [tidy_phrase(part) for part in parts[:count]], parts[count] if len(parts) > count else ""
