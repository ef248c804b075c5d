"""Asking a model which category fits a text: one prompt, used to label documents and to find what a taxonomy lacks."""

import math
from collections.abc import Iterable, Iterator

from pipeline.fitting import DocumentPrompt, ask_posed
from pipeline.prompts import load_prompt
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Answer, Chat, Choice
from pipeline.settings import Project

__all__ = ["NONE_FITS", "ask_category", "none_probability"]

NONE_FITS = Category("none", "None of these", "No category above fits.")


def ask_category(texts: Iterable[str], *, taxonomy: Taxonomy, chat: Chat, project: Project, purpose: str) -> Iterator[tuple[Answer, bool]]:
    """Ask for each text which category fits, or that none does.

    Decoding is constrained to the category names and the name of `NONE_FITS`.

    :return: for each text in order the answer, and whether only a part of the text was shown.
    """
    categories = [*taxonomy.leaves, NONE_FITS]
    form = Choice(tuple(category.name for category in categories))
    about = {"use_case": project.use_case, "categories": categories}
    prompt = DocumentPrompt(load_prompt("annotate"), form, purpose=purpose, chat=chat, project=project, **about)
    return ask_posed(map(prompt.pose, texts), chat)


def none_probability(answer: Answer) -> float:
    """Give the probability that no category fits: from the scores, else 0 or 1 by the answer itself."""
    if answer.scores is not None:
        return math.exp(answer.scores[NONE_FITS.name])
    return float(answer.text == NONE_FITS.name)
