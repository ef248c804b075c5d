"""The last stage of a taxonomy: a card for each category, and a guide to label by.

Examples, near misses and cues are found on the sample by vectors and counts. The model writes what counting cannot:
definitions, which are kept where they help to choose, and a tie-breaker for each pair of leaves that is easily mixed up.
Everything follows from the parent, the sample and the answers.
"""

from dataclasses import replace
from typing import Any

from pipeline.embedding import Embedder
from pipeline.records import Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project
from pipeline.taxonomy.cards_contrast import Contrast
from pipeline.taxonomy.cards_cues import ASKING, Terms
from pipeline.taxonomy.cards_definition import Definer
from pipeline.taxonomy.cards_guide import break_ties, write_guide
from pipeline.taxonomy.cards_wording import Wording, taxonomy_language, wording
from pipeline.taxonomy.sample import Sample
from pipeline.taxonomy.versions import Draft, Version

__all__ = ["describe"]

EXCLUDED = 2  # siblings that a card sends a reader to
SUREST_CUES, EXCLUSION_CUES = 3, 2  # of a sibling: those that say what it is about, and as many as one exclusion names


def describe(parent: Taxonomy, sample: Sample, *, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    """Fill in the card of each category and write the guide.

    A category that a person locked or froze keeps its name and its description; of its card only empty parts are filled.

    :return: the version, with figures on how well the leaves are told apart and what the new definitions changed.
    """
    draft = Draft.from_taxonomy(version_id, parent, sample)
    contrast, terms = Contrast(draft, embedder=embedder), Terms(sample)
    definitions = Definer(contrast, chat, project).define()
    for key, group in contrast.groups.items():
        miss = contrast.near_miss(key)
        _fill(
            draft,
            key,
            description=definitions.texts[key],
            cues=tuple(terms.cues(group, contrast.beside(key))),
            examples=tuple(sample.hashes[index] for index in contrast.examples(key)),
            near_misses=() if miss is None else (sample.hashes[miss],),
        )
    words = wording(taxonomy_language(project.taxonomy.language))
    for key in contrast.groups:
        _fill(draft, key, exclusions=_exclusions(key, draft, contrast, terms, words))
    ties = break_ties(contrast, draft.categories, chat=chat, project=project)
    measures = definitions.measures(version_id, chat.model)
    version = draft.finish("describe", use_case=parent.use_case, method=parent.method, measures=measures)
    in_order = {category.category_id: category for category in version.taxonomy.categories}
    return replace(version, taxonomy=replace(version.taxonomy, guide=write_guide(in_order, contrast, ties, project=project)))


def _fill(draft: Draft, key: str, **parts: Any) -> None:
    """Fill in parts of a card: what is found replaces what is there, but for what a person keeps; nothing replaces nothing."""
    category = draft.categories[key]
    draft.card(key, **{name: part for name, part in parts.items() if part and not (category.kept and getattr(category, name))})


def _exclusions(key: str, draft: Draft, contrast: Contrast, terms: Terms, words: Wording) -> tuple[str, ...]:
    """Say of the nearest sibling, and of the next where it is easily mixed up too, what belongs there."""
    beside = contrast.siblings(key)
    found = [*beside[:1], *(other for other in beside[1:EXCLUDED] if contrast.confusable(key, other))]
    return tuple(_exclusion(key, other, draft, contrast, terms, words) for other in found)


def _exclusion(key: str, other: str, draft: Draft, contrast: Contrast, terms: Terms, words: Wording) -> str:
    sibling = draft.categories[other]
    surest = [cue for cue in sibling.cues[:SUREST_CUES] if ASKING.isdisjoint(cue.split()) and cue not in draft.categories[key].cues]
    cues = terms.shared(surest, contrast.groups[key])
    if cues:
        return words.exclusion_by_cues.format(cues=words.listed(cues[:EXCLUSION_CUES]), name=sibling.name)
    if sibling.description:
        return words.exclusion_by_description.format(description=sibling.description.rstrip(" ."), name=sibling.name)
    return words.exclusion_by_name.format(name=sibling.name)
