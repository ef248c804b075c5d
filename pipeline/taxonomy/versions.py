"""Versions of a taxonomy: what each was made from, and the edits between it and its parent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.ids import content_id
from pipeline.prompts import load_prompt
from pipeline.records import Category, Change, ChangeKind, Taxonomy
from pipeline.settings import Project
from pipeline.taxonomy.sample import Group, Sample

__all__ = ["Draft", "Version", "taxonomy_spec", "version_id"]

METHOD = 5  # raise it whenever a version would come out otherwise from the same inputs
PROMPTS = ("name_category", "rename_category", "annotate")


@dataclass(frozen=True)
class Version:
    """A taxonomy and the edits that led to it from its parent."""

    taxonomy: Taxonomy
    changes: Sequence[Change]


def version_id(
    stage: str, step: int, parent_id: str | None, seen: Sequence[tuple[str, str]], *, around: str = "", project: Project, model: str
) -> str:
    """Hash what determines a version: its documents with their phrases in order, those around them, its parent, prompts, model and settings."""
    prompts = [load_prompt(name).fingerprint for name in PROMPTS]
    about = [METHOD, project.use_case, project.taxonomy.model_dump(mode="json"), *project.annotation.shown, project.embedder, project.seed]
    return content_id("tax", [stage, step, parent_id, list(seen), around, prompts, model, about])


def taxonomy_spec(project: Project, *, model: str, summary_spec: str) -> str:
    """Hash what determines a taxonomy apart from the texts of its sample."""
    prompts = [load_prompt(name).fingerprint for name in PROMPTS]
    return content_id("taxonomies", [METHOD, summary_spec, prompts, model, project.taxonomy.model_dump(mode="json"), project.embedder])


@dataclass
class Draft:
    """A taxonomy in the making; every edit goes through a method, which records it with its reason."""

    taxonomy_id: str
    sample: Sample
    categories: dict[str, Category] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    @classmethod
    def from_taxonomy(cls, taxonomy_id: str, parent: Taxonomy, sample: Sample) -> "Draft":
        """Start from a version, finding its cited members in the sample."""
        place = {text: index for index, text in enumerate(sample.hashes)}
        draft = cls(taxonomy_id, sample)
        for category in parent.categories:
            draft.categories[category.category_id] = category
            draft.groups[category.category_id] = Group(tuple(place[text] for text in category.members if text in place))
        return draft

    def names(self, *, but: str | None = None) -> list[str]:
        """List the names in use, apart from one category's."""
        return [category.name for category_id, category in self.categories.items() if category_id != but]

    def add(self, name: str, description: str, found: Group, reason: str) -> str:
        """Add a category."""
        category_id = content_id("cat", [self.taxonomy_id, len(self.changes)])
        self.categories[category_id] = Category(category_id, name, description)
        self.groups[category_id] = found
        self._record("add", category_id, None, name, reason)
        return category_id

    def rename(self, category_id: str, name: str, description: str, reason: str) -> None:
        """Give a category another name; it stays the same category."""
        before = self.categories[category_id]
        self.categories[category_id] = replace(before, name=name, description=description)
        self._record("rename", category_id, before.name, name, reason)

    def merge(self, category_id: str, into: str, reason: str) -> None:
        """Give a category's members to another one and take it away."""
        gone = self.categories.pop(category_id)
        self.groups[into] = self.sample.ranked([*self.groups[into].indices, *self.groups.pop(category_id).indices])
        self._record("merge", category_id, gone.name, self.categories[into].name, reason)

    def drop(self, category_id: str, reason: str) -> None:
        """Take a category away; its members are cited by none until they are moved."""
        gone = self.categories.pop(category_id)
        del self.groups[category_id]
        self._record("drop", category_id, gone.name, None, reason)

    def cite(self, category_id: str, indices: Sequence[int], reason: str) -> None:
        """Move documents into a category, out of any other."""
        moved = set(indices)
        for other, found in self.groups.items():
            self.groups[other] = Group(tuple(index for index in found.indices if index not in moved))
        self.groups[category_id] = self.sample.ranked([*self.groups[category_id].indices, *sorted(moved)])
        self._record("move", category_id, None, self.categories[category_id].name, reason)

    def uncited(self) -> list[int]:
        """List the documents that no category cites."""
        cited = {index for found in self.groups.values() for index in found.indices}
        return [index for index in range(len(self.sample)) if index not in cited]

    def finish(self, stage: str, step: int, parent_id: str | None, *, use_case: str, rating: float | None) -> Version:
        """Freeze the draft, largest category first."""
        order = sorted(self.categories, key=lambda category_id: (-len(self.groups[category_id]), self.categories[category_id].name))
        hashes = self.sample.hashes
        categories = [replace(self.categories[key], members=tuple(hashes[index] for index in self.groups[key].indices)) for key in order]
        taxonomy = Taxonomy(self.taxonomy_id, stage, step, parent_id, use_case, "tnt", tuple(categories), rating)  # type: ignore[arg-type]
        return Version(taxonomy, tuple(self.changes))

    def _record(self, kind: ChangeKind, category_id: str, before: str | None, after: str | None, reason: str) -> None:
        self.changes.append(Change(self.taxonomy_id, kind, category_id, before, after, reason))
