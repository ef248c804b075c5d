"""Stages 2 to 4 where the vectors group: generate from the first minibatch, update with each further one, review (TnT-LLM, section 3.1).

Groups come from vectors of text and phrase; the model names them, tells them apart, and says for each document of a
further minibatch whether any category fits. What fits none is grouped and becomes a category of its own.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.choosing import ask_category, none_probability
from pipeline.embedding import Embedder
from pipeline.errors import TaxonomyError
from pipeline.records import Measure, Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project
from pipeline.taxonomy.consolidate import settle
from pipeline.taxonomy.grouping import close_groups, group, nearest, outliers, regroup
from pipeline.taxonomy.naming import Namer
from pipeline.taxonomy.sample import Group, Sample
from pipeline.taxonomy.sizing import choose_size
from pipeline.taxonomy.versions import Draft, Version

__all__ = ["generate", "review", "update"]

FEWEST = 8  # documents below which there is nothing to group
MISFIT = 0.3  # probability of "none fits" from which a document asks for a category of its own
CLOSE = 0.4  # mean cosine of the documents that make a new category
SMALLEST = 0.01  # share of the sample a category must cite


def generate(sample: Sample, *, parent: Taxonomy | None = None, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    """Make the first version from the first minibatch: choose a size, group, name, merge what the model cannot tell apart.

    With a parent, whose categories a person gave, it is the parent's update with the whole minibatch.

    :raises TaxonomyError: when there are too few distinct documents.
    """
    if parent is not None:
        return update(parent, sample, start=0, chat=chat, embedder=embedder, project=project, version_id=version_id)
    needed = max(FEWEST, 2 * project.taxonomy.size.min)
    if len(sample) < needed:
        raise TaxonomyError(
            f"A taxonomy of at least {project.taxonomy.size.min} categories needs at least {needed} distinct"
            f" summarised documents; there are {len(sample)}. Add documents, or lower taxonomy.size."
        )
    size, curve = choose_size(sample, project.taxonomy.size, seed=project.seed)
    groups = group(sample, size, seed=project.seed)
    draft = Draft(version_id, sample)
    for found, named in zip(groups, (namer := Namer(sample, chat, project, "generate")).name(groups), strict=True):
        out = outliers(sample, found)
        draft.add(named.name, named.description, Group(tuple(index for index in found.indices if index not in out)), named.reason)
    settle(draft, namer, embedder=embedder)
    measures = [Measure(version_id, "size_score", score, len(sample), size=at, judge="vectors") for at, score in curve]
    return draft.finish("generate", use_case=project.use_case, measures=measures)


def update(parent: Taxonomy, sample: Sample, *, start: int, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    """Update a version with the minibatch that begins at `start`; `sample` holds it and all before it.

    The rating of the new version is the share of the minibatch that a category of its parent fits.
    """
    draft = Draft.from_taxonomy(version_id, parent, sample)
    answers = [answer for answer, _ in ask_category(sample.texts[start:], taxonomy=parent, chat=chat, project=project, purpose="update")]
    answered = [none_probability(answer) for answer in answers if answer.outcome == "ok"]
    misfit = [none_probability(answer) if answer.outcome == "ok" else 0.0 for answer in answers]
    _cite_nearest(draft, [start + place for place, value in enumerate(misfit) if value < MISFIT], embedder=embedder)
    room = project.taxonomy.size.max - len(draft.categories)
    smallest = max(3, round(SMALLEST * len(sample)))
    found = close_groups(sample, draft.uncited(), likeness=CLOSE, smallest=smallest)[: max(0, room)]
    namer = Namer(sample, chat, project, "update")
    for new, named in zip(found, namer.name(found, taken=draft.names()), strict=True):
        draft.add(named.name, named.description, new, f"{len(new)} documents that no category fitted; {named.reason}")
    settle(draft, namer, embedder=embedder)
    rating = sum(value < MISFIT for value in answered) / len(answered) if answered else None
    return draft.finish("update", use_case=project.use_case, rating=rating)


def review(parent: Taxonomy, sample: Sample, *, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    """Review the last version: move documents to the category they are most like, drop what is too small, settle the names.

    The move is one of k-means that starts from the categories as they are, so that what the minibatches were too short to
    see is put right. Frozen categories keep their documents.
    """
    draft = Draft.from_taxonomy(version_id, parent, sample)
    _move(draft)
    smallest = max(2, round(SMALLEST * len(sample)))
    for category_id in sorted(draft.groups, key=lambda key: len(draft.groups[key])):
        may_go = not draft.categories[category_id].kept and len(draft.categories) > project.taxonomy.size.min
        if may_go and len(draft.groups[category_id]) < smallest:
            draft.drop(category_id, f"it cites {len(draft.groups[category_id])} documents, fewer than {smallest}")
    settle(draft, Namer(sample, chat, project, "review"), embedder=embedder)
    _cite_nearest(draft, draft.uncited(), embedder=embedder)
    return draft.finish("review", use_case=project.use_case)


def _move(draft: Draft) -> None:
    """Let every cited document go to the category it is most like."""
    movable = {key: found for key, found in draft.groups.items() if len(found) and draft.categories[key].status != "frozen"}
    for key, found in regroup(draft.sample, movable).items():
        new = set(found.indices) - set(movable[key].indices)
        if new:
            draft.cite(key, sorted(new), f"{len(new)} documents are more like it than like the category they were in")


def _cite_nearest(draft: Draft, indices: Sequence[int], *, embedder: Embedder) -> None:
    """Let the category with the most like centre cite each document; one that cites nothing yet is as its name and description are."""
    keys = [key for key in draft.groups if draft.categories[key].status != "frozen"]
    if not indices or not keys:
        return
    spoken = embedder.embed([f"{draft.categories[key].name}. {draft.categories[key].description}" for key in keys])
    centres = np.stack([draft.sample.centre(draft.groups[key]) if len(draft.groups[key]) else row for key, row in zip(keys, spoken, strict=True)])
    for place, near in nearest(draft.sample, indices, centres).items():
        draft.cite(keys[place], near, f"{len(near)} documents are most like it")
