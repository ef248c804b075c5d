"""How far a corpus has anything to do with the use case: whether the model finds the question answered in it.

A small model says yes too often, and to some questions more than to others, so that only contrasts of its yes count. The
first is to the same question about everyday sentences. A question that any text answers ("what is the text about") fails
there, and is found by the second: to other questions about the same texts, less what questions differ by anyway. The
greater of the two is the relevance.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.fitting import DocumentPrompt, ask_posed
from pipeline.prompts import load_prompt
from pipeline.records import Measure
from pipeline.serving.contract import Answer, Chat, Choice
from pipeline.settings import Project
from pipeline.text import content_words, cut_words

__all__ = ["LOW", "OTHER_QUESTIONS", "UNRELATED", "relevance", "relevance_warning"]

Contrast = tuple[float, float | None, int]  # mean over texts, its standard error where there are several, and their number
TEXTS = 24  # asked about: with the contrasts 60 questions
WORDS = 40  # shown of each
LOW = 0.2  # between 0.07 for another corpus's use case and 0.32 and 0.41 for a corpus's own, seen on 3 to 8 texts with a 1.5 B model
APART = 1.0  # log-odds by which a model's yes to two questions differs on texts that answer neither
SUREST = 0.98  # probability that a yes without scores stands for
Z = 1.959964
UNRELATED = (
    "The river froze early this year.",
    "My neighbour painted his fence green.",
    "She hung the wet coat behind the door.",
    "Two pigeons sat on the window sill.",
    "He forgot his umbrella on the bench.",
    "The old clock stopped at noon.",
    "We carried the sofa up the stairs.",
    "The children built a tower of stones.",
    "The candle burned down before midnight.",
    "A ladder leaned against the apple tree.",
    "The path behind the mill was muddy.",
    "He sharpened the pencil with a knife.",
)
OTHER_QUESTIONS = (
    "which disease does the patient have",
    "which team won the match",
    "which ingredients does the dish need",
    "what did the guest dislike about the hotel",
    "which part of the machine is broken",
    "which instrument does the musician play",
)


def relevance(texts: Sequence[str], *, chat: Chat, project: Project, taxonomy_id: str = "") -> Measure:
    """Measure from 0, no more than unrelated texts, to 1, surely, how far the texts answer the use case.

    The beginnings of the first texts are shown. n is the number of texts with usable answers; where it is 0, so is the value.
    """
    shown = [cut_words(text, WORDS)[0] for text in texts[:TEXTS]]
    others = _other_questions(project.use_case)
    # The texts of one question stand together, so that the server reads the opening of its prompt once.
    in_turn = [others[place * len(others) // len(shown)] for place in range(len(shown))]
    asked = [(project.use_case, text) for text in (*shown, *UNRELATED)] + list(zip(in_turn, shown, strict=True))
    odds = _ask(asked, chat=chat, project=project) if shown else []
    own, unrelated, other = odds[: len(shown)], odds[len(shown) : -len(shown)], odds[len(odds) - len(shown) :]
    contrasts = [found for found in (_to_unrelated(own, unrelated), _to_others(own, other)) if found is not None]
    if not contrasts:
        return Measure(taxonomy_id, "relevance", 0.0, 0, judge=chat.model)
    value, error, n = max(contrasts, key=lambda contrast: contrast[0])
    low, high = (None, None) if error is None else (max(0.0, value - Z * error), max(0.0, min(1.0, value + Z * error)))
    return Measure(taxonomy_id, "relevance", max(0.0, value), n, low=low, high=high, judge=chat.model)


def relevance_warning(measure: Measure) -> str | None:
    """Say that the texts have little to do with the use case, or that nothing is known of it; None where they have."""
    if not measure.n:
        return "How far the texts have to do with the use case was not measured: the model gave no usable answer about any of them."
    if measure.value >= LOW:
        return None
    interval = "" if measure.low is None or measure.high is None else f"{measure.low:.2f} to {measure.high:.2f}, "
    return (
        f"The texts have little to do with the use case: relevance {measure.value:.2f} ({interval}n {measure.n}), where {LOW:.2f} is expected"
        " at least, 0 is no more than unrelated sentences and 1 is surely. Check use_case, corpus.path and corpus.text."
    )


def _other_questions(use_case: str) -> list[str]:
    """Leave out questions that share a word with the use case."""
    return [question for question in OTHER_QUESTIONS if not content_words(question) & content_words(use_case)] or list(OTHER_QUESTIONS)


def _ask(asked: Iterable[tuple[str, str]], *, chat: Chat, project: Project) -> list[float | None]:
    """Give the log-odds of a yes to each question about its text; None where there is no usable answer."""
    form, made = Choice(("yes", "no")), dict[str, DocumentPrompt]()

    def prompt(question: str) -> DocumentPrompt:
        if question not in made:
            made[question] = DocumentPrompt(load_prompt("relevant"), form, purpose="relevance", chat=chat, project=project, use_case=question)
        return made[question]

    return [_odds(answer) for answer, _ in ask_posed((prompt(question).pose(text) for question, text in asked), chat)]


def _odds(answer: Answer) -> float | None:
    if answer.outcome != "ok":
        return None
    sure = math.log(SUREST / (1 - SUREST))
    if answer.scores is None:
        return sure if answer.text == "yes" else -sure
    return answer.scores["yes"] - answer.scores["no"]


def _to_unrelated(own: Sequence[float | None], unrelated: Sequence[float | None]) -> Contrast | None:
    there = [value for value in unrelated if value is not None]
    return _contrast([value - float(np.mean(there)) for value in own if value is not None], against=there) if there else None


def _to_others(own: Sequence[float | None], other: Sequence[float | None]) -> Contrast | None:
    return _contrast([one - another - APART for one, another in zip(own, other, strict=True) if one is not None and another is not None])


def _contrast(odds: Sequence[float], *, against: Sequence[float] = ()) -> Contrast | None:
    """Average what each text's log-odds say, scaled to -1 to 1: twice the probability that the question is the better answered one, less 1."""
    if not odds:
        return None
    scaled = np.tanh(np.array(odds) / 2)
    # The scale is nowhere steeper than one half, by which the error of the common point of comparison counts at most.
    error = math.hypot(_error(scaled), _error(against) / 2) if len(odds) > 1 else None
    return float(scaled.mean()), error, len(odds)


def _error(values: Sequence[float] | npt.NDArray[np.float64]) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
