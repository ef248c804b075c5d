"""What a candidate is made from: which documents in which order, with which seed, and from which categories it starts."""

from collections.abc import Sequence

import numpy as np

from pipeline.ids import content_id
from pipeline.records import Summary, Taxonomy
from pipeline.settings import Project
from pipeline.stages.exam import carried
from pipeline.stages.session import Session
from pipeline.stages.summaries import sampled_summaries, written_facets
from pipeline.stages.taxonomy_edits import starting_categories
from pipeline.taxonomy import Sample, induction, make_sample, seeded

__all__ = [
    "candidate_numbers",
    "candidate_project",
    "candidate_summaries",
    "minibatch_starts",
    "sample_around",
    "sample_of",
    "started_from",
    "validation_texts",
]

AROUND = 20_000  # documents whose vectors say what lies around a sampled one


def candidate_numbers(session: Session) -> range:
    """Number the candidates: as many as there are passes, one where another pass would come out the same."""
    return range(session.project.taxonomy.passes if session.project.taxonomy.method == "tnt" else 1)


def candidate_project(session: Session, number: int) -> Project:
    """Give the project with the candidate's seed."""
    return session.project.model_copy(update={"seed": session.project.seed + number})


def candidate_summaries(session: Session, number: int) -> list[Summary]:
    """Give the sampled summaries in the candidate's order: the sample's own for the first, a seeded one for each other."""
    given = sampled_summaries(session)
    if number == 0:
        return given
    order = np.random.default_rng([session.project.seed, number]).permutation(len(given))
    return [given[place] for place in order]


def minibatch_starts(session: Session, documents: int) -> range:
    """Give the starts of the minibatches, with their size as the step: what the project says, else what the method can carry."""
    size = session.project.taxonomy.minibatch or induction(session.project, carried(session)).minibatch
    return range(0, documents, max(1, min(size, documents) if documents else size))


def started_from(session: Session, number: int) -> Taxonomy | None:
    """Give the categories to start from as a version, saved with the first use: those of the file of seeds, and those a person locked."""
    categories = starting_categories(session)
    if not categories:
        return None
    version = seeded(categories, project=session.project, facet=session.facet, candidate=number)
    if session.store.find_taxonomy(version.taxonomy.taxonomy_id) is None:
        session.store.save([version.taxonomy, *version.changes])
    return version.taxonomy


def validation_texts(session: Session) -> list[str]:
    """Give texts that made no category: those after the sample, or the sample's own last ones where the corpus has no more."""
    sample, wanted = session.project.taxonomy.sample, session.project.taxonomy.validation
    fresh = session.store.sample_texts(first=wanted, skip=sample)
    if len(fresh) < min(wanted, 20):
        fresh = session.store.sample_texts(first=sample)[-wanted:]
    return [document.text for document in fresh]


def sample_of(session: Session, given: Sequence[Summary]) -> Sample:
    """Represent summarised documents; embedding them takes seconds, so that it is done once, and only to make a version."""
    with session.store.reader():
        around, hashes = sample_around(session)
        question = next(facet.question for facet in written_facets(session) if facet.name == session.facet)
    ordered = sorted(given, key=lambda summary: summary.text_hash)
    key = ("sample", around, session.facet, tuple((summary.text_hash, summary.phrase) for summary in ordered))

    def make() -> Sample:
        neighbours = session.store.vectors(session.embedder.embedder_id, hashes)
        return make_sample(ordered, embedder=session.embedder, neighbours=neighbours, around=around, question=question)

    whole = session.remember("candidate measures", key, make)
    place = {text_hash: index for index, text_hash in enumerate(whole.hashes)}
    return whole.part([place[summary.text_hash] for summary in given])


def sample_around(session: Session) -> tuple[str, list[str]]:
    """Give the hash of the list of documents that lie around the sampled ones, and the list."""
    hashes = session.store.sample_hashes(first=AROUND)
    return content_id("around", hashes), hashes
