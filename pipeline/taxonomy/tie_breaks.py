"""Tie-breakers after labelling: for two categories that were confused, a sentence that may tell them apart.

The model is shown what each is about, a text that bears it rightly and one that was mistaken for the other, and says what tells them apart.
Its two halves are kept where each is nearer to its own category's texts; else the cues that only one of the two has say it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.answers import TieBreakAnswer
from pipeline.embedding import Embedder, Matrix
from pipeline.fitting import fit_texts, shown_hashes
from pipeline.prompts import load_prompt
from pipeline.records import Category
from pipeline.serving.contract import Chat, Message, Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.cards_guide import CUES, own_cues, tie_clauses
from pipeline.taxonomy.cards_wording import taxonomy_language, wording

__all__ = ["Confusion", "ProposedTie", "propose_ties"]

PURPOSE = "tie_break"
NOTHING = "no tie-breaker: the answer did not tell the two apart, and no cue is one's alone"


@dataclass(frozen=True)
class Confusion:
    """Two categories that were confused, in their order: texts of each, those mistaken for the other first, and the mean of their vectors."""

    categories: tuple[Category, Category]
    texts: tuple[Sequence[str], Sequence[str]]
    centres: tuple[Matrix, Matrix]


@dataclass(frozen=True)
class ProposedTie:
    """A sentence for both cards, and whether a model or cues say it; the sentence is empty where nothing was found, and `source` says why."""

    sentence: str
    source: str


def propose_ties(confusions: Sequence[Confusion], *, chat: Chat, embedder: Embedder, project: Project) -> list[ProposedTie]:
    """Ask for each pair what tells the two apart, in the language of the taxonomy."""
    language = taxonomy_language(project.taxonomy.language)
    answers = chat.ask([_question(one, chat=chat, language=language) for one in confusions])
    return [_proposed(one, answer.value, embedder, language) for one, answer in zip(confusions, answers, strict=True)]


def _question(confusion: Confusion, *, chat: Chat, language: str) -> Question:
    prompt = load_prompt("tie_break")
    abouts = [{"name": one.name, "about": list(one.cues[:CUES]) or [one.description]} for one in confusion.categories]
    first, second = (list(texts[:2]) for texts in confusion.texts)

    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        parts = texts[: len(first)], texts[len(first) :]
        return prompt.render(language=language, sides=[{**about, "texts": part} for about, part in zip(abouts, parts, strict=True)])

    messages = fit_texts(render, [*first, *second], chat=chat, max_tokens=prompt.about.max_tokens)
    about, shown = prompt.about, shown_hashes([*first, *second])
    return Question(PURPOSE, prompt.fingerprint, messages, Structured(TieBreakAnswer), about.max_tokens, about.temperature, texts=shown)


def _proposed(confusion: Confusion, answer: object, embedder: Embedder, language: str) -> ProposedTie:
    (first, second), words = confusion.categories, wording(language)
    clauses = tie_clauses(answer, first, second, language)
    if clauses:
        likeness = embedder.embed(clauses) @ np.stack(confusion.centres).T
        if likeness[0, 0] - likeness[0, 1] > likeness[1, 0] - likeness[1, 1]:  # each fits its own better than the other's half does
            sides = [words.does.format(name=one.name, clause=said) for one, said in zip((first, second), clauses, strict=True)]
            return ProposedTie(_sentence(sides), "model")
    cues = own_cues(first, second), own_cues(second, first)
    if all(cues):
        sides = [words.says.format(name=one.name, cues=words.listed(own)) for one, own in zip((first, second), cues, strict=True)]
        return ProposedTie(_sentence(sides), "cues")
    return ProposedTie("", NOTHING)


def _sentence(sides: Sequence[str]) -> str:
    return f"{'; '.join(sides)}."
