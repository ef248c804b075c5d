"""From what a file spells to what it means: ids for those who have none, parents by name, and every mistake at once.

A file that edits a version is read beside it: a category without an id is the one of that version that has its name, what the file
has no word for stays as it was, and a parent may still be called by the name that it had.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pipeline.ids import content_id
from pipeline.records import Category, CategoryStatus, Taxonomy
from pipeline.taxonomy_files.contents import CARD_LISTS, RawCategory, RawFile, TaxonomyFile
from pipeline.taxonomy_files.nested import MOST_LEVELS
from pipeline.taxonomy_files.tidy import distinct, read_example, tidied, tidy_name, tidy_text
from pipeline.text import name_key

__all__ = ["Refuse", "settled"]

Refuse = Callable[[str], str | None]  # says why a name is none, or None where it is one
STATUSES: tuple[CategoryStatus, ...] = get_args(CategoryStatus)


@dataclass
class Entry:
    """A category on its way: as it is spelled, with its name and id, and the id of its parent once that is found."""

    number: int
    raw: RawCategory
    name: str
    category_id: str
    place: str
    parent_id: str | None = None

    @property
    def merged_into(self) -> str:
        """Give the reference of the category that it goes into; empty where it stays."""
        return tidy_name(self.raw.words.get("merged_into", ""))


@dataclass
class Settlement:
    """Works out what a file means."""

    raw: RawFile
    before: Taxonomy | None
    refuse: Refuse
    wrong: list[tuple[int, str]] = field(default_factory=list)  # by the place in the file
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.old = {category.category_id: category for category in self.before.categories} if self.before else {}
        self.entries = list(with_ids(self.raw.rows, self.old))
        self.staying = [entry for entry in self.entries if not entry.merged_into]
        self.ids: dict[str, Entry] = {}
        for entry in self.entries:
            self.ids.setdefault(entry.category_id, entry)
        self.named = {name_key(category.name): key for key, category in self.old.items()}
        self.named |= {name_key(entry.name): entry.category_id for entry in reversed(self.entries)}

    def settle(self) -> TaxonomyFile:
        """Work it out; what could not be is among the mistakes."""
        self._check_names()
        self._find_parents()
        merged = self._find_successors()
        split = self._find_origins()
        texts: dict[str, str] = {}
        categories = tidied([self._category(entry, texts) for entry in self.staying])
        return TaxonomyFile(categories, texts, merged, split, tuple(self.notes))

    def _check_names(self) -> None:
        taken: dict[str, Entry] = {}
        for entry in self.entries:
            if (other := self.ids[entry.category_id]) is not entry:
                self._mistake(entry, f"the id {entry.category_id!r} is that of {other.place} too; leave it out for a new category")
        for entry in self.staying:
            if not name_key(entry.name):
                self._mistake(entry, "has no name")
            elif (why := self.refuse(entry.name)) is not None:
                self._mistake(entry, f"{why}; name what the texts have in common")
            elif (other := taken.setdefault(name_key(entry.name), entry)) is not entry:
                self._mistake(entry, f"the name is that of {other.place} too; labels are chosen by name, so each must be another one")

    def _find_parents(self) -> None:
        for entry in self.staying:
            reference = tidy_name(entry.raw.words.get("parent", ""))
            if entry.raw.above is not None:
                self._lay_below(entry, self.entries[entry.raw.above].category_id, "its parent")
            elif reference:
                self._lay_below(entry, self._id_of(reference), f"its parent {reference!r}")
            elif "parent" not in self.raw.said:
                entry.parent_id = self._nearest_left(entry)
        for cycle in cycles({key: entry.parent_id for key, entry in self.ids.items()}):
            names = " > ".join(self.ids[key].name or key for key in (*cycle, cycle[0]))
            self._mistake(self.ids[cycle[0]], f"lies below itself: {names}; give one of them another parent")

    def _lay_below(self, entry: Entry, parent_id: str | None, what: str) -> None:
        parent = self.ids.get(parent_id or "")
        if parent is None:
            self._mistake(entry, f"{what} is not in the file; add it, or name one that is")
        elif parent.merged_into:
            self._mistake(entry, f"{what} is merged into {parent.merged_into!r}; name another one")
        else:
            entry.parent_id = parent_id

    def _nearest_left(self, entry: Entry) -> str | None:
        """Find what a category lay below and that is still there, where the file says nothing of what lies below what."""
        above = self.old[entry.category_id].parent_id if entry.category_id in self.old else None
        while above in self.old and (above not in self.ids or self.ids[above].merged_into):
            above = self.old[above].parent_id
        return above if above in self.ids else None

    def _find_successors(self) -> dict[str, str]:
        direct: dict[str, str] = {}
        for entry in self.entries:
            target = self._id_of(entry.merged_into) if entry.merged_into else None
            if target in self.ids:
                direct[entry.category_id] = target
            elif entry.merged_into:
                self._mistake(entry, f"merged_into names {entry.merged_into!r}, which is not in the file")
        for cycle in cycles(direct):
            names = " > ".join(self.ids[key].name for key in (*cycle, cycle[0]))
            self._mistake(self.ids[cycle[0]], f"is merged into itself: {names}; leave out one merged_into")
            direct = {key: target for key, target in direct.items() if key not in cycle}
        unknown = [entry for entry in self.entries if entry.category_id in direct and entry.category_id not in self.old and self.before is not None]
        self.notes += [f"{entry.place}: there is no such category to merge any more, so that nothing is done for it" for entry in unknown]
        gone = {entry.category_id for entry in unknown}
        return {key: last(direct, key) for key in direct if key not in gone}

    def _find_origins(self) -> dict[str, str]:
        split: dict[str, str] = {}
        for entry in self.staying:
            reference = tidy_name(entry.raw.words.get("split_from", ""))
            if not reference or entry.category_id in self.old or self.before is None:
                continue  # it has been there before, or nothing has
            origin = reference if reference in self.old else self._id_of(reference)
            if origin in self.old:
                split[entry.category_id] = origin
            else:
                self._mistake(entry, f"split_from names {reference!r}, which the version that is edited does not have")
        return split

    def _id_of(self, reference: str) -> str | None:
        return reference if reference in self.ids else self.named.get(name_key(reference))

    def _category(self, entry: Entry, texts: dict[str, str]) -> Category:
        """Make the category: what the file has no word for is as it was."""
        found: dict[str, Any] = {"description": entry.raw.words.get("description", ""), "status": self._status(entry)}
        for key in CARD_LISTS:
            found[key] = distinct(map(tidy_text, entry.raw.lists.get(key, ())))
        for key in ("examples", "near_misses"):
            read = [read_example(value) for value in found[key]]
            texts.update({text_id: text for text_id, text in read if text is not None})
            found[key] = distinct(text_id for text_id, _ in read)
        was = self.old.get(entry.category_id)
        found |= {key: getattr(was, key) for key in found if was is not None and key not in self.raw.said}
        return Category(entry.category_id, entry.name, parent_id=entry.parent_id, **found)

    def _status(self, entry: Entry) -> CategoryStatus:
        said = tidy_name(entry.raw.words.get("status", "")).lower() or "open"
        for status in STATUSES:
            if said == status:
                return status
        self._mistake(entry, f"status {said!r} is none; expected one of {', '.join(STATUSES)}")
        return "open"

    def _mistake(self, entry: Entry, what: str) -> None:
        self.wrong.append((entry.number, f"{entry.place}: {what}"))

    def mistakes(self, found: TaxonomyFile) -> list[str]:
        """List what is wrong, in the order of the file, and with the whole of it."""
        wrong = [*self.raw.mistakes, *(what for _, what in sorted(self.wrong, key=lambda mistake: mistake[0]))]
        if (levels := most_levels(found.categories)) > MOST_LEVELS:
            wrong.append(f"the categories lie {levels} levels deep; more than {MOST_LEVELS} cannot be labelled")
        if len(self.staying) < 2 and not wrong:
            wrong.append(f"a taxonomy needs at least 2 categories, and the file has {len(self.staying)}")
        return wrong


def settled(raw: RawFile, *, before: Taxonomy | None, refuse: Refuse) -> tuple[TaxonomyFile, list[str]]:
    """Work out what a file means, and list what is wrong with it."""
    settlement = Settlement(raw, before, refuse)
    found = settlement.settle()
    return found, settlement.mistakes(found)


def with_ids(rows: Sequence[RawCategory], old: Mapping[str, Category]) -> Iterator[Entry]:
    """Give each category its id: its own, that of the category with its name in the version edited, or one made from its name."""
    given = {tidy_name(row.words.get("id", "")) for row in rows}
    named = {name_key(category.name): key for key, category in old.items() if key not in given}
    taken = given | old.keys()
    for number, row in enumerate(rows):
        name = tidy_name(row.words.get("name", ""))
        key = tidy_name(row.words.get("id", "")) or named.pop(name_key(name), "") or made_id(name, taken)
        taken.add(key)
        yield Entry(number, row, name, key, f"{row.place} ({name})" if name and name != row.place else row.place)


def made_id(name: str, taken: set[str]) -> str:
    """Make an id from a name: the same for the same name, unless another category has it."""
    number = 0
    while (found := content_id("cat", ["file", name_key(name), number])) in taken:
        number += 1
    return found


def cycles(above: Mapping[str, str | None]) -> list[list[str]]:
    """Find the rings of a graph in which each node names at most one other."""
    seen: set[str] = set()
    found = []
    for start in above:
        path: list[str] = []
        node: str | None = start
        while node is not None and node in above and node not in seen:
            seen.add(node)
            path.append(node)
            node = above[node]
        if node in path:
            found.append(path[path.index(node) :])
    return found


def last(chain: Mapping[str, str], key: str) -> str:
    """Follow a chain without rings to its end."""
    while key in chain:
        key = chain[key]
    return key


def most_levels(categories: Sequence[Category]) -> int:
    """Count the levels of a tree whose parents come first."""
    level: dict[str, int] = {}
    for category in categories:
        level[category.category_id] = level.get(category.parent_id or "", 0) + 1
    return max(level.values(), default=0)
