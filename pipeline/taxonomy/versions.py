"""Versions of a taxonomy: what each was made from, and the edits between it and its parent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Category, Change, ChangeKind, Measure, Taxonomy, TaxonomyStage
from pipeline.settings import Project
from pipeline.taxonomy.sample import Group, Sample

__all__ = ["METHOD", "PROMPTS", "Draft", "Version", "taxonomy_spec", "version_id"]

METHOD = 7  # raise it whenever a version would come out otherwise from the same inputs
PROMPTS = (
    "annotate", "card_check", "card_definition", "contrast", "generate", "judge", "name_category", "relevant", "rename_category", "tell_apart",
    "tie_break", "topic", "topic_merge", "topic_new", "update",
)  # fmt: skip


@dataclass(frozen=True)
class Version:
    """A taxonomy and the edits that led to it from its parent."""

    taxonomy: Taxonomy
    changes: Sequence[Change] = ()
    measures: Sequence[Measure] = ()


def version_id(
    stage: TaxonomyStage,
    step: int,
    parent_id: str | None,
    seen: Sequence[tuple[str, str]],
    *,
    project: Project,
    model: str,
    around: str = "",
    more: Sequence[str] = (),
) -> str:
    """Hash what determines a version: its documents with their phrases in order, its parent, prompts, model and settings.

    :param around: hash of the documents around those seen.
    :param more: what else went into it, as the ids of other candidates.
    """
    prompts = [load_prompt(name).fingerprint for name in PROMPTS]
    about = [METHOD, project.use_case, project.taxonomy.model_dump(mode="json"), *project.annotation.shown, project.embedder_name, project.seed]
    return content_id("tax", [stage, step, parent_id, list(seen), around, prompts, model, about, *more])


def taxonomy_spec(project: Project, *, model: str, summary_spec: str, carries: int = 0) -> str:
    """Hash what determines a taxonomy apart from the texts of its sample.

    :param carries: phrases that the model can group at once, by its exam.
    """
    prompts = [load_prompt(name).fingerprint for name in PROMPTS]
    return content_id("taxonomies", [METHOD, summary_spec, carries, prompts, model, project.taxonomy.model_dump(mode="json"), project.embedder_name])


@dataclass
class Draft:
    """A taxonomy in the making; every edit goes through a method, which records it with its reason."""

    taxonomy_id: str
    sample: Sample
    parent: Taxonomy | None = None
    categories: dict[str, Category] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    @classmethod
    def from_taxonomy(cls, taxonomy_id: str, parent: Taxonomy, sample: Sample) -> "Draft":
        """Start from a version, finding its cited members in the sample."""
        place = {text: index for index, text in enumerate(sample.hashes)}
        draft = cls(taxonomy_id, sample, parent)
        for category in parent.categories:
            draft.categories[category.category_id] = category
            draft.groups[category.category_id] = Group(tuple(place[text] for text in category.members if text in place))
        return draft

    def names(self, *, but: str | None = None) -> list[str]:
        """List the names in use, apart from one category's."""
        return [category.name for category_id, category in self.categories.items() if category_id != but]

    def add(self, name: str, description: str, found: Group, reason: str, *, below: str | None = None) -> str:
        """Add a category, at the top or below another one; its documents leave the categories that cited them."""
        return self._new("add", name, description, found, reason, below=below, before=None)

    def split(self, category_id: str, name: str, description: str, found: Group, reason: str) -> str:
        """Take some of a category's documents into a new one beside it."""
        before = self.categories[category_id]
        return self._new("split", name, description, found, reason, below=before.parent_id, before=before.name)

    def move_below(self, category_id: str, below: str | None, reason: str) -> None:
        """Put a category below another one, or at the top.

        :raises ValueError: where it would come to lie below itself.
        """
        above: str | None = below
        while above is not None:
            if above == category_id:
                raise ValueError(f"{self.categories[category_id].name!r} cannot lie below itself")
            above = self.categories[above].parent_id
        before = self.categories[category_id]
        self.categories[category_id] = replace(before, parent_id=below)
        names = [self.categories[key].name if key else None for key in (before.parent_id, below)]
        self._record("move", category_id, names[0], names[1], reason)

    def card(self, category_id: str, **parts: Any) -> None:
        """Fill in a category's cues, exclusions, examples and near misses."""
        self.categories[category_id] = replace(self.categories[category_id], **parts)

    def rename(self, category_id: str, name: str, description: str, reason: str) -> None:
        """Give a category another name; it stays the same category."""
        before = self.categories[category_id]
        self.categories[category_id] = replace(before, name=name, description=description)
        self._record("rename", category_id, before.name, name, reason)

    def merge(self, category_id: str, into: str, reason: str) -> None:
        """Give a category's members to another one and take it away."""
        gone = self._take_away(category_id)
        self.groups[into] = self.sample.ranked([*self.groups[into].indices, *self.groups.pop(category_id).indices])
        self._record("merge", category_id, gone.name, self.categories[into].name, reason)

    def drop(self, category_id: str, reason: str) -> None:
        """Take a category away; its members are cited by none until they are moved."""
        gone = self._take_away(category_id)
        del self.groups[category_id]
        self._record("drop", category_id, gone.name, None, reason)

    def cite(self, category_id: str, indices: Sequence[int], reason: str) -> None:
        """Move documents into a category, out of any other."""
        moved = set(indices) - set(self.groups[category_id].indices)
        self._uncite(moved)
        self.groups[category_id] = self.sample.ranked([*self.groups[category_id].indices, *sorted(moved)])
        self._record("move", category_id, None, self.categories[category_id].name, reason)

    def uncited(self) -> list[int]:
        """List the documents that no category cites."""
        cited = {index for found in self.groups.values() for index in found.indices}
        return [index for index in range(len(self.sample)) if index not in cited]

    def finish(
        self, stage: TaxonomyStage, *, use_case: str, rating: float | None = None, measures: Sequence[Measure] = (), method: str = "tnt", **about: Any
    ) -> Version:
        """Freeze the draft, largest category first, each with those below it.

        :param about: further fields of the taxonomy; facet and candidate are those of the parent otherwise.
        """
        hashes, parent = self.sample.hashes, self.parent
        members = {key: tuple(hashes[index] for index in self.groups[key].indices) for key in self.categories}
        categories = tuple(replace(self.categories[key], members=members[key]) for key in self._in_order(None))
        inherited: dict[str, Any] = {"facet": parent.facet, "candidate": parent.candidate, "guide": parent.guide} if parent else {}
        step, parent_id = (parent.step + 1, parent.taxonomy_id) if parent else (0, None)
        taxonomy = Taxonomy(self.taxonomy_id, stage, step, parent_id, use_case, method, categories, rating, **inherited | about)
        return Version(taxonomy, tuple(self.changes), tuple(measures))

    def _new(self, kind: ChangeKind, name: str, description: str, found: Group, reason: str, *, below: str | None, before: str | None) -> str:
        category_id = content_id("cat", [self.taxonomy_id, len(self.changes)])
        self._uncite(set(found.indices))
        self.categories[category_id] = Category(category_id, name, description, below)
        self.groups[category_id] = found
        self._record(kind, category_id, before, name, reason)
        return category_id

    def _take_away(self, category_id: str) -> Category:
        """Remove a category; those below it move up to its place."""
        gone = self.categories.pop(category_id)
        for key, category in self.categories.items():
            if category.parent_id == category_id:
                self.categories[key] = replace(category, parent_id=gone.parent_id)
        return gone

    def _uncite(self, indices: set[int]) -> None:
        if not indices:
            return
        for key, found in self.groups.items():
            if not indices.isdisjoint(found.indices):
                self.groups[key] = Group(tuple(index for index in found.indices if index not in indices))

    def _in_order(self, below: str | None) -> list[str]:
        keys = [key for key, category in self.categories.items() if category.parent_id == below]
        keys.sort(key=lambda key: (-len(self.groups[key]), self.categories[key].name))
        return [found for key in keys for found in (key, *self._in_order(key))]

    def _record(self, kind: ChangeKind, category_id: str, before: str | None, after: str | None, reason: str) -> None:
        self.changes.append(Change(self.taxonomy_id, kind, category_id, before, after, reason))
