"""How far labels reach: to the labelled documents alone, or over the unlabelled ones around them.

A few hundred weak labels mislead a classifier; the unlabelled documents know where one group ends and the next begins.
`spread` clusters all documents from the labelled class means on (Basu et al., ICML 2002); `self_training` adds the surest predictions that
two views agree on, as long as labels that were left out are predicted no worse; `label_spreading` follows the graph of nearest
neighbours (Zhou et al., NIPS 2003).
"""

import warnings

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from pipeline.embedding import Matrix
from pipeline.students.estimators import make_estimator
from pipeline.students.inputs import Inputs, join_inputs
from pipeline.students.material import Material
from pipeline.students.pseudo import iterate_pseudo_labels
from pipeline.students.train import TrainingSet, spread

__all__ = ["WIDENED", "widen"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
WIDENED = ("none", "spread", "self_training", "label_spreading")
NEIGHBOURS = 10
MOST_IN_GRAPH = 6_000  # documents whose neighbours are compared with one another
A_CLASS = 20  # pseudo-labels at most, for each category and round


def widen(material: Material, how: str, *, seed: int) -> tuple[Floats, Floats]:
    """Give all documents what is to be learnt of them: probabilities (n + c + m, k), and weights, 0 for those that teach nothing.

    The order is that of `material.everything`: labelled, cited, unlabelled.

    :raises ValueError: where there is no such way.
    """
    known = len(material.labelled) + len(material.cited)
    soft, weights = _start(material)
    if how == "none":
        return soft, weights
    if how == "spread":
        return _clustered(material), np.where(np.arange(len(soft)) < known, weights, 1.0)
    vectors = material.everything.vectors
    if how == "self_training":
        return _self_trained(vectors, soft, weights, known, seed=seed)
    if how == "label_spreading":
        return _along_graph(vectors, soft, weights, known)
    raise ValueError(f"labels cannot be widened by {how!r}; the ways are {', '.join(WIDENED)}")


def _start(material: Material) -> tuple[Floats, Floats]:
    parts = [material.soft, material.cited_soft] if len(material.cited) else [material.soft]
    blank = np.full((len(material.unlabelled), len(material.categories)), 1.0 / len(material.categories))
    weights = np.concatenate([material.weights, np.ones(len(material.cited)), np.zeros(len(material.unlabelled))])
    return np.concatenate([*parts, blank]), weights


def _clustered(material: Material) -> Floats:
    """Spread labels as far as they count: one of weight 0 is none, and one of less than 1 is that much less sure."""
    counted, ignored = np.flatnonzero(material.weights > 0), np.flatnonzero(material.weights <= 0)
    share = np.minimum(material.weights[counted], 1.0)[:, None]
    labelled, unlabelled = Inputs(material.labelled.vectors), Inputs(material.unlabelled.vectors)
    data = TrainingSet(
        categories=material.categories,
        vectors=labelled.vectors[counted],
        soft=share * material.soft[counted] + (1 - share) / len(material.categories),
        unlabelled=join_inputs(unlabelled, labelled.take(ignored)).vectors,
        cited=material.cited.vectors,
        cited_soft=material.cited_soft,
    )
    found = spread(data)
    others = np.arange(len(labelled), len(found))  # cited and unlabelled
    return np.asarray(found[np.argsort(np.concatenate([counted, others, ignored]))])


def _self_trained(vectors: Matrix, soft: Floats, weights: Floats, known: int, *, seed: int) -> tuple[Floats, Floats]:
    k = soft.shape[1]

    def fit(rows: Matrix, categories: Ints, sure: Floats) -> Floats:
        model = make_estimator("class_means", {}, seed=seed).fit(rows, categories, sample_weight=sure)
        found = np.zeros((len(vectors), k))
        found[:, model.classes_] = model.predict_proba(vectors)
        return found

    labelled = np.flatnonzero(weights[:known] > 0)
    course = iterate_pseudo_labels(fit, vectors, labelled, soft[labelled].argmax(axis=1), size=k, per_class=A_CLASS, seed=seed)
    soft, weights = soft.copy(), weights.copy()
    soft[course.pseudo.places] = np.eye(k)[course.pseudo.categories]
    weights[course.pseudo.places] = course.pseudo.weights
    return soft, weights


def _along_graph(vectors: Matrix, soft: Floats, weights: Floats, known: int) -> tuple[Floats, Floats]:
    most = max(known, MOST_IN_GRAPH)
    places = np.where(weights > 0, soft.argmax(axis=1), -1)[:most]
    model = LabelSpreading(kernel="knn", n_neighbors=min(NEIGHBOURS, len(places) - 1), alpha=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # a document that no label reaches
        model.fit(vectors[:most], places)
    found = np.nan_to_num(model.label_distributions_)
    reached = found.sum(axis=1) > 0
    soft, weights = soft.copy(), weights.copy()
    rows = np.flatnonzero(reached)
    soft[rows] = 0.0
    soft[np.ix_(rows, model.classes_)] = found[rows]
    weights[rows] = np.where(rows < known, weights[rows], 1.0)
    return soft, weights
