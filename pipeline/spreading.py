"""Documents that lie apart from one another: k-means++ (Arthur and Vassilvitskii, 2007), for any number of documents."""

import math

import numpy as np
import numpy.typing as npt
from sklearn.cluster import kmeans_plusplus

from pipeline.embedding import Matrix

__all__ = ["spread_seeds"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
POOL = 20_000  # documents that k-means++ looks at for one block of seeds
BLOCK = 1_000  # seeds that are spread against one another


def spread_seeds(vectors: Matrix, count: int, *, seed: int, weights: Floats | None = None) -> Ints:
    """Choose places that lie far from one another: each by its squared distance to the nearest chosen, times its weight.

    More than 20,000 documents are thinned out at random to that number, and more than 1,000 places are chosen in blocks, each
    from its own part of the documents, so that neither time nor memory grows with the corpus.

    :param vectors: shape (n, d), rows of length 1.
    :param weights: shape (n,), not negative; a document of weight 0 is chosen only when no other is left.
    :return: `count` different places, or all where there are no more; once each distinct vector is chosen, others at random.
    """
    given = np.ones(len(vectors)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(given) != len(vectors) or not np.all(np.isfinite(given)) or np.any(given < 0):
        raise ValueError(f"Expected {len(vectors)} weights, one for each vector, finite and not negative; found {len(given)}, least {given.min()}.")
    count = min(count, len(vectors))
    random = np.random.default_rng(seed)
    order = random.permutation(len(vectors))
    able = order[given[order] > 0]
    blocks = max(1, math.ceil(count / BLOCK))
    found = []
    for block in range(blocks):
        places = able[block::blocks][:POOL]
        wanted = count // blocks + (block < count % blocks)
        found.append(places[_apart(vectors[places], wanted, given[places], seed=int(random.integers(2**31)))])
    spread = np.concatenate(found)
    left = np.setdiff1d(order, spread)
    left = random.permutation(left)
    return np.concatenate([spread, left[np.argsort(given[left] == 0, kind="stable")]])[:count]


def _apart(vectors: Matrix, count: int, weights: Floats, *, seed: int) -> Ints:
    """Choose rows by greedy k-means++, each once; fewer than `count` where vectors repeat."""
    count = min(count, len(vectors))
    if not count:
        return np.zeros(0, dtype=np.intp)
    # In double precision, or scikit-learn converts all of it again for each seed.
    _, rows = kmeans_plusplus(vectors.astype(np.float64), count, sample_weight=weights, random_state=seed)
    return np.array(list(dict.fromkeys(rows.tolist())), dtype=np.intp)
