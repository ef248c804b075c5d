"""How a project's documents are asked about: which categories each is offered, and which labelled documents stand beside it."""

from collections.abc import Sequence

import numpy as np

from pipeline.annotation import (
    Beside,
    Manner,
    Pool,
    ShortlistLength,
    card_texts,
    choose_demonstrations,
    choose_length,
    length_as_given,
    rank_categories,
    recall_points,
    shortlist_for,
)
from pipeline.ids import content_id
from pipeline.records import Category, Document, FacetExample, Taxonomy
from pipeline.stages.kept_vectors import KeptEmbedder
from pipeline.stages.session import Session

__all__ = ["DEMONSTRATIONS_GAIN", "TRIED", "besides", "likeness", "manner_of"]

TOKEN = 4.0  # characters, about, of a category's line in a prompt
MEMBERS = 30  # of a category, the surest first, that stand for it
LEAST_LENGTH = 5
UNMEASURED = 20  # categories offered where nothing says how many are enough
DEMONSTRATIONS_GAIN = "demonstrations_gain"  # the measure by which `auto` decides
TRIED = 4  # demonstrations that `auto` tries
SURE_MEMBERS = 5  # of a category, that may be shown as demonstrations


def manner_of(session: Session, present: Taxonomy) -> Manner:
    """Say how documents are asked about under a taxonomy; the recall of a shortlist is measured and stored where one is used."""
    wanted, leaves = session.project.annotation, present.leaves
    if wanted.levels == "top_down" and len(leaves) < len(present.categories):
        return Manner(top_down=True)
    tokens = sum(len(text) for text in card_texts(leaves)) / TOKEN
    short = wanted.shortlist != "off" and (wanted.shortlist != "auto" or tokens > wanted.shortlist_tokens)
    demonstrations = demonstrations_shown(session, present)
    if not short:
        return Manner(demonstrations=demonstrations)
    given = wanted.shortlist if isinstance(wanted.shortlist, int) else None
    length = session.remember("shortlist", (present.taxonomy_id, given, wanted.recall), lambda: _length(session, present, given))
    return Manner(offered=length, list_all=tokens <= wanted.shortlist_tokens, demonstrations=demonstrations) if length < len(leaves) else Manner()


def demonstrations_shown(session: Session, present: Taxonomy) -> int:
    """Say how many labelled documents stand beside each: the number that is set, or by what trying them found; none where nothing was tried."""
    wanted = session.project.annotation.demonstrations
    if wanted == "auto":
        tried = [measure.value for measure in session.store.measures(present.taxonomy_id) if measure.metric == DEMONSTRATIONS_GAIN]
        return TRIED if tried and tried[0] > 0 else 0
    return wanted if isinstance(wanted, int) else 0


def besides(session: Session, present: Taxonomy, manner: Manner, hashes: Sequence[str], vectors: np.ndarray | None = None) -> Beside:
    """Choose for each text what it is offered and what stands beside it; empty in the plain manner.

    :param vectors: of the texts (n, d); those of the store when absent.
    """
    if not manner.offered and not manner.demonstrations:
        return Beside()
    members = _members(session, present, MEMBERS)
    source = content_id("beside", [session.embedder.embedder_id, present.taxonomy_id])  # the taxonomy says which documents it cites
    leaves = present.leaves
    vectors = session.store.vectors(session.embedder.embedder_id, list(hashes)) if vectors is None else vectors
    offered: dict[str, tuple[Category, ...]] = {}
    if manner.offered:
        ranks = _ranks(session, leaves, vectors, members)
        offered = {text: shortlist_for(row, manner.offered, leaves) for text, row in zip(hashes, ranks, strict=True)}
    shown = _demonstrations(session, present, hashes, vectors, manner.demonstrations, offered)
    return Beside(offered, shown, source)


def likeness(session: Session, present: Taxonomy, hashes: Sequence[str]) -> dict[str, np.ndarray]:
    """Give the cosines (k,) of texts with the cards of all categories, in the taxonomy's order."""
    vectors = session.store.vectors(session.embedder.embedder_id, list(hashes)).astype(np.float64)
    cards = KeptEmbedder(session).embed(card_texts(present.leaves)).astype(np.float64)
    return dict(zip(hashes, vectors @ cards.T, strict=True))


def _length(session: Session, present: Taxonomy, given: int | None) -> int:
    """Measure on the documents that the categories cite how many have to be offered, and store the curve."""
    members, leaves = _members(session, present, MEMBERS), present.leaves
    if not members:
        return given or min(UNMEASURED, len(leaves))
    places = {category.category_id: place for place, category in enumerate(leaves)}
    truth = np.array([places[category] for category in members.values()])
    ranks = _ranks(session, leaves, session.store.vectors(session.embedder.embedder_id, list(members)), members)
    session.store.save(recall_points(ranks, truth, subject_id=present.taxonomy_id))
    found: ShortlistLength
    found = length_as_given(ranks, truth, given) if given else choose_length(ranks, truth, promised=session.project.annotation.recall)
    return max(LEAST_LENGTH, found.length)


def _ranks(session: Session, leaves: Sequence[Category], vectors: np.ndarray, members: dict[str, str]) -> np.ndarray:
    cards = session.embedder.embed(card_texts(leaves))
    places = {category.category_id: place for place, category in enumerate(leaves)}
    if not members:
        return rank_categories(vectors, cards)
    known = session.store.vectors(session.embedder.embedder_id, list(members))
    return rank_categories(vectors, cards, known=known, known_labels=np.array([places[category] for category in members.values()]))


def _members(session: Session, present: Taxonomy, most: int) -> dict[str, str]:
    """Give each category's clear examples and surest members, as far as they were ever part of the corpus."""
    cited = {text: category.category_id for category in present.leaves for text in [*category.examples, *category.members][:most]}
    unknown = set(session.store.pending("embeddings", {"embedder_id": session.embedder.embedder_id}, among=list(cited)))
    return {text: category for text, category in cited.items() if text not in unknown}


def _demonstrations(
    session: Session, present: Taxonomy, hashes: Sequence[str], vectors: np.ndarray, count: int, offered: dict[str, tuple[Category, ...]]
) -> dict[str, tuple[FacetExample, ...]]:
    members = _members(session, present, SURE_MEMBERS) if count else {}
    if not members:
        return {}
    texts: list[Document] = session.store.texts(list(members))
    own = session.store.vectors(session.embedder.embedder_id, list(members))
    pool = Pool(list(members), [document.text for document in texts], list(members.values()), [1.0] * len(members), own)
    names = {category.category_id: category.name for category in present.leaves}
    found = {}
    for text, vector in zip(hashes, vectors, strict=True):
        among = {category.category_id for category in offered[text]} if text in offered else None
        chosen = choose_demonstrations(vector, text, pool, count=count, among=among)
        found[text] = tuple(FacetExample(text=one.text, answer=names[one.category_id]) for one in chosen)
    return found
