"""Groups of like documents, found on vectors.

A small model cannot group many phrases at once, so that the groups are found here and the model names them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans

from pipeline.embedding import Matrix
from pipeline.taxonomy.sample import Group, Sample, unit

__all__ = ["close_groups", "group", "nearest", "outliers", "regroup"]

STARTS = 40
OUTLIER_DEVIATIONS = 2.0


def group(sample: Sample, size: int, *, seed: int) -> list[Group]:
    """Cut a sample into groups by k-means, largest first; the best of many starts, so that another seed finds the same groups."""
    places = KMeans(size, n_init=STARTS, random_state=seed).fit_predict(sample.vectors)
    groups = [sample.ranked(np.flatnonzero(places == place)) for place in np.unique(places)]
    return sorted(groups, key=len, reverse=True)


def outliers(sample: Sample, found: Group) -> set[int]:
    """Find the documents that are much less like the group's centre than its others are."""
    likeness = sample.vectors[list(found.indices)] @ sample.centre(found)
    floor = likeness.mean() - OUTLIER_DEVIATIONS * likeness.std()
    return {index for index, value in zip(found.indices, likeness, strict=True) if value < floor}


def close_groups(sample: Sample, indices: list[int], *, likeness: float, smallest: int) -> list[Group]:
    """Find the groups among some documents whose members are on average at least this alike (cosine), largest first."""
    if len(indices) < max(2, smallest):
        return []
    clustering = AgglomerativeClustering(n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - likeness)
    places = clustering.fit_predict(sample.vectors[indices])
    members = [[index for index, at in zip(indices, places, strict=True) if at == place] for place in np.unique(places)]
    return sorted((sample.ranked(found) for found in members if len(found) >= smallest), key=len, reverse=True)


def regroup(sample: Sample, groups: Mapping[str, Group]) -> dict[str, Group]:
    """Move the documents of groups by k-means that starts from the groups' centres; a group that would empty stays as it is."""
    if len(groups) < 2:
        return dict(groups)
    keys, indices = list(groups), [index for found in groups.values() for index in found.indices]
    centres = np.stack([sample.centre(groups[key]) for key in keys])
    places = KMeans(len(keys), init=centres, n_init=1, max_iter=50).fit_predict(sample.vectors[indices])
    moved = {key: sample.ranked([index for index, at in zip(indices, places, strict=True) if at == place]) for place, key in enumerate(keys)}
    return moved if all(len(found) for found in moved.values()) else dict(groups)


def nearest(sample: Sample, indices: Sequence[int], centres: Matrix) -> dict[int, list[int]]:
    """Give for each centre, by its row, the documents that are more like it than like any other; rows without any are left out."""
    best = (sample.vectors[list(indices)] @ unit(centres).T).argmax(axis=1)
    return {int(place): [index for index, at in zip(indices, best, strict=True) if at == place] for place in np.unique(best)}
