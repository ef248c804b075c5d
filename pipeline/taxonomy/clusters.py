"""The method `clusters`: cluster the vectors of the texts alone, then have the model name each cluster against the one most like it.

Phrases take no part in the clustering, only in the naming. A name that is refused in every round is replaced by the
cluster's most frequent phrase, and the change's reason says so. Every name is unique at the end.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans

from pipeline.answers import CategoryAnswer
from pipeline.embedding import Embedder
from pipeline.errors import TaxonomyError
from pipeline.fitting import fit_texts, shown_hashes
from pipeline.prompts import load_prompt
from pipeline.serving.contract import Chat, Question, Structured
from pipeline.settings import Project
from pipeline.taxonomy.naming import alike_names, why_refused
from pipeline.taxonomy.sample import Group, Sample
from pipeline.taxonomy.versions import Draft, Version
from pipeline.text import tidy_description

__all__ = ["CLUSTERS_PROMPTS", "Algorithm", "generate_clusters"]

Algorithm = Literal["kmeans", "hdbscan"]
CLUSTERS_PROMPTS = ("contrast",)  # what the versions of this method are made with
PHRASES, TEXTS = 12, 6  # shown of the cluster
OTHER_PHRASES, OTHER_TEXTS = 6, 3  # and of the one it is told apart from
ROUNDS = 4
FEWEST_ALIKE = 5  # documents of the smallest cluster of HDBSCAN, or one in a hundred where that is more


@dataclass(frozen=True)
class _Cluster:
    """A cluster, the one most like it, the names that were refused with the reasons, and the name it has."""

    found: Group
    other: Group
    refusals: tuple[tuple[str, str], ...] = ()
    name: str = ""
    description: str = ""
    reason: str = ""

    def refused(self, name: str, why: str) -> "_Cluster":
        return replace(self, refusals=(*self.refusals, (name, why)), name="")


def generate_clusters(
    sample: Sample, *, chat: Chat, embedder: Embedder, project: Project, version_id: str, size: int | None = None, algorithm: Algorithm = "kmeans"
) -> Version:
    """Make a taxonomy of clusters.

    :param size: number of clusters for k-means; `taxonomy.size` when absent. Fewer where there are fewer distinct texts.
    :raises TaxonomyError: where `size` is absent and `taxonomy.size` is a range, where there is no document, or no cluster.
    """
    if not len(sample):
        raise TaxonomyError("There are 0 summarised documents to cluster and at least 1 is needed. Add documents, or see why none was summarised.")
    spoken = replace(sample, vectors=embedder.embed(sample.texts))
    groups = _hdbscan(spoken) if algorithm == "hdbscan" else _kmeans(spoken, _size(size, project), seed=project.seed)
    draft = Draft(version_id, spoken)
    for cluster in _named(groups, spoken, chat=chat, embedder=embedder, project=project):
        draft.add(cluster.name, cluster.description, cluster.found, cluster.reason)
    note = f"{algorithm} on the vectors of {len(sample)} texts: {len(groups)} clusters, {len(draft.uncited())} documents in none"
    return draft.finish("generate", use_case=project.use_case, method="clusters", note=note)


def _size(size: int | None, project: Project) -> int:
    bounds = project.taxonomy.size
    if size is None and bounds.min != bounds.max:
        raise TaxonomyError(
            f"k-means needs one number of clusters and taxonomy.size is {bounds.min} to {bounds.max}; give an exact size, or use HDBSCAN."
        )
    return bounds.max if size is None else size


def _kmeans(sample: Sample, size: int, *, seed: int) -> list[Group]:
    distinct = len(np.unique(sample.vectors, axis=0))
    places = KMeans(min(size, distinct), n_init=10, random_state=seed).fit_predict(sample.vectors)
    return _groups(sample, places)


def _hdbscan(sample: Sample) -> list[Group]:
    smallest = max(FEWEST_ALIKE, len(sample) // 100)
    clustering = HDBSCAN(min_cluster_size=smallest, min_samples=1, copy=True)
    groups = _groups(sample, clustering.fit_predict(sample.vectors)) if len(sample) >= smallest else []
    if not groups:
        raise TaxonomyError(f"HDBSCAN found no {smallest} alike among {len(sample)} documents, and so no cluster; use k-means, or add documents.")
    return groups


def _groups(sample: Sample, places: Sequence[int]) -> list[Group]:
    """List the clusters, largest first; a place below 0 is noise."""
    numbers = np.asarray(places)
    groups = [sample.ranked(np.flatnonzero(numbers == number)) for number in np.unique(numbers) if number >= 0]
    return sorted(groups, key=len, reverse=True)


def _named(groups: Sequence[Group], sample: Sample, *, chat: Chat, embedder: Embedder, project: Project) -> list[_Cluster]:
    """Ask for all names at once, then again, round by round, for those that were refused; the larger cluster keeps a name."""
    clusters = [_Cluster(found, other) for found, other in zip(groups, _most_alike(groups, sample), strict=True)]
    pose = _poser(sample, chat, project)
    for round_ in range(ROUNDS):
        waiting = [place for place, cluster in enumerate(clusters) if not cluster.name]
        for place, answer in zip(waiting, chat.ask(pose(clusters[place], round_) for place in waiting), strict=True):
            clusters[place] = _judged(clusters[place], answer.value, _names(clusters), use_case=project.use_case)
        if round_ + 1 < ROUNDS:
            clusters = _told_apart(clusters, embedder)
    for place, cluster in enumerate(clusters):
        if not cluster.name:
            clusters[place] = _by_phrase(cluster, sample, _names(clusters), use_case=project.use_case)
    return clusters


def _most_alike(groups: Sequence[Group], sample: Sample) -> list[Group]:
    """Find for each group the other one with the most like centre; an empty group where it is the only one."""
    if len(groups) == 1:
        return [Group(())]
    centres = np.stack([sample.centre(found) for found in groups])
    likeness = centres @ centres.T
    np.fill_diagonal(likeness, -np.inf)
    return [groups[place] for place in likeness.argmax(axis=1)]


def _poser(sample: Sample, chat: Chat, project: Project) -> Callable[[_Cluster, int], Question]:
    prompt = load_prompt("contrast")
    about = {"use_case": project.use_case, "language": project.taxonomy.language}
    if project.taxonomy.language == "document":
        about["language"] = "English"

    def pose(cluster: _Cluster, round_: int) -> Question:
        texts = sample.spread_texts(cluster.found, TEXTS)
        others = sample.spread_texts(cluster.other, OTHER_TEXTS) if len(cluster.other) else []
        listed = {"phrases": sample.counted_phrases(cluster.found, PHRASES), "other_phrases": sample.counted_phrases(cluster.other, OTHER_PHRASES)}
        messages = fit_texts(
            lambda shown: prompt.render(texts=shown[: len(texts)], other_texts=shown[len(texts) :], refusals=cluster.refusals, **listed, **about),
            [*texts, *others],
            chat=chat,
            max_tokens=prompt.about.max_tokens,
        )
        temperature = prompt.about.temperature + 0.1 * max(0, round_ - 1)
        form, seed, shown = Structured(CategoryAnswer), project.seed + round_, shown_hashes([*texts, *others])
        return Question("generate", prompt.fingerprint, messages, form, prompt.about.max_tokens, temperature, seed, shown)

    return pose


def _names(clusters: Iterable[_Cluster]) -> list[str]:
    return [cluster.name for cluster in clusters if cluster.name]


def _judged(cluster: _Cluster, value: object, taken: Sequence[str], *, use_case: str) -> _Cluster:
    if not isinstance(value, CategoryAnswer):
        return cluster.refused("(no answer)", "the answer could not be read")
    name = " ".join(value.name.split())
    if why := why_refused(name, use_case=use_case, taken=taken):
        return cluster.refused(name, why)
    description = tidy_description(value.description)
    return replace(cluster, name=name, description=description, reason="named by the model, against the cluster most like it")


def _told_apart(clusters: Sequence[_Cluster], embedder: Embedder) -> list[_Cluster]:
    """Refuse the name of the smaller of two clusters whose names are one to a reader."""
    told = list(clusters)
    named = [place for place, cluster in enumerate(clusters) if cluster.name]
    for pair in alike_names([clusters[place].name for place in named], embedder=embedder):
        larger, smaller = named[pair.first], named[pair.second]
        if pair.same and told[larger].name and told[smaller].name:
            told[smaller] = told[smaller].refused(told[smaller].name, f"too much like {told[larger].name}, the name of another group")
    return told


def _by_phrase(cluster: _Cluster, sample: Sample, taken: Sequence[str], *, use_case: str) -> _Cluster:
    """Name a cluster after its most frequent phrase that is a name, else by a number."""
    last, why = cluster.refusals[-1]
    told = f"the model's name {last!r} was refused: {why}"
    for phrase, _ in sample.counted_phrases(cluster.found, len(cluster.found)):
        if why_refused(phrase, use_case=use_case, taken=taken) is None:
            reason = f"named after its most frequent phrase; {told}"
            return replace(cluster, name=phrase.title(), description=f"Texts about {phrase}.", reason=reason)
    number = next(number for number in range(1, len(taken) + 2) if f"Cluster {number}" not in taken)
    return replace(cluster, name=f"Cluster {number}", description="Texts that no phrase names.", reason=f"left without a name; {told}")
