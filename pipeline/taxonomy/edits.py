"""Edits of a taxonomy as a model writes them, checked one by one and applied to a draft by code.

An edit names categories by handles (C1, C2 ...) and documents by the numbers of listed phrases. One that cannot be done is
refused with the reason, and changes nothing. Locked and frozen categories keep their names and places, frozen ones their
documents as well; no edit takes the number of categories over the largest that is wanted, or below the smallest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from pipeline.settings import SizeRange
from pipeline.taxonomy.citations import Item, NameRules
from pipeline.taxonomy.versions import Draft
from pipeline.taxonomy_answers import (
    AddAnswer,
    AssignmentAnswer,
    DropAnswer,
    EditAnswer,
    EditsAnswer,
    GroupAnswer,
    MergeAnswer,
    MoveAnswer,
    RenameAnswer,
    SplitAnswer,
)
from pipeline.text import tidy_description

__all__ = ["Editor", "Refusal"]

REASON_WORDS = 12


@dataclass(frozen=True)
class Refusal:
    """An edit, or a part of one, that was not done, and why."""

    edit: str
    reason: str

    def __str__(self) -> str:
        """Say both in one line."""
        return f"{self.edit}: {self.reason}"


class _RefusedError(Exception):
    """Report why an edit cannot be done; it has changed nothing."""


@dataclass
class Editor:
    """Does to a draft what an answer asks for, as far as it can be done.

    `placed` holds the numbers that the answer has placed: a number counts where it is first cited. `covered` holds the
    documents that it found a place for in a category that was there before.
    """

    draft: Draft
    listed: Sequence[Item]
    handles: Mapping[str, str]
    bounds: SizeRange
    rules: NameRules
    placed: set[int] = field(default_factory=set)
    covered: set[int] = field(default_factory=set)
    refused: list[Refusal] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Count the categories that labels are given in: those with none below them."""
        above = {category.parent_id for category in self.draft.categories.values()}
        return sum(key not in above for key in self.draft.categories)

    def apply(self, answer: EditsAnswer) -> None:
        """Place the assignments, do the edits in their order, and drop the categories that they have emptied."""
        filled = [key for key, found in self.draft.groups.items() if len(found)]
        for assignment in answer.assignments:
            self._try(f"assign to {assignment.category}", partial(self._assign, assignment))
        for edit in answer.edits:
            self._try(_spelled(edit), partial(self._edit, edit))
        for key in filled:
            is_empty = key in self.draft.groups and not len(self.draft.groups[key])
            if is_empty and not self.draft.categories[key].kept and self.size > self.bounds.min:
                self.draft.drop(key, "the edits have left no document in it")

    def _try(self, edit: str, do: Callable[[], None]) -> None:
        try:
            do()
        except _RefusedError as refused:
            self.refused.append(Refusal(edit, str(refused)))

    def _edit(self, edit: EditAnswer) -> None:
        match edit:
            case AddAnswer():
                self._add(edit)
            case RenameAnswer():
                self._rename(edit)
            case MergeAnswer():
                self._merge(edit)
            case SplitAnswer():
                self._split(edit)
            case DropAnswer():
                self.draft.drop(self._may_go(edit.category), _short(edit.reason))
            case MoveAnswer():
                self._move(edit)

    def _assign(self, assignment: AssignmentAnswer) -> None:
        key = self._category(assignment.category)
        numbers = self._elsewhere(key, assignment.covers)
        indices = self._place(numbers)
        self.covered.update(indices)
        if indices and self.draft.categories[key].status != "frozen":  # it gets none; that they fit it is known all the same
            self.draft.cite(key, indices, f"{len(indices)} documents that the model assigns to it")
        self._refuse_unknown(assignment.covers)

    def _add(self, edit: AddAnswer) -> None:
        name = self._new_name(edit)
        indices = self._place(self._free(edit.covers))
        if not indices:
            raise _RefusedError("it covers no number that is in the list and free")
        self.draft.add(name, tidy_description(edit.description), self.draft.sample.ranked(indices), _short(edit.reason))
        self._refuse_unknown(edit.covers)

    def _rename(self, edit: RenameAnswer) -> None:
        key, name = self._changeable(edit.category), " ".join(edit.name.split())
        before = self.draft.categories[key]
        why = "it has this name" if name == before.name else self.rules.refuse(name, before.description, taken=self.draft.names(but=key))
        if why:
            raise _RefusedError(why)
        self.draft.rename(key, name, before.description, _short(edit.reason))

    def _merge(self, edit: MergeAnswer) -> None:
        into, key = self._movable(edit.into), self._may_go(edit.category)
        if key == into:
            raise _RefusedError("it is the same category")
        self.draft.merge(key, into, _short(edit.reason))

    def _split(self, edit: SplitAnswer) -> None:
        key = self._movable(edit.category)
        for part in edit.parts:
            self._try(f"split {edit.category}, part {part.name[:40]!r}", partial(self._part, edit, key, part))

    def _part(self, edit: SplitAnswer, key: str, part: GroupAnswer) -> None:
        name, inside = self._new_name(part), set(self.draft.groups[key].indices)
        indices = self._place([number for number in self._free(part.covers) if inside.issuperset(self.listed[number - 1].indices)])
        if not indices:
            raise _RefusedError(f"none of its numbers is in {edit.category} and free")
        self.draft.split(key, name, tidy_description(part.description), self.draft.sample.ranked(indices), _short(edit.reason))
        self._refuse_unknown(part.covers)

    def _move(self, edit: MoveAnswer) -> None:
        key = self._movable(edit.category)
        indices = self._place(self._elsewhere(key, edit.covers))
        if not indices:
            raise _RefusedError("none of its numbers is free and elsewhere")
        self.covered.update(indices)
        self.draft.cite(key, indices, f"{len(indices)} documents: {_short(edit.reason)}")
        self._refuse_unknown(edit.covers)

    def _category(self, handle: str) -> str:
        """Find the category of a handle."""
        key = self.handles.get(handle)
        if key is None or key not in self.draft.categories:
            left = ", ".join(name for name, other in self.handles.items() if other in self.draft.categories)
            raise _RefusedError(f"there is no category {handle[:20]!r}; there are {left or 'none'}")
        return key

    def _movable(self, handle: str) -> str:
        """Find a category whose documents may come and go."""
        category = self.draft.categories[self._category(handle)]
        if category.status == "frozen":
            raise _RefusedError(f"{category.name!r} is frozen, and keeps its documents")
        return category.category_id

    def _changeable(self, handle: str) -> str:
        """Find a category that may be renamed, merged and dropped."""
        category = self.draft.categories[self._category(handle)]
        if category.kept:
            raise _RefusedError(f"{category.name!r} is {category.status}, and only a person may change it")
        return category.category_id

    def _may_go(self, handle: str) -> str:
        key = self._changeable(handle)
        if self.size <= self.bounds.min:
            raise _RefusedError(f"there are {self.size} categories, and at least {self.bounds.min} are needed")
        return key

    def _new_name(self, group: AddAnswer | GroupAnswer) -> str:
        """Give the name of a category that may be added."""
        if self.size >= self.bounds.max:
            raise _RefusedError(f"there are {self.size} categories, and at most {self.bounds.max} may be")
        name = " ".join(group.name.split())
        if why := self.rules.refuse(name, group.description, taken=self.draft.names()):
            raise _RefusedError(why)
        return name

    def _free(self, covers: Sequence[int]) -> list[int]:
        """Give the numbers that are in the list and not yet placed, without those whose documents a frozen category keeps."""
        frozen = {index for key, found in self.draft.groups.items() if self.draft.categories[key].status == "frozen" for index in found.indices}
        known = [number for number in dict.fromkeys(covers) if 1 <= number <= len(self.listed) and number not in self.placed]
        return [number for number in known if frozen.isdisjoint(self.listed[number - 1].indices)]

    def _elsewhere(self, key: str, covers: Sequence[int]) -> list[int]:
        """Give the free numbers that the category does not cite."""
        inside = set(self.draft.groups[key].indices)
        return [number for number in self._free(covers) if not inside.issuperset(self.listed[number - 1].indices)]

    def _place(self, numbers: Sequence[int]) -> list[int]:
        """Mark numbers as placed, and give their documents."""
        self.placed.update(numbers)
        return [index for number in numbers for index in self.listed[number - 1].indices]

    def _refuse_unknown(self, covers: Sequence[int]) -> None:
        """Refuse numbers that are not in the list; what else an edit covers has been done."""
        unknown = [str(number) for number in dict.fromkeys(covers) if not 1 <= number <= len(self.listed)]
        if unknown:
            raise _RefusedError(f"the numbers go from 1 to {len(self.listed)}, and it covers {', '.join(unknown[:REASON_WORDS])}")


def _spelled(edit: EditAnswer) -> str:
    """Name an edit in a few words."""
    match edit:
        case AddAnswer():
            return f"add {edit.name[:40]!r}"
        case MergeAnswer():
            return f"merge {edit.category} into {edit.into}"
        case RenameAnswer():
            return f"rename {edit.category} to {edit.name[:40]!r}"
        case MoveAnswer():
            return f"move to {edit.category}"
        case _:
            return f"{edit.kind} {edit.category}"


def _short(reason: str) -> str:
    return " ".join(reason.split()[:REASON_WORDS]) or "the model gives no reason"
