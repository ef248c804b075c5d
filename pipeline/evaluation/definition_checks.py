"""Whether the definition of a category fits a text, asked as a yes or no with no other category in sight.

A small model says yes too often, to some definitions more than to others. So a yes is worth what it is between two bounds that the model
sets itself: what it says of everyday sentences, which no definition fits (contextual calibration; Zhao et al., ICML 2021), and what
it says of the definition as a text, which the definition fits if anything does. Half way between them a text may fit as well as not.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from pipeline.check_records import DefinitionCheck
from pipeline.evaluation.definition_design import Pair
from pipeline.fitting import DocumentPrompt, Posed, ask_posed
from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Annotator, Category, Taxonomy
from pipeline.serving.contract import Answer, Chat, Choice
from pipeline.settings import Project

__all__ = ["BESIDE", "METHOD", "NEUTRAL", "check_definitions", "definition_checker"]

METHOD = 1  # raise it whenever a check would come out otherwise from the same answers
PURPOSE = "definition"
NEUTRAL = ("The river froze early this year.", "My neighbour painted his fence green.", "Two pigeons sat on the window sill.")
BESIDE = len(NEUTRAL) + 1  # questions about each definition that set the bounds
FITS_AT = 0.5  # probability from which a definition fits
LEAST_APART = 0.5  # log-odds between the bounds below which they say nothing: then a yes is a yes


def definition_checker(project: Project, model: str) -> Annotator:
    """Describe the model with its question as an annotator; its id is the hash of all that determines an answer but text and definition."""
    prompt = load_prompt("definition_check").fingerprint
    settings = {"shown": project.annotation.shown, "seed": project.seed, "method": METHOD, "neutral": list(NEUTRAL)}
    return Annotator(content_id("annotator", ["checker", model, prompt, settings]), "checker", model, prompt, settings)


def check_definitions(
    pairs: Iterable[Pair], texts: Mapping[str, str], *, taxonomy: Taxonomy, annotator: Annotator, chat: Chat, project: Project
) -> Iterator[list[DefinitionCheck]]:
    """Ask about pairs of a text and a category, those of a category one after the other, and give what came of each category's.

    :param pairs: text hashes and category ids, ordered by category.
    :param texts: by hash.
    """
    categories = {category.category_id: category for category in taxonomy.leaves}
    asked = [(categories[category], [text for text, _ in of_one]) for category, of_one in groupby(pairs, key=lambda pair: pair[1])]
    answers = ask_posed(_posed(asked, texts, chat, project), chat)
    for category, hashes in asked:
        neutral = [next(answers)[0] for _ in NEUTRAL]
        fitting = next(answers)[0]
        said = [next(answers)[0] for _ in hashes]
        middle = _middle(neutral, fitting)
        about = taxonomy.taxonomy_id, category.category_id, annotator.annotator_id
        yield [_check(text, about, answer, middle) for text, answer in zip(hashes, said, strict=True)]


def _posed(asked: Sequence[tuple[Category, Sequence[str]]], texts: Mapping[str, str], chat: Chat, project: Project) -> Iterator[Posed]:
    for category, hashes in asked:
        prompt = DocumentPrompt(
            load_prompt("definition_check"), Choice(("yes", "no")), purpose=PURPOSE, chat=chat, project=project, category=category
        )  # fmt: skip
        yield from (prompt.pose(text) for text in (*NEUTRAL, f"{category.name}: {category.description}"))
        yield from (prompt.pose(texts[text], of=(text,)) for text in hashes)


def _odds(answer: Answer) -> float | None:
    """Give the log-odds of a yes; None where there is no usable answer with scores."""
    return answer.scores["yes"] - answer.scores["no"] if answer.outcome == "ok" and answer.scores is not None else None


def _middle(neutral: Sequence[Answer], fitting: Answer) -> float:
    """Give the log-odds of a yes half way between what fits nothing and what fits surely; 0 where these are not known or not told apart."""
    low = [odds for answer in neutral if (odds := _odds(answer)) is not None]
    high = _odds(fitting)
    if not low or high is None or high - float(np.mean(low)) < LEAST_APART:
        return 0.0
    return (float(np.mean(low)) + high) / 2


def _check(text: str, about: tuple[str, str, str], answer: Answer, middle: float) -> DefinitionCheck:
    if answer.outcome != "ok":
        return DefinitionCheck(text, *about, None, reason=answer.outcome, message=answer.error)
    odds = _odds(answer)
    if odds is None:
        return DefinitionCheck(text, *about, "yes" if answer.text == "yes" else "no")
    probability = 1 / (1 + math.exp(min(700.0, middle - odds)))
    return DefinitionCheck(text, *about, "yes" if probability >= FITS_AT else "no", probability)
