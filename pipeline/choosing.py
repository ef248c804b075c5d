"""Asking a model which category fits a text: one prompt, used to label documents and to find what a taxonomy lacks."""

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.batches import in_batches
from pipeline.dictation import undictated
from pipeline.fitting import DocumentPrompt, Posed, ask_posed, shown_hashes
from pipeline.ids import text_hash
from pipeline.prompts import load_prompt
from pipeline.records import Category, FacetExample, Taxonomy
from pipeline.serving.contract import Answer, Chat, Choice
from pipeline.settings import Project

__all__ = ["LEANING", "NONE_AT", "NONE_FITS", "Case", "ask_cases", "ask_category", "mean_scores", "none_probability", "ordered"]

NONE_FITS = Category("none", "None of these", "No category above fits.")
NONE_AT = 0.5  # probability from which "none of these" is believed
LEANING = 0.8  # of the mean scores that is taken out; below 1, because a skewed corpus has uneven means of its own accord
LOOKED_AT = 1024  # cases at once that are looked through for dictated labels: a server that changes its prompt computes it anew
KEPT = 64  # prompts that are kept filled in but for their document


@dataclass(frozen=True)
class Case:
    """A text to choose for: among which categories (all leaves where none are named), and beside which labelled texts.

    `of` is the hash of the document that it is taken from, where that is not the hash of the text itself.
    """

    text: str
    offered: tuple[Category, ...] = ()
    demonstrations: tuple[FacetExample, ...] = ()
    of: str = ""


def ask_category(texts: Iterable[str], *, taxonomy: Taxonomy, chat: Chat, project: Project, purpose: str) -> Iterator[tuple[Answer, bool]]:
    """Ask for each text which category fits, or that none does.

    Decoding is constrained to the category names and the name of `NONE_FITS`.

    :return: for each text in order the answer, and whether only a part of the text was shown.
    """
    return ask_cases(map(Case, texts), categories=taxonomy.leaves, chat=chat, project=project, purpose=purpose)


def ask_cases(
    cases: Iterable[Case],
    *,
    categories: Sequence[Category],
    chat: Chat,
    project: Project,
    purpose: str,
    list_all: bool = True,
    none: bool = True,
) -> Iterator[tuple[Answer, bool]]:
    """Ask for each case which category fits, or that none does.

    A text that dictates its label is asked about without the names that it spells out (`pipeline.dictation`).

    :param none: whether to offer that none does.
    :param list_all: show every case the same list of categories, so that servers compute it once, and let decoding alone
        keep to those offered; otherwise each prompt lists only those offered, which is shorter and computed for each.
    """
    asking = _Asking(categories, chat, project, purpose, list_all, (NONE_FITS,) if none else ())
    return ask_posed(map(asking.pose, _undictated(cases, [category.name for category in categories], chat, project)), chat)


def ordered(categories: Sequence[Category], order: int) -> tuple[Category, ...]:
    """Give categories in their own order where `order` is 0, reversed where it is 1, else in a permutation with that seed."""
    if order < 2:
        return tuple(categories[:: -1 if order else 1])
    return tuple(categories[place] for place in np.random.default_rng(order).permutation(len(categories)))


def mean_scores(scored: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Measure what a model leans to: the mean score of each option over the answers with one for it (batch calibration; Zhou et al., 2024)."""
    found: dict[str, list[float]] = {}
    for scores in scored:
        for option, score in scores.items():
            found.setdefault(option, []).append(score)
    return {option: sum(scores) / len(scores) for option, scores in sorted(found.items())}


def none_probability(answer: Answer) -> float:
    """Give the probability that no category fits: from the scores, else 0 or 1 by the answer itself."""
    if answer.scores is not None:
        return math.exp(answer.scores[NONE_FITS.name])
    return float(answer.text == NONE_FITS.name)


def _undictated(cases: Iterable[Case], names: Sequence[str], chat: Chat, project: Project) -> Iterator[Case]:
    for batch in in_batches(cases, LOOKED_AT):
        texts = undictated([case.text for case in batch], names, chat=chat, project=project)
        yield from (replace(case, text=text, of=case.of or text_hash(case.text)) for case, text in zip(batch, texts, strict=True))


class _Asking:
    """Makes questions of cases, keeping the prompts that were filled in last."""

    def __init__(
        self, categories: Sequence[Category], chat: Chat, project: Project, purpose: str, list_all: bool, more: tuple[Category, ...]
    ) -> None:
        self._categories, self._more = tuple(categories), more
        self._chat, self._project, self._purpose, self._list_all = chat, project, purpose, list_all
        self._prompts: OrderedDict[tuple[str, ...], DocumentPrompt] = OrderedDict()

    def pose(self, case: Case) -> Posed:
        offered = case.offered or self._categories
        listed = self._categories if self._list_all else offered
        form = Choice(tuple(category.name for category in [*offered, *self._more]))
        shown = [f"{shot['text']}\0{shot['answer']}" for shot in case.demonstrations]
        prompt = self._prompt(tuple([*(category.category_id for category in listed), "", *shown]), listed, case)
        return prompt.pose(case.text, form, of=(case.of, *shown_hashes(shot["text"] for shot in case.demonstrations)))

    def _prompt(self, key: tuple[str, ...], listed: Sequence[Category], case: Case) -> DocumentPrompt:
        if key not in self._prompts:
            form = Choice(tuple(category.name for category in [*listed, *self._more]))  # room for the longest answer of any case
            self._prompts[key] = DocumentPrompt(
                load_prompt("annotate"), form, purpose=self._purpose, chat=self._chat, project=self._project, use_case=self._project.use_case,
                categories=[*listed, *self._more], demonstrations=case.demonstrations,
            )  # fmt: skip
            if len(self._prompts) > KEPT:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(key)
        return self._prompts[key]
