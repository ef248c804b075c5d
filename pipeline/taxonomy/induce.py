"""Stages 2 and 3: generate from the first minibatch, update with each further one, review (TnT-LLM, section 3.1).

The size of a minibatch is what the generator can carry. Groups come from vectors of text and phrase; the model names
them, tells them apart, and says for each document of a further minibatch whether any category fits. What fits none is
grouped and becomes a category of its own. A version's id is the hash of what makes it, so that a finished version is
never made again.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.choosing import ask_category, none_probability
from pipeline.embedding import Embedder, Matrix
from pipeline.errors import TaxonomyError
from pipeline.records import Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project
from pipeline.taxonomy.grouping import close_groups, first_size, group, outliers
from pipeline.taxonomy.naming import AlikeNames, Namer, alike_names
from pipeline.taxonomy.sample import Group, Sample, unit
from pipeline.taxonomy.versions import Draft, Version, version_id

__all__ = ["generate", "review", "update"]

FEWEST = 8  # documents below which there is nothing to group
MISFIT = 0.3  # probability of "none fits" from which a document asks for a category of its own
CLOSE = 0.4  # mean cosine of the documents that make a new category
SMALLEST = 0.01  # share of the sample a category must cite


def generate(sample: Sample, *, chat: Chat, embedder: Embedder, project: Project) -> Version:
    """Make the first version from the first minibatch: group, name, merge what the model calls the same.

    :raises TaxonomyError: when there are too few distinct documents.
    """
    if len(sample) < max(FEWEST, 2 * project.taxonomy.size.min):
        raise TaxonomyError(
            f"A taxonomy of at least {project.taxonomy.size.min} categories needs at least {max(FEWEST, 2 * project.taxonomy.size.min)} distinct"
            f" summarised documents; there are {len(sample)}. Add documents, or lower taxonomy.size."
        )
    groups = group(sample, first_size(len(sample), project.taxonomy.size), seed=project.seed)
    draft = Draft(_version_id("generate", 0, None, sample, chat, project), sample)
    for found, named in zip(groups, (namer := Namer(sample, chat, project, "generate")).name(groups), strict=True):
        out = outliers(sample, found)
        draft.add(named.name, named.description, Group(tuple(index for index in found.indices if index not in out)), named.reason)
    _settle_names(draft, namer, embedder=embedder, fewest=project.taxonomy.size.min)
    return draft.finish("generate", 0, None, use_case=project.use_case, rating=None)


def update(parent: Taxonomy, sample: Sample, *, start: int, chat: Chat, embedder: Embedder, project: Project) -> Version:
    """Update a version with the minibatch that begins at `start`; `sample` holds it and all before it.

    The rating of the new version is the share of the minibatch that a category of its parent fits.
    """
    step = parent.step + 1
    draft = Draft.from_taxonomy(_version_id("update", step, parent.taxonomy_id, sample, chat, project), parent, sample)
    answers = [answer for answer, _ in ask_category(sample.texts[start:], taxonomy=parent, chat=chat, project=project, purpose="update")]
    answered = [none_probability(answer) for answer in answers if answer.outcome == "ok"]
    misfit = [none_probability(answer) if answer.outcome == "ok" else 0.0 for answer in answers]
    fitting = [start + place for place, value in enumerate(misfit) if value < MISFIT]
    _cite_nearest(draft, fitting)
    room = project.taxonomy.size.max - len(draft.categories)
    smallest = max(3, round(SMALLEST * len(sample)))
    found = close_groups(sample, draft.uncited(), likeness=CLOSE, smallest=smallest)[: max(0, room)]
    namer = Namer(sample, chat, project, "update")
    for new, named in zip(found, namer.name(found, taken=draft.names()), strict=True):
        reason = f"{len(new)} documents that no category fitted; {named.reason}"
        draft.add(named.name, named.description, new, reason)
    _settle_names(draft, namer, embedder=embedder, fewest=project.taxonomy.size.min)
    rating = sum(value < MISFIT for value in answered) / len(answered) if answered else None
    return draft.finish("update", step, parent.taxonomy_id, use_case=project.use_case, rating=rating)


def review(parent: Taxonomy, sample: Sample, *, chat: Chat, embedder: Embedder, project: Project) -> Version:
    """Review the last version: drop what is too small, settle the names, let the nearest category cite what none cites."""
    step = parent.step + 1
    draft = Draft.from_taxonomy(_version_id("review", step, parent.taxonomy_id, sample, chat, project), parent, sample)
    smallest = max(2, round(SMALLEST * len(sample)))
    for category_id in sorted(draft.groups, key=lambda key: len(draft.groups[key])):
        if len(draft.groups[category_id]) < smallest and len(draft.categories) > project.taxonomy.size.min:
            draft.drop(category_id, f"it cites {len(draft.groups[category_id])} documents, fewer than {smallest}")
    _settle_names(draft, Namer(sample, chat, project, "review"), embedder=embedder, fewest=project.taxonomy.size.min)
    _cite_nearest(draft, draft.uncited(), unless_outlier=True)
    return draft.finish("review", step, parent.taxonomy_id, use_case=project.use_case, rating=None)


def _version_id(stage: str, step: int, parent_id: str | None, sample: Sample, chat: Chat, project: Project) -> str:
    return version_id(stage, step, parent_id, sample.seen, around=sample.around, project=project, model=chat.model)


def _cite_nearest(draft: Draft, indices: Sequence[int], *, unless_outlier: bool = False) -> None:
    """Let the category with the most like centre cite each document; an outlier is less like it than nearly all members are."""
    keys = [key for key in draft.groups if len(draft.groups[key])]
    if not indices or not keys:
        return
    centres = np.stack([draft.sample.centre(draft.groups[key]) for key in keys])
    likeness = draft.sample.vectors[list(indices)] @ unit(centres).T
    floors = np.array([_floor(draft.sample, draft.groups[key], centre) for key, centre in zip(keys, centres, strict=True)])
    nearest = likeness.argmax(axis=1)
    for place, key in enumerate(keys):
        belongs = nearest == place if not unless_outlier else (nearest == place) & (likeness[:, place] >= floors[place])
        near = [index for index, here in zip(indices, belongs, strict=True) if here]
        if near:
            draft.cite(key, near, f"{len(near)} documents are most like it")


def _floor(sample: Sample, found: Group, centre: Matrix) -> float:
    likeness = sample.vectors[list(found.indices)] @ centre
    return float(likeness.mean() - 2.5 * likeness.std())


def _settle_names(draft: Draft, namer: Namer, *, embedder: Embedder, fewest: int) -> None:
    """Merge categories whose names say the same; rename the smaller of two with names too alike, and merge it where that fails.

    Where merging would leave too few categories, and where two names only share a word, both stay after one renaming.
    """
    tried: set[str] = set()
    while True:
        may_merge = len(draft.categories) > fewest
        pairs = ((*_by_size(draft, pair), pair) for pair in _alike(draft, embedder))
        found = next(((large, small, pair) for large, small, pair in pairs if small not in tried or (pair.alike and may_merge)), None)
        if found is None:
            return
        larger, smaller, pair = found
        kept, gone = draft.categories[larger].name, draft.categories[smaller].name
        if may_merge and (pair.same or (pair.alike and smaller in tried)):
            draft.merge(smaller, larger, f"its name {gone!r} says the same as {kept!r}")
            continue
        tried.add(smaller)
        named = namer.rename(draft.groups[smaller], refused=gone, taken=draft.names(but=smaller), reason=f"too much like {kept}")
        if not named.by_model and not pair.alike:
            continue  # the old name shares a word with another one, and still says more than a phrase
        draft.rename(smaller, named.name, named.description, f"{gone!r} is too much like {kept!r}; {named.reason}")


def _by_size(draft: Draft, pair: AlikeNames) -> tuple[str, str]:
    keys = list(draft.categories)
    larger, smaller = sorted((keys[pair.first], keys[pair.second]), key=lambda key: -len(draft.groups[key]))
    return larger, smaller


def _alike(draft: Draft, embedder: Embedder) -> list[AlikeNames]:
    return alike_names(draft.names(), embedder=embedder)
