"""Asking a model which of two categories says better what a text is about: one form of question, for judges of taxonomies and of labels."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.fitting import DocumentPrompt, Posed
from pipeline.prompts import load_prompt
from pipeline.records import Category
from pipeline.serving.contract import Chat, Choice
from pipeline.settings import Project
from pipeline.text import content_words, name_key

__all__ = ["Duel", "Side", "alike", "posed_duels", "side_of"]


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


def posed_duels(duels: Iterable[Duel], *, prompt: str, purpose: str, chat: Chat, project: Project) -> Iterator[Posed]:
    """Make a question of each duel, with the names as its options."""
    made: dict[tuple[Side, Side], DocumentPrompt] = {}
    for first, second, text in duels:
        if (first, second) not in made:
            form, about = Choice((first.name, second.name)), {"use_case": project.use_case, "categories": [first, second]}
            made[first, second] = DocumentPrompt(load_prompt(prompt), form, purpose=purpose, chat=chat, project=project, **about)
        yield made[first, second].pose(text)


def alike(one: Category, other: Category) -> bool:
    """Say whether two names are one but for case, plural and small words."""
    return name_key(one.name) == name_key(other.name) or content_words(one.name) == content_words(other.name)


def side_of(category: Category) -> Side:
    """Give what a judge is told of a category."""
    return Side(category.name, category.description)
