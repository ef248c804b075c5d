"""A judge between candidates: which of the two categories that a text got says better what it is about.

Each question is asked twice with the places swapped, because a small model leans to a place; only where both answers
name the same category is there a verdict, and otherwise a tie.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from pipeline.duels import Duel, alike, posed_duels, side_of
from pipeline.fitting import ask_posed
from pipeline.records import Measure, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project
from pipeline.taxonomy.figures import share_of
from pipeline.taxonomy.placing import Placed

__all__ = ["JUDGED", "judge"]

JUDGED = 12  # texts a pair of candidates, at most


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
        if here and there and here.best and there.best and not alike(here.best, there.best):
            found.append(Contest(one, other, Duel(side_of(here.best), side_of(there.best), text)))
    return found[:JUDGED]


def _ask(duels: Iterable[Duel], *, chat: Chat, project: Project) -> dict[Duel, str | None]:
    """Ask each question once: two pairs of candidates may pose the same."""
    different = list(dict.fromkeys(duels))
    answers = ask_posed(posed_duels(different, prompt="judge", purpose="judge", chat=chat, project=project), chat)
    return {duel: answer.text if answer.outcome == "ok" else None for duel, (answer, _) in zip(different, answers, strict=True)}
