"""Labels that are wrong: which they probably are, and what a student makes of them.

Classifiers that did not see a label say how likely it is. How many labels are wrong is estimated first, by a mixture: a label is what such
a classifier expects, or else, with the noise rate, any other category alike (random classification noise, Angluin and Laird, 1988).
Then confident learning (Northcutt et al., JAIR 2021, by cleanlab) says which. Alone it flags too many where labels are few, more than
half of 200 labels of 18 categories; so that only those of its choice are flagged that the mixture, too, holds wrong rather than right.

Noise that follows the text looks like knowledge from here: of a teacher who always takes one category for another nothing is flagged.
Only a second annotator finds it.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

__all__ = ["WAYS", "WEIGHINGS", "Suspicion", "bootstrapped", "clean_weights", "cleaned", "robust_weights", "suspects", "to_relabel"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
WAYS = ("none", "downweight", "drop", "bootstrap", "robust")
RATES = np.linspace(0.0, 0.5, 51)  # noise rates that are thought possible
SCALES = np.geomspace(0.3, 8.0, 24)  # classifiers are too unsure of noisy labels: by how much their log-probabilities may be sharpened
OWN = 0.8  # share of a label in a bootstrapped one
CURVE = 0.7  # of the generalised cross-entropy: 0 is the usual one, 1 the mean absolute error
LEAST = 0.05  # weight that the best label of a category keeps
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Suspicion:
    """What is thought of each label, its likeliest category: parallel columns of length n."""

    labels: Ints
    quality: Floats  # probability that it is right, 0 to 1
    flagged: Bools
    noise_rate: float  # share of the labels that is estimated to be wrong at random, 0 to 0.5


def suspects(unseen: Floats, soft: Floats, *, trusted: Bools | None = None) -> Suspicion:
    """Say which labels are probably wrong; of each category the best label is never flagged.

    :param unseen: log-probabilities (n, k) of the labelled documents by classifiers that did not see their labels.
    :param soft: labels as probabilities (n, k).
    :param trusted: which labels (n,) are right whatever a classifier thinks, as a person's are; they do not count in the noise rate.
    :raises ValueError: where the two do not fit together, or there are fewer than two categories.
    """
    if unseen.shape != soft.shape or soft.ndim != 2 or soft.shape[1] < 2:
        raise ValueError(f"Labels of the shape {soft.shape} and predictions of {unseen.shape}; expected the same, with two categories or more.")
    labels, doubted = soft.argmax(axis=1), np.ones(len(soft), dtype=bool) if trusted is None else ~trusted
    if len(np.unique(labels)) < 2 or not doubted.any():  # with one category there is nothing to mistake it for
        return Suspicion(labels, np.ones(len(labels)), np.zeros(len(labels), dtype=bool), 0.0)
    rate, scale = _mixture(unseen[doubted], labels[doubted])
    expected = softmax(scale * unseen, axis=1)
    right, wrong = _chances(expected[np.arange(len(labels)), labels], rate, soft.shape[1])
    quality = np.where(doubted & (right + wrong > 0), right / np.maximum(right + wrong, TINY), 1.0)
    flagged = (quality < 0.5) & _issues(expected, labels) if rate > 0 else np.zeros(len(labels), dtype=bool)
    flagged[_best_of_each(labels, quality)] = False
    return Suspicion(labels, quality, flagged, rate)


def clean_weights(suspicion: Suspicion, how: str) -> Floats:
    """Weigh labels (n,) from 0 to 1: `none` all alike, `drop` flagged ones not at all, `downweight` each by how much likelier right than wrong.

    The best label of a category keeps some weight, whatever is thought of it.

    :raises ValueError: where there is no such way.
    """
    if how not in WEIGHINGS:
        raise ValueError(f"labels cannot be weighed by {how!r}; the ways are {', '.join(WEIGHINGS)}")
    weights = WEIGHINGS[how](suspicion)
    best = _best_of_each(suspicion.labels, suspicion.quality)
    weights[best] = np.maximum(weights[best], LEAST)
    return weights


WEIGHINGS: Mapping[str, Callable[[Suspicion], Floats]] = {
    "none": lambda suspicion: np.ones(len(suspicion.quality)),
    "downweight": lambda suspicion: np.clip(2 * suspicion.quality - 1, 0.0, 1.0),
    "drop": lambda suspicion: (~suspicion.flagged).astype(np.float64),
}


def bootstrapped(soft: Floats, unseen: Floats, *, own: float = OWN) -> Floats:
    """Mix each label with what is predicted of its document (the soft bootstrap of Reed et al., ICLR 2015, with unseen predictions): (n, k).

    :param own: share of the label, 0 to 1.
    """
    return np.asarray(own * soft + (1 - own) * softmax(unseen, axis=1))


def robust_weights(unseen: Floats, soft: Floats, *, curve: float = CURVE) -> Floats:
    """Weigh labels (n,) from 0 to 1 so that cross-entropy with them follows the generalised one (Zhang and Sabuncu, NeurIPS 2018).

    Its gradient is that of the cross-entropy times the probability of the label to the power of `curve`. That of a classifier
    which did not see the label is taken: one that did has learnt it by heart when there are more features than labels.
    """
    return np.asarray(np.clip((softmax(unseen, axis=1) * soft).sum(axis=1), 0.0, 1.0) ** curve)


def cleaned(soft: Floats, weights: Floats, unseen: Floats, how: str, *, trusted: Bools | None = None) -> tuple[Floats, Floats]:
    """Give the labels (n, k) and the weights (n,) that one of WAYS would have a student learn; trusted ones stay as they are.

    Where labels are mixed with predictions (`bootstrap`), candidates must not be judged on the result: it agrees with them by itself.

    :raises ValueError: where there is no such way.
    """
    kept = np.zeros(len(soft), dtype=bool) if trusted is None else trusted
    if how == "bootstrap":
        return np.where(kept[:, None], soft, bootstrapped(soft, unseen)), weights
    if how == "robust":
        return soft, weights * np.where(kept, 1.0, robust_weights(unseen, soft))
    return soft, weights * clean_weights(suspects(unseen, soft, trusted=trusted), how)


def to_relabel(suspicion: Suspicion, *, most: int | None = None) -> Ints:
    """Choose the documents worth another look by a person or an annotator, the most suspicious first, flagged ones only.

    :param most: documents at most; all when absent.
    """
    places = np.flatnonzero(suspicion.flagged)
    return places[np.argsort(suspicion.quality[places], kind="stable")][: None if most is None else max(most, 0)]


def _mixture(unseen: Floats, labels: Ints) -> tuple[float, float]:
    """Find the noise rate, and how much sharper the probabilities are, that make the labels likeliest."""
    best, found = -np.inf, (0.0, 1.0)
    for scale in SCALES:
        likely = softmax(scale * unseen, axis=1)[np.arange(len(labels)), labels]
        right, wrong = _chances(likely, RATES[:, None], unseen.shape[1])
        fits = np.log(right + wrong + TINY).mean(axis=1)
        if fits.max() > best:
            best, found = fits.max(), (float(RATES[fits.argmax()]), float(scale))
    return found


def _chances(likely: Floats, rate: float | Floats, categories: int) -> tuple[Floats, Floats]:
    """Give the probability of each label by being right, and by being wrong, where `likely` (n,) is what a classifier expects of it."""
    return (1 - rate) * likely, rate * (1 - likely) / (categories - 1)


def _issues(expected: Floats, labels: Ints) -> Bools:
    from cleanlab.filter import find_label_issues  # here, because it imports pandas, which takes seconds

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="May not flag all label issues")  # of a category with one label, which is never flagged
        return np.asarray(find_label_issues(labels, expected, n_jobs=1), dtype=bool)


def _best_of_each(labels: Ints, quality: Floats) -> Ints:
    order = np.lexsort((-quality, labels))
    return order[np.unique(labels[order], return_index=True)[1]]
