"""The ways to a taxonomy, each on one interface, so that a user can hold them against one another on one corpus.

tnt is this package's: generate, update, review. Who groups a minibatch is measured: a model that passed the exam's skill
`group` groups by itself and cites what it groups; for a weaker one the vectors group, and the model names, contrasts and
places what is left. clusters and topics are what others do; given takes a person's categories as they are.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from pipeline.embedding import Embedder
from pipeline.records import Taxonomy
from pipeline.serving.contract import Chat
from pipeline.settings import Project
from pipeline.taxonomy.clusters import generate_clusters
from pipeline.taxonomy.grounded import generate_grounded, update_grounded
from pipeline.taxonomy.induce import generate, review, update
from pipeline.taxonomy.sample import Sample
from pipeline.taxonomy.sizing import choose_size
from pipeline.taxonomy.topics import generate_topics
from pipeline.taxonomy.versions import Version

__all__ = ["Induction", "induction"]

WHOLE = 1_000_000  # documents: all of any sample
MODEL_CARRIES = 150  # documents, for a model that a project trusts without an exam
VECTORS_CARRY = 1_000  # documents that vectors group at once without the small groups drowning


class Generate(Protocol):
    """Makes the first version of a candidate, from nothing or from a parent's categories."""

    def __call__(self, sample: Sample, *, parent: Taxonomy | None, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
        """Make it."""


class Update(Protocol):
    """Updates a version with the minibatch that begins at `start` of the sample."""

    def __call__(self, parent: Taxonomy, sample: Sample, *, start: int, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
        """Update it."""


class Review(Protocol):
    """Reviews the last version of a candidate."""

    def __call__(self, parent: Taxonomy, sample: Sample, *, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
        """Review it."""


@dataclass(frozen=True)
class Induction:
    """How one method makes, updates and reviews a candidate, and how many documents it can carry at once."""

    generate: Generate
    update: Update | None
    review: Review | None
    minibatch: int


def induction(project: Project, carries: int) -> Induction:
    """Give the way that a project's settings name.

    :param carries: phrases that the generator can group at once, by the exam; 0 for a model that cannot.
    """
    settings = project.taxonomy
    if settings.method == "clusters":
        return Induction(_clusters, None, None, WHOLE)
    if settings.method == "topics":
        return Induction(_topics, None, None, WHOLE)
    if settings.method == "given":
        return Induction(generate, None, None, WHOLE)  # a person's categories are the first version, and the last
    if settings.grouping == "model" or (settings.grouping == "auto" and carries):
        most = carries or MODEL_CARRIES
        return Induction(partial(generate_grounded, phrases=most), partial(update_grounded, phrases=most), review, most)
    return Induction(generate, update, review, VECTORS_CARRY)


def _clusters(sample: Sample, *, parent: Taxonomy | None, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    """Cluster the texts; where the project gives a range of sizes, at the size that this package chooses on the same texts."""
    spoken = replace(sample, vectors=embedder.embed(sample.texts))
    size, _ = choose_size(spoken, project.taxonomy.size, seed=project.seed)
    return generate_clusters(sample, chat=chat, embedder=embedder, project=project, version_id=version_id, size=size)


def _topics(sample: Sample, *, parent: Taxonomy | None, chat: Chat, embedder: Embedder, project: Project, version_id: str) -> Version:
    return generate_topics(sample, chat=chat, embedder=embedder, project=project, version_id=version_id)
