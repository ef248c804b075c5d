"""How many categories: an exact number, or the best within a range by a stated rule."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from pipeline.embedding import Matrix
from pipeline.settings import SizeRange
from pipeline.taxonomy.sample import Sample

__all__ = ["choose_size"]

COMPONENTS = 10
EACH_COMPONENT = 30  # documents: a mixture in more dimensions than a small sample can fill is always found to be of two
FEWEST = 5  # documents a category, on average


def choose_size(sample: Sample, bounds: SizeRange, *, seed: int) -> tuple[int, list[tuple[int, float]]]:
    """Choose how many groups to cut a sample into, and give the curve of (size, score) that it was chosen by; lower is better."""
    most = max(2, min(bounds.max, len(sample) // FEWEST))
    fewest = min(bounds.min, most)
    if fewest == most:
        return most, []
    points = PCA(_components(len(sample)), random_state=seed).fit_transform(sample.vectors if sample.alone is None else sample.alone)
    sizes = sorted({int(size) for size in np.unique(np.geomspace(fewest, most, 24).round())})
    curve = [(size, _bic(points, size, seed)) for size in sizes]
    return min(curve, key=lambda point: point[1])[0], curve


def _components(documents: int) -> int:
    return min(COMPONENTS, max(2, documents // EACH_COMPONENT), documents - 1)


def _bic(points: Matrix, size: int, seed: int) -> float:
    mixture = GaussianMixture(size, covariance_type="diag", n_init=2, random_state=seed, reg_covar=1e-4)
    return float(mixture.fit(points).bic(points))
