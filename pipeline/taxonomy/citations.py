"""Phrases as numbered, counted items, and what is wrong with categories that cite them: checked by code, all of it at once.

A number cited twice costs nothing: its first citation counts. Of two categories with one name the second goes into the
first, where the model cannot tell them apart when asked once more. All else costs the category, whose items are then
cited by none and come again with the next minibatch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.embedding import Embedder
from pipeline.ids import normalise_text
from pipeline.languages import function_word_counts, other_language
from pipeline.settings import Project
from pipeline.taxonomy.naming import alike_names, why_refused
from pipeline.taxonomy.sample import Sample
from pipeline.taxonomy_answers import GroupAnswer

__all__ = ["Cited", "Item", "Judged", "NameRules", "Violation", "coverage", "items", "judge", "listed_numbers", "little_cited", "names_language"]

LONGEST_NAME = 60  # characters; words are counted by why_refused
ENOUGH = 0.8  # share of the documents listed that an answer must place, or be asked once more
SHOWN = 10  # numbers named in one message
Kind = Literal[
    "unreadable", "unknown_number", "cited_twice", "refused_name", "same_name", "language", "empty", "too_many", "too_few", "little_cited",
    "refused_edit",
]  # fmt: skip
MENDED = frozenset({"cited_twice"})
SOFT = frozenset({"little_cited", "same_name", "too_few"})  # what a model may be right in, or cannot do better: asked again, once


@dataclass(frozen=True)
class Item:
    """One phrase with the documents that have it, by their indices in the sample."""

    phrase: str
    indices: tuple[int, ...]

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.indices)


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with an answer, in words that the model is told."""

    kind: Kind
    message: str

    @property
    def mended(self) -> bool:
        """Say whether code has put it right."""
        return self.kind in MENDED

    @property
    def soft(self) -> bool:
        """Say whether one more question about it is enough."""
        return self.kind in SOFT


@dataclass(frozen=True)
class Cited:
    """A valid category, and the numbers it covers, from 1."""

    numbers: tuple[int, ...]
    name: str
    description: str


@dataclass(frozen=True)
class Judged:
    """What is valid of an answer, and all that is wrong with it."""

    kept: tuple[Cited, ...]
    violations: tuple[Violation, ...]


@dataclass(frozen=True)
class NameRules:
    """Says why a name cannot be taken."""

    use_case: str
    language: str
    embedder: Embedder

    @classmethod
    def of(cls, project: Project, embedder: Embedder) -> "NameRules":
        """Take what a project says of names."""
        return cls(project.use_case, names_language(project), embedder)

    def refuse(self, name: str, description: str, *, taken: Sequence[str] = ()) -> str | None:
        """Say why a name is none, or one that another category has in other words; None where it may be taken."""
        if why := self.refuse_words(name, description, taken=taken):
            return why
        same = [pair for pair in alike_names([*taken, name], embedder=self.embedder) if pair.same and pair.second == len(taken)] if taken else []
        return f"it says the same as {taken[same[0].first]!r}" if same else None

    def refuse_words(self, name: str, description: str, *, taken: Sequence[str] = (), around: str = "") -> str | None:
        """Say the same, but for likeness to other names.

        :param around: what the model wrote besides; where that is in another language, so is what shows no language.
        """
        if why := why_refused(name, use_case=self.use_case, taken=taken):
            return why
        if len(name) > LONGEST_NAME:
            return f"it is longer than {LONGEST_NAME} characters"
        own = f"{name}. {description}"
        found = other_language(name, self.language) or other_language(own, self.language)
        if found is None and around and not self._shows_the_language(own):
            found = other_language(around, self.language)
        return f"it is in {found}, and must be in {self.language}" if found else None

    def _shows_the_language(self, text: str) -> bool:
        return any(count for name, count in function_word_counts(text).items() if name.casefold() == self.language.casefold())


def names_language(project: Project) -> str:
    """Give the language of names: English where phrases are in that of each document."""
    return "English" if project.taxonomy.language == "document" else project.taxonomy.language


def items(sample: Sample, indices: Sequence[int]) -> tuple[Item, ...]:
    """List the phrases of some documents, most frequent first; equal counts keep the order in which they first come."""
    found: dict[str, list[int]] = {}
    for index in indices:
        found.setdefault(normalise_text(sample.phrases[index]).casefold(), []).append(index)
    listed = [Item(normalise_text(sample.phrases[own[0]]), tuple(own)) for own in found.values()]
    return tuple(sorted(listed, key=lambda item: -len(item)))


def coverage(listed: Sequence[Item], numbers: set[int]) -> float:
    """Give the share of the documents listed whose number is cited."""
    return sum(len(listed[number - 1]) for number in numbers) / max(1, sum(map(len, listed)))


