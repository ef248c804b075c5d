"""Placing validation texts: which of a candidate's categories fits a text best, and whether another fits nearly as well.

A small model prefers some names to others, so that the mean score of each category over the texts is taken out of the
scores first, as when documents are labelled.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.choosing import LEANING, NONE_AT, ask_category, mean_scores, none_probability
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Answer, Chat
from pipeline.settings import Project

__all__ = ["Placed", "place"]


@dataclass(frozen=True)
class Placed:
    """One text's best category, None where no category fits.

    `second` is the probability of the next best one as a share of the best's, None where the server reports no scores.
    """

    best: Category | None
    second: float | None


def place(taxonomy: Taxonomy, texts: Sequence[str], *, chat: Chat, project: Project) -> list[Placed | None]:
    """Ask for each text which of the categories without any below them fits; None where the model gave no usable answer."""
    answers = [answer for answer, _ in ask_category(texts, taxonomy=taxonomy, chat=chat, project=project, purpose="select")]
    by_name = {category.name: category for category in taxonomy.leaves}
    means = mean_scores(answer.scores for answer in answers if answer.scores is not None)
    return [_placed(answer, by_name, means) if answer.outcome == "ok" else None for answer in answers]


def _placed(answer: Answer, by_name: Mapping[str, Category], means: Mapping[str, float]) -> Placed:
    fits = none_probability(answer) < NONE_AT
    if answer.scores is None:
        return Placed(by_name.get(answer.text or "") if fits else None, None)
    if not fits:
        return Placed(None, 0.0)
    ranked = sorted(((answer.scores[name] - LEANING * means[name], name) for name in by_name), key=lambda pair: -pair[0])
    second = math.exp(ranked[1][0] - ranked[0][0]) if len(ranked) > 1 else 0.0
    return Placed(by_name[ranked[0][1]], second)
