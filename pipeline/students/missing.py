"""Labels that are missing where documents may have several: a label that was not given is no proof that it does not apply.

A classifier that learns what was named finds less than what applies, by one factor for each label as long as labels go missing at
random: how sure it is of documents that name the label (Elkan and Noto, KDD 2008). Where hard cases go missing more often than plain
ones, the factor is too near 1 and too little is made up for.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["likely_labels", "named_shares", "rows_of_likely"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
LEAST_SHARE = 0.05  # of the labels that apply, which is named at least: nothing is made twenty times likelier than it was found
LEAST = 1e-9


def named_shares(unseen: Floats, named: Bools) -> Floats:
    """Estimate which share of the documents that a label applies to name it (k,), from 0.05 to 1; 1 of a label that none names.

    :param unseen: probability (n, k) that a document names a label, by classifiers that did not see which it names.
    :param named: the labels that were given (n, k).
    :raises ValueError: where the two do not fit together.
    """
    if unseen.shape != named.shape:
        raise ValueError(f"Labels of the shape {named.shape} and predictions of {unseen.shape}; expected the same.")
    counts = named.sum(axis=0)
    shares = (unseen * named).sum(axis=0) / np.maximum(counts, 1)
    return np.asarray(np.where(counts > 0, np.clip(shares, LEAST_SHARE, 1.0), 1.0))


def likely_labels(unseen: Floats, named: Bools) -> Floats:
    """Give the probability that each label applies to each document (n, k): 1 where it is named.

    The parameters are those of `named_shares`.
    """
    shares = named_shares(unseen, named)
    odds = unseen / np.maximum(1 - unseen, LEAST)
    return np.asarray(np.where(named, 1.0, np.clip((1 - shares) / shares * odds, 0.0, 1.0)))


def rows_of_likely(likely: Floats) -> tuple[Ints, Bools, Floats]:
    """Lay one label's probabilities (n,) out as rows for a classifier: which document, whether the label applies, and with what weight."""
    places, rest = np.flatnonzero(likely > 0), np.flatnonzero(likely < 1)
    applies = np.arange(len(places) + len(rest)) < len(places)
    return np.concatenate([places, rest]), applies, np.concatenate([likely[places], 1 - likely[rest]])