def listed_numbers(listed: Sequence[Item], numbers: Sequence[int]) -> str:
    """Name numbers with their phrases, the first ones only where they are many."""
    named = [f'{number} "{listed[number - 1].phrase}"' for number in numbers[:SHOWN]]
    return ", ".join([*named, *([f"and {len(numbers) - SHOWN} more"] if len(numbers) > SHOWN else [])])


def judge(groups: Sequence[GroupAnswer], listed: Sequence[Item], *, fewest: int, most: int, rules: NameRules) -> Judged:
    """Find all that is wrong with the categories of an answer, and what of them is valid."""
    return _Judging(listed, fewest, most, rules).judged(groups)


@dataclass
class _Judging:
    listed: Sequence[Item]
    fewest: int
    most: int
    rules: NameRules
    kept: list[Cited] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    claimed: set[int] = field(default_factory=set)

    def judged(self, groups: Sequence[GroupAnswer]) -> Judged:
        if len(groups) > self.most:
            self._found("too_many", f"There are {len(groups)} categories, and at most {self.most} may be.")
        looked_at = groups[: 2 * self.most]  # of a model that writes hundreds, no more is worth reading
        around = " ".join(f"{group.name}. {group.description}" for group in looked_at)
        named = [(group, self._named(place, group, around)) for place, group in enumerate(looked_at, 1)]
        good = [group for group, is_good in named if is_good]
        same = [(pair.first, pair.second) for pair in alike_names([group.name for group in good], embedder=self.rules.embedder) if pair.same]
        places: dict[int, int] = {}  # where a category of the answer went
        for place, group in enumerate(good):
            self._keep(place, group, places, next((places[first] for first, second in same if second == place and first in places), None))
        self._cut_to_size()
        return Judged(tuple(self.kept), tuple(self.violations))

    def _named(self, place: int, group: GroupAnswer, around: str) -> bool:
        why = self.rules.refuse_words(group.name, group.description, around=around)
        if why:
            self._found("language" if "must be in" in why else "refused_name", f"Category {place}, {group.name[:LONGEST_NAME]!r}: {why}.")
        return why is None

    def _keep(self, place: int, group: GroupAnswer, places: dict[int, int], twin: int | None) -> None:
        numbers = self._claim(group)
        if twin is not None:
            first = self.kept[twin]
            self._found("same_name", f"The names {first.name!r} and {group.name!r} say the same: make it one category, or tell them apart.")
            self.kept[twin] = Cited((*first.numbers, *numbers), first.name, first.description)
            places[place] = twin
        elif not numbers:
            self._found("empty", f"Category {group.name!r} covers no number that no other category covers.")
        else:
            places[place] = len(self.kept)
            self.kept.append(Cited(numbers, " ".join(group.name.split()), group.description))

    def _claim(self, group: GroupAnswer) -> tuple[int, ...]:
        """Take the numbers of a category that are in the list and that none has taken."""
        known = [number for number in dict.fromkeys(group.covers) if 1 <= number <= len(self.listed)]
        if unknown := [str(number) for number in dict.fromkeys(group.covers) if number not in known]:
            self._found("unknown_number", f"Category {group.name!r} covers {_some(unknown)}, and the numbers go from 1 to {len(self.listed)}.")
        if twice := [str(number) for number in known if number in self.claimed]:
            self._found("cited_twice", f"Category {group.name!r} covers {_some(twice)}, which a category before it covers.")
        free = tuple(number for number in known if number not in self.claimed)
        self.claimed.update(free)
        return free

    def _cut_to_size(self) -> None:
        """Keep the largest categories where there are too many, and say what is missing otherwise."""
        by_size = sorted(self.kept, key=lambda cited: -sum(len(self.listed[number - 1]) for number in cited.numbers))[: self.most]
        self.kept = [cited for cited in self.kept if cited in by_size]
        if not self.kept:
            self._found("empty", f"There is no valid category, and at least {self.fewest} are needed.")
        elif len(self.kept) < self.fewest:
            self._found("too_few", f"Valid categories: {len(self.kept)}; at least {self.fewest} are needed.")
        if found := little_cited(self.listed, {number for cited in self.kept for number in cited.numbers}):
            self.violations.append(found)

    def _found(self, kind: Kind, message: str) -> None:
        self.violations.append(Violation(kind, message))


def little_cited(listed: Sequence[Item], cited: set[int]) -> Violation | None:
    """Say which numbers are left, where those cited stand for too few of the documents."""
    if coverage(listed, cited) >= ENOUGH:
        return None
    left = [number for number in range(1, len(listed) + 1) if number not in cited]
    return Violation("little_cited", f"No valid category covers {listed_numbers(listed, left)}.")


def _some(numbers: Sequence[str]) -> str:
    return ", ".join(numbers[:SHOWN]) + (f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else "")
