"""A hierarchy: the same stages again inside each category that is big enough, level by level (TnT-LLM, section 3.1)."""

from pipeline.embedding import Embedder
from pipeline.errors import TaxonomyError
from pipeline.ids import content_id
from pipeline.records import Category, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project
from pipeline.taxonomy.induce import generate, review
from pipeline.taxonomy.naming import Namer
from pipeline.taxonomy.sample import Group, Sample
from pipeline.taxonomy.versions import Draft, Version
from pipeline.text import name_key

__all__ = ["deepen"]

FEWEST = 16  # documents of a category below which it is left whole


def deepen(parent: Taxonomy, sample: Sample, *, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    """Divide the categories into `taxonomy.depth` levels; one that does not divide into at least two stays a leaf.

    Documents belong to leaves; a name is used once in the whole tree, because labels are chosen by name.
    """
    draft = Draft.from_taxonomy(version_id, parent, sample)
    level = list(draft.categories)
    for _ in range(project.taxonomy.depth - 1):
        below: list[str] = []
        for category_id in level:
            below += _divide(draft, category_id, chat=chat, embedder=embedder, project=project)
        level = below
    return draft.finish("deepen", use_case=project.use_case)


def _divide(draft: Draft, category_id: str, *, chat: Chat, embedder: Embedder, project: Project) -> list[str]:
    """Induce a taxonomy of a category's documents and put it below the category; give the ids of its categories."""
    category, indices = draft.categories[category_id], list(draft.groups[category_id].indices)
    children = project.taxonomy.children
    if category.status == "frozen" or len(indices) < max(FEWEST, 4 * children.min):
        return []
    inner, part = _inner(project, category), draft.sample.part(indices)
    try:
        first = generate(part, chat=chat, embedder=embedder, project=inner, version_id=_id(draft, category_id, "generate"))
    except TaxonomyError:
        return []
    version_id = _id(draft, category_id, "review")
    found = review(first.taxonomy, part, chat=chat, embedder=embedder, project=inner, version_id=version_id).taxonomy
    if len(found.categories) < 2:
        return []
    place = {text: index for text, index in zip(part.hashes, indices, strict=True)}
    namer = Namer(draft.sample, chat, inner, "generate")
    made = []
    for child in found.categories:
        group = Group(tuple(place[text] for text in child.members))
        name, description = child.name, child.description
        if name_key(name) in {name_key(taken) for taken in draft.names()}:
            named = namer.rename(group, refused=name, taken=draft.names(), reason="taken by another category")
            name, description = named.name, named.description
        made.append(draft.add(name, description, group, f"{len(group)} documents of {category.name!r}", below=category_id))
    return made


def _id(draft: Draft, category_id: str, stage: str) -> str:
    return content_id("tax", [draft.taxonomy_id, category_id, stage])


def _inner(project: Project, category: Category) -> Project:
    """Give the project as a category's own induction sees it: its use case within the category, and the size of a level."""
    about = f"{project.use_case}, within {category.name}"
    changes = {"size": project.taxonomy.children}
    return project.model_copy(update={"use_case": about, "taxonomy": project.taxonomy.model_copy(update=changes)})
