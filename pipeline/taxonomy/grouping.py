"""Groups of like documents, found on vectors.

A small model cannot group many phrases at once, so that the groups are found here and the model names them.
"""

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from pipeline.embedding import Matrix
from pipeline.settings import SizeRange
from pipeline.taxonomy.sample import Group, Sample

__all__ = ["choose_size", "close_groups", "group", "outliers"]

COMPONENTS = 15  # principal components of the mixture: enough for tens of groups, few enough for hundreds of documents
OUTLIER_DEVIATIONS = 2.0


def choose_size(vectors: Matrix, bounds: SizeRange, *, seed: int) -> tuple[int, dict[int, float]]:
    """Choose the number of groups by the BIC of a Gaussian mixture with diagonal covariances (lower is better).

    :return: the number, and the BIC of each number tried (empty where there was nothing to choose).
    """
    most = min(bounds.max, len(vectors) // 2)
    sizes = range(min(bounds.min, most), most + 1)
    if len(sizes) == 1:
        return sizes[0], {}
    reduced = PCA(min(COMPONENTS, *vectors.shape), random_state=seed).fit_transform(vectors)
    curve = {
        size: float(GaussianMixture(size, covariance_type="diag", n_init=5, reg_covar=1e-4, random_state=seed).fit(reduced).bic(reduced))
        for size in sizes
    }
    return min(curve, key=lambda size: curve[size]), curve


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
