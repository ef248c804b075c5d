"""A judge between candidates: which of the two categories that a text got says better what it is about.

Each question is asked twice with the places swapped, because a small model leans to a place; only where both answers
name the same category is there a verdict, and otherwise a tie.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from pipeline.fitting import DocumentPrompt, Posed, ask_posed
from pipeline.prompts import load_prompt
from pipeline.records import Category, Measure, Taxonomy
from pipeline.serving.contract import Chat, Choice
from pipeline.settings import Project
from pipeline.taxonomy.figures import share_of
from pipeline.taxonomy.placing import Placed
from pipeline.text import content_words, name_key

__all__ = ["JUDGED", "judge"]

JUDGED = 12  # texts a pair of candidates, at most


class Side(NamedTuple):
    """What the judge is told of a category."""

    name: str
    description: str


class Duel(NamedTuple):
    """One question to the judge."""

    first: Side
    second: Side
    text: str

    @property
    def swapped(self) -> "Duel":
        """Change the places."""
        return Duel(self.second, self.first, self.text)


class Contest(NamedTuple):
    """A text to which two candidates, by their places, give categories of different names."""

    one: int
    other: int
    duel: Duel


def judge(
    candidates: Sequence[Taxonomy], texts: Sequence[str], placed: Sequence[Sequence[Placed | None]], *, chat: Chat, project: Project
) -> list[list[Measure]]:
    """Measure for each candidate the share of verdicts it won, and how often the two orders of its contests agreed.

    A contest with an answer that failed counts in neither; a tie is no verdict.

    :param placed: for each candidate, where each of the texts fits.
    """
    contests = [contest for pair in combinations(range(len(candidates)), 2) for contest in _contests(*pair, texts, placed)]
    answers = _ask((duel for contest in contests for duel in (contest.duel, contest.duel.swapped)), chat=chat, project=project)
    wins: Counter[int] = Counter()
    verdicts: Counter[int] = Counter()
    judged: Counter[int] = Counter()
    for one, other, duel in contests:
        first, second = answers[duel], answers[duel.swapped]
        if first is None or second is None:
            continue
        judged.update((one, other))
        if first == second:
            verdicts.update((one, other))
            wins[one if first == duel.first.name else other] += 1
    return [
        [
            *share_of(candidate.taxonomy_id, "judge_wins", wins[number], verdicts[number], judge=chat.model),
            *share_of(candidate.taxonomy_id, "judge_consistency", verdicts[number], judged[number], judge=chat.model),
        ]
        for number, candidate in enumerate(candidates)
    ]


def _contests(one: int, other: int, texts: Sequence[str], placed: Sequence[Sequence[Placed | None]]) -> list[Contest]:
    found = []
    for text, here, there in zip(texts, placed[one], placed[other], strict=True):
        if here and there and here.best and there.best and not _same(here.best, there.best):
            found.append(Contest(one, other, Duel(_side(here.best), _side(there.best), text)))
    return found[:JUDGED]


def _ask(duels: Iterable[Duel], *, chat: Chat, project: Project) -> dict[Duel, str | None]:
    """Ask each question once: two pairs of candidates may pose the same."""
    different = list(dict.fromkeys(duels))
    answers = ask_posed(_posed(different, chat=chat, project=project), chat)
    return {duel: answer.text if answer.outcome == "ok" else None for duel, (answer, _) in zip(different, answers, strict=True)}


def _posed(duels: Sequence[Duel], *, chat: Chat, project: Project) -> Iterator[Posed]:
    prompt = load_prompt("judge")
    made: dict[tuple[Side, Side], DocumentPrompt] = {}
    for first, second, text in duels:
        if (first, second) not in made:
            form, about = Choice((first.name, second.name)), {"use_case": project.use_case, "categories": [first, second]}
            made[first, second] = DocumentPrompt(prompt, form, purpose="judge", chat=chat, project=project, **about)
        yield made[first, second].pose(text)


def _same(one: Category, other: Category) -> bool:
    """Say whether two names are one but for case, plural and small words."""
    return name_key(one.name) == name_key(other.name) or content_words(one.name) == content_words(other.name)


def _side(category: Category) -> Side:
    return Side(category.name, category.description)
