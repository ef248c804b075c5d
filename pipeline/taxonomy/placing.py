"""Placing validation texts: which of a candidate's categories fits a text best, and whether another fits nearly as well.

A small model prefers some names to others, so that the mean score of each category over the texts is taken out of the
scores first, as when documents are labelled (batch calibration; Zhou et al., ICLR 2024).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.choosing import ask_category, none_probability
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Answer, Chat
from pipeline.settings import Project

__all__ = ["Placed", "place"]

WEIGHT = 0.8  # of the mean scores; below 1, because a skewed sample has uneven means of its own accord
NONE_AT = 0.5  # probability from which "none of these" is believed


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
    means = _means([answer.scores for answer in answers if answer.scores is not None], list(by_name))
    return [_placed(answer, by_name, means) if answer.outcome == "ok" else None for answer in answers]


def _means(scored: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, float]:
    return {name: sum(scores[name] for scores in scored) / len(scored) for name in names} if scored else {}


def _placed(answer: Answer, by_name: Mapping[str, Category], means: Mapping[str, float]) -> Placed:
    fits = none_probability(answer) < NONE_AT
    if answer.scores is None:
        return Placed(by_name.get(answer.text or "") if fits else None, None)
    if not fits:
        return Placed(None, 0.0)
    ranked = sorted(((answer.scores[name] - WEIGHT * means[name], name) for name in by_name), key=lambda pair: -pair[0])
    second = math.exp(ranked[1][0] - ranked[0][0]) if len(ranked) > 1 else 0.0
    return Placed(by_name[ranked[0][1]], second)
