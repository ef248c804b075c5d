"""Long documents by their windows: each is asked about, and the answers are averaged.

A window counts by its words. What no window speaks for is decided otherwise: nothing fits a document only where nothing fits any
part of it, so that the least of the windows' probabilities stands.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pipeline.choosing import NONE_FITS, Case, ask_cases
from pipeline.records import Category
from pipeline.serving.contract import Answer, Chat
from pipeline.settings import AnnotationSettings, Project
from pipeline.text import TextWindow, word_windows

__all__ = ["Heard", "ask_in_windows", "window_at", "windows_of"]

LEAST = 1e-300


@dataclass(frozen=True)
class Heard:
    """The answer about a document, whether a part of it was not shown, and of windows how many and where the one that speaks most for it begins."""

    answer: Answer
    truncated: bool
    windows: int | None = None
    window_start: int | None = None


def windows_of(text: str, policy: AnnotationSettings) -> tuple[Sequence[TextWindow], bool]:
    """Cut a text as the policy asks, one window where it asks for none; say whether anything is between them."""
    if policy.long_documents != "windows":
        return (TextWindow(0, text, 1),), False
    return word_windows(text, policy.max_words, most=policy.windows)


def window_at(text: str, start: int | None, policy: AnnotationSettings) -> TextWindow:
    """Give the window of a text that begins at a place; the whole text where none does."""
    found = (window for window in windows_of(text, policy)[0] if window.start == start)
    return next(found, TextWindow(0, text, 1))


def ask_in_windows(
    cases: Iterable[Case],
    *,
    categories: Sequence[Category],
    chat: Chat,
    project: Project,
    purpose: str,
    list_all: bool = True,
    none: bool = True,
) -> Iterator[Heard]:
    """Ask for each case which category fits, as `ask_cases` does, and of a long one for each window where the project asks for windows."""
    waiting: deque[tuple[Sequence[TextWindow], bool]] = deque()

    def parts() -> Iterator[Case]:
        for case in cases:
            waiting.append(windows_of(case.text, project.annotation))
            yield from (replace(case, text=window.text) for window in waiting[-1][0])

    answers = ask_cases(parts(), categories=categories, chat=chat, project=project, purpose=purpose, list_all=list_all, none=none)
    for first in answers:
        windows, gaps = waiting.popleft()
        yield _heard([first, *islice(answers, len(windows) - 1)], windows, gaps=gaps)


def _heard(answers: Sequence[tuple[Answer, bool]], windows: Sequence[TextWindow], *, gaps: bool) -> Heard:
    if len(windows) == 1:
        return Heard(*answers[0])
    good = [(answer, window) for (answer, _), window in zip(answers, windows, strict=True) if answer.outcome == "ok" and answer.text is not None]
    truncated = gaps or len(good) < len(windows) or any(cut for _, cut in answers)
    if not good:
        return Heard(answers[0][0], truncated, len(windows))
    merged = _averaged(good) if all(answer.scores is not None for answer, _ in good) else _elected(good)
    best = max(good, key=lambda one: _speaks(one[0], merged.text or ""))[1]
    return Heard(merged, truncated, len(windows), best.start)


def _averaged(good: Sequence[tuple[Answer, TextWindow]]) -> Answer:
    """Average the probabilities of windows by their words; that nothing fits is the least of theirs."""
    names = dict.fromkeys(name for answer, _ in good for name in answer.scores or ())
    total = sum(window.words for _, window in good)
    shares = {name: sum(window.words * _probability(answer, name) for answer, window in good) / total for name in names}
    if NONE_FITS.name in shares:
        nothing = min(_probability(answer, NONE_FITS.name) for answer, _ in good)
        left = sum(share for name, share in shares.items() if name != NONE_FITS.name)
        shares = {name: share * (1 - nothing) / max(left, LEAST) for name, share in shares.items()} | {NONE_FITS.name: nothing}
    text = max(shares, key=lambda name: shares[name])
    scores = {name: math.log(max(share, LEAST)) for name, share in shares.items()}
    return replace(good[0][0], text=text, scores=scores, attempts=max(answer.attempts for answer, _ in good))


def _elected(good: Sequence[tuple[Answer, TextWindow]]) -> Answer:
    """Choose what most words speak for; that nothing fits only where all windows say so."""
    votes: dict[str, int] = {}
    for answer, window in good:
        votes[answer.text or ""] = votes.get(answer.text or "", 0) + window.words
    named = {name: words for name, words in votes.items() if name != NONE_FITS.name} or votes
    return replace(good[0][0], text=max(named, key=lambda name: named[name]), scores=None, attempts=max(answer.attempts for answer, _ in good))


def _probability(answer: Answer, name: str) -> float:
    return math.exp((answer.scores or {}).get(name, -math.inf))


def _speaks(answer: Answer, name: str) -> float:
    return float(answer.text == name) if answer.scores is None else _probability(answer, name)
