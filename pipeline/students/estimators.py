"""The classifiers a student may be, each with the grid that its settings are chosen from.

Logistic regression, LightGBM and a two-layer perceptron with the grids of TnT-LLM (section 4.2); the nearest class mean and the
nearest labelled documents, which need no fitting to speak of. All learn from hard labels with weights: a soft label is
laid out as a row for each category that it names.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from pipeline.students.fine_tuned import FineTuned
from pipeline.students.means import CardVotes, ClassMeans, NearestVotes
from pipeline.students.shifting import ShiftedRegression

__all__ = ["KINDS", "grid_of", "make_estimator", "rows_of_soft"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Grid = Mapping[str, Sequence[Any]]

KINDS: Mapping[str, Grid] = {
    "logistic_regression": {"C": (1.0, 3.0, 10.0)},
    "lightgbm": {"max_depth": (3, 5, 7, 9)},
    "mlp": {"hidden_layer_sizes": ((32,), (64,), (128,), (256,))},
    "neighbours": {"neighbours": (5, 15, 30)},
    "class_means": {"sharpness": (30.0,)},
    "cards": {"sharpness": (40.0,)},
    "fine_tuned": {"epochs": (3,), "layers": (2,)},
}
MOST_PARTS, LEAST_PART = 5, 0.02  # of a soft label: how many categories it is laid out over, and the least share that counts


def grid_of(kind: str, chosen: Mapping[str, Sequence[Any]] | None = None) -> list[dict[str, Any]]:
    """List the settings to choose from; `chosen` replaces the usual values of the parameters that it names.

    :raises ValueError: where there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(_unknown(kind))
    values = {**KINDS[kind], **(chosen or {})}
    return [dict(zip(values, point, strict=True)) for point in product(*values.values())]


def make_estimator(kind: str, settings: Mapping[str, Any], *, seed: int) -> Any:
    """Make an unfitted classifier; balanced over the categories, which weak labels need, where it can be.

    :raises ValueError: where there is no such kind.
    """
    if kind == "logistic_regression" and "shift" in settings:
        return ShiftedRegression(**settings)
    if kind == "logistic_regression":
        # Balanced, because a small C otherwise pays for itself by giving up the small categories altogether.
        return LogisticRegression(class_weight="balanced", max_iter=1000, **settings)
    if kind == "lightgbm":
        from lightgbm import LGBMClassifier  # here, because most students are none

        usual = {"num_leaves": 31, "n_estimators": 100, "min_child_samples": 5, "class_weight": "balanced"}
        return LGBMClassifier(**{**usual, **settings}, random_state=seed, n_jobs=1, deterministic=True, force_row_wise=True, verbosity=-1)
    if kind == "mlp":
        return MLPClassifier(early_stopping=False, max_iter=300, alpha=1e-3, random_state=seed, **settings)
    if kind == "neighbours":
        return NearestVotes(**settings)
    if kind == "class_means":
        return ClassMeans(**settings)
    if kind == "fine_tuned":
        return FineTuned(**settings, seed=seed)
    if kind == "cards":
        return CardVotes(**settings)
    raise ValueError(_unknown(kind))


def _unknown(kind: str) -> str:
    return f"no student is of the kind {kind!r}; the kinds are {', '.join(KINDS)}"


def rows_of_soft(soft: Floats, weights: Floats | None = None) -> tuple[Ints, Ints, Floats]:
    """Lay soft labels (n, k) out as labelled rows: which document, which category, and with what weight.

    A document's rows weigh as much as its weight together; at most 5 categories of it count, and none below a share of .02.
    """
    most = min(MOST_PARTS, soft.shape[1])
    places = np.argpartition(-soft, most - 1, axis=1)[:, :most]
    shares = np.take_along_axis(soft, places, axis=1)
    shares = np.where(shares >= np.minimum(LEAST_PART, shares.max(axis=1, keepdims=True)), shares, 0.0)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    shares *= 1.0 if weights is None else weights[:, None]
    rows, parts = np.nonzero(shares)
    return rows, places[rows, parts], shares[rows, parts]
