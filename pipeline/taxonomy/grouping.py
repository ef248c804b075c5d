"""Groups of like documents, found on vectors.

A small model cannot group many phrases at once, so that the groups are found here and the model names them.
"""

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans

from pipeline.settings import SizeRange
from pipeline.taxonomy.sample import Group, Sample

__all__ = ["close_groups", "first_size", "group", "outliers"]

ENOUGH = 12  # documents a group
OUTLIER_DEVIATIONS = 2.0


def first_size(documents: int, bounds: SizeRange) -> int:
    """Choose how many groups to start from: the most that is wanted, as far as each can have enough documents to be named by.

    What is cut too finely gets one name twice and is merged; what is cut too coarsely stays mixed whatever its name.
    """
    return min(bounds.max, max(bounds.min, documents // ENOUGH), documents // 2)


def group(sample: Sample, size: int, *, seed: int) -> list[Group]:
    """Cut a sample into groups by k-means, largest first."""
    places = KMeans(size, n_init=20, random_state=seed).fit_predict(sample.vectors)
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
