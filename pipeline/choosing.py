"""Asking a model which category fits a text: one prompt, used to label documents and to find what a taxonomy lacks."""

import math
from collections.abc import Iterable, Iterator

from pipeline.prompts import load_prompt
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Answer, Chat, Choice, Question
from pipeline.settings import Project
from pipeline.text import cut_words

__all__ = ["NONE_FITS", "ask_category", "none_probability"]

NONE_FITS = Category("none", "None of these", "No category above fits.")


def ask_category(texts: Iterable[str], *, taxonomy: Taxonomy, chat: Chat, project: Project, purpose: str) -> Iterator[Answer]:
    """Ask for each text which category fits, or that none does; answers come in order.

    Decoding is constrained to the category names and the name of `NONE_FITS`.
    """
    prompt = load_prompt("annotate")
    categories = [*taxonomy.categories, NONE_FITS]
    form = Choice(tuple(category.name for category in categories))
    for_text = (
        Question(
            purpose,
            prompt.fingerprint,
            prompt.render(use_case=project.use_case, categories=categories, text=cut_words(text, project.annotation.max_words)[0]),
            form,
            prompt.about.max_tokens,
            seed=project.seed,
        )
        for text in texts
    )
    return chat.ask(for_text)


def none_probability(answer: Answer) -> float:
    """Give the probability that no category fits: from the scores, else 0 or 1 by the answer itself."""
    if answer.scores is not None:
        return math.exp(answer.scores[NONE_FITS.name])
    return float(answer.text == NONE_FITS.name)
