"""A logistic regression learns from the teacher's labels and from how the unlabelled documents lie around them.

A few hundred weak labels mislead a classifier; the unlabelled documents know where one group ends and the next begins.
So the labels first spread: each category is a direction, every document belongs softly to the directions it is most
like, labelled ones mostly to their label, and the directions follow (semi-supervised clustering by seeding, Basu et
al., ICML 2002, in its soft spherical form). The regression learns the result, C is chosen by how well it then predicts
labels that it did not see, and its probabilities are cooled by the temperature that fits those labels best.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from pipeline.embedding import Matrix
from pipeline.errors import TrainingError
from pipeline.student_settings import StudentSettings

__all__ = ["METHOD", "Trained", "TrainingSet", "cited_labels", "cross_predict", "soft_labels", "spread", "train"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Numbers = TypeVar("Numbers", bound=npt.NDArray[Any])
METHOD = 5  # raise it whenever a student would come out otherwise from the same labels
SHARPNESS = 30.0  # how fast a document's membership falls with the cosine
ROUNDS = 15
LEAST = 1e-9
CITED = 0.7  # weight of a citation: it was made before the category had a name


@dataclass(frozen=True)
class TrainingSet:
    """What a student learns from.

    `vectors` (n, d) and `soft` (n, k) are the labelled documents and their probabilities over `categories`;
    `cited` (c, d) and `cited_soft` (c, k) are the documents that the categories cite, which were never asked about;
    `unlabelled` (m, d) are further documents.
    """

    categories: tuple[str, ...]
    vectors: Matrix
    soft: Floats
    unlabelled: Matrix
    cited: Matrix = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    cited_soft: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    groups: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.intp))  # (n,) of labelled documents that folds keep together; none when empty

    def take(self, rows: Ints, more: Ints) -> "TrainingSet":
        """Keep the labels of `rows` only; the documents of `more` become unlabelled."""
        unlabelled = _stack(self.unlabelled, self.vectors[more])
        groups = self.groups[rows] if len(self.groups) else self.groups
        return replace(self, vectors=self.vectors[rows], soft=self.soft[rows], unlabelled=unlabelled, groups=groups)

    @property
    def known(self) -> tuple[Matrix, Floats]:
        """Join the labelled and the cited documents with their probabilities."""
        return _stack(self.vectors, self.cited), _stack(self.soft, self.cited_soft)


@dataclass(frozen=True)
class Trained:
    """A fitted student, and how it was chosen."""

    model: LogisticRegression
    categories: tuple[str, ...]
    penalty: float
    temperature: float
    agreement: dict[float, float]  # C: share of unseen labels predicted, mean over the categories, by cross-validation
    used: tuple[str, ...]  # categories that the labels and citations name
    strangers: Floats  # log-probabilities (n, k) of `used` for the labelled documents, by students that did not see their labels


def train(data: TrainingSet, *, settings: StudentSettings, seed: int) -> Trained:
    """Choose C by cross-validation on the labels, fit on everything, and calibrate on the predictions of unseen labels.

    :raises TrainingError: when fewer than two categories have labels, or there are too few labels to hold some out.
    """
    data = _without_empty(data)
    if len(data.categories) < 2 or len(data.vectors) < 2 * settings.folds:
        raise TrainingError(
            f"A student needs labels of at least 2 categories and at least {2 * settings.folds} labelled documents; there are"
            f" {len(data.vectors)} of {len(data.categories)}. Raise annotation.sample, or see the table failures."
        )
    with threadpool_limits(1):  # small fits, whose threads wait for one another where others want the processor
        logits, agreement = _by_strangers(data, settings, seed)
        best = max(sorted(agreement), key=lambda penalty: agreement[penalty])
        temperature = _temperature(logits[best], data.soft)
        model = _fit(*_targets(data, spread_out=settings.unlabelled > 0), best)
    # Dividing the logits by the temperature is the same as dividing the coefficients.
    model.coef_ = model.coef_ / temperature
    model.intercept_ = model.intercept_ / temperature
    names = tuple(data.categories[place] for place in model.classes_)
    strangers = np.log(_softmax(logits[best] / temperature) + LEAST)
    return Trained(model, names, best, temperature, agreement, data.categories, strangers)


def cross_predict(data: TrainingSet, others: Matrix, *, settings: StudentSettings, seed: int) -> tuple[Floats, Floats]:
    """Predict each labelled document by students that did not see its label, and other documents by one that saw all.

    :return: log-probabilities (n, k) and (m, k) over the data's categories, cooled as a student's are.
    :raises TrainingError: as `train` does.
    """
    trained = train(data, settings=settings, seed=seed)
    strangers, all_others = (np.full((rows, len(data.categories)), np.log(LEAST)) for rows in (len(data.vectors), len(others)))
    strangers[:, [data.categories.index(category) for category in trained.used]] = trained.strangers
    if len(others):
        all_others[:, [data.categories.index(category) for category in trained.categories]] = np.log(trained.model.predict_proba(others) + LEAST)
    return strangers, all_others


def _by_strangers(data: TrainingSet, settings: StudentSettings, seed: int) -> tuple[dict[float, Floats], dict[float, float]]:
    """Give for each C the logits of the labelled documents by students that did not see their labels, and how often these agree."""
    logits = {penalty: np.zeros(data.soft.shape) for penalty in settings.penalties}
    for kept, out in _folds(data, settings.folds, seed):
        fold = data.take(kept, out) if settings.unlabelled else data.take(kept, out[:0])
        vectors, targets, weights = _targets(fold, spread_out=settings.unlabelled > 0)
        for penalty in settings.penalties:
            logits[penalty][out] = _logits(_fit(vectors, targets, weights, penalty), data.vectors[out], len(data.categories))
    truth = data.soft.argmax(axis=1)
    return logits, {penalty: _agreement(truth, values.argmax(axis=1)) for penalty, values in logits.items()}


def _folds(data: TrainingSet, folds: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Part the labelled documents, or their groups where there are enough, into (kept, out)."""
    names = np.unique(data.groups)
    parted = KFold(folds, shuffle=True, random_state=seed)
    if len(names) < folds or len(names) == len(data.groups):
        yield from parted.split(data.vectors)
        return
    for _, out in parted.split(names):
        is_out = np.isin(data.groups, names[out])
        yield np.flatnonzero(~is_out), np.flatnonzero(is_out)


def spread(data: TrainingSet) -> Floats:
    """Give every document its membership in each category: labelled, cited, unlabelled; shape (n + c + m, k), rows sum to 1."""
    vectors, soft = data.known
    everything = _stack(vectors, data.unlabelled).astype(np.float64)
    known = len(vectors)
    prior = np.log(soft + LEAST)
    directions = _unit(soft.T @ everything[:known])
    membership = np.zeros((len(everything), len(data.categories)))
    for _ in range(ROUNDS):
        logits = SHARPNESS * (everything @ directions.T)
        logits[:known] += prior
        membership = _softmax(logits)
        directions = _unit(membership.T @ everything)
    return membership


def _targets(data: TrainingSet, *, spread_out: bool) -> tuple[Matrix, Ints, Floats | None]:
    if not spread_out:
        vectors, soft = data.known
        return vectors, soft.argmax(axis=1), soft.max(axis=1)
    return _stack(data.known[0], data.unlabelled), spread(data).argmax(axis=1), None


def _fit(vectors: Matrix, targets: Ints, weights: Floats | None, penalty: float) -> LogisticRegression:
    if len(np.unique(targets)) < 2:
        raise TrainingError("All but a few labels are of one category, so that there is nothing to learn from them. Raise annotation.sample.")
    # Balanced, because a small C otherwise pays for itself by giving up the small categories altogether.
    return LogisticRegression(C=penalty, class_weight="balanced", max_iter=1000).fit(vectors, targets, sample_weight=weights)


def _agreement(truth: Ints, found: Ints) -> float:
    """Average over the categories what share of each one's labels was predicted, so that small ones count as much as large ones."""
    return float(np.mean([(found[truth == category] == category).mean() for category in np.unique(truth)]))


def _logits(model: LogisticRegression, vectors: Matrix, categories: int) -> Floats:
    """Give log-probabilities over all categories, also those that the fold did not hold."""
    values = np.full((len(vectors), categories), np.log(LEAST))
    values[:, model.classes_] = np.log(model.predict_proba(vectors) + LEAST)
    return values


def _temperature(logits: Floats, soft: Floats) -> float:
    def loss(log_temperature: float) -> float:
        probabilities = _softmax(logits / np.exp(log_temperature))
        return float(-(soft * np.log(probabilities + LEAST)).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded").x))


def _without_empty(data: TrainingSet) -> TrainingSet:
    used = data.known[1].sum(axis=0) > LEAST
    categories = tuple(category for category, is_used in zip(data.categories, used, strict=True) if is_used)
    return replace(data, categories=categories, soft=data.soft[:, used], cited_soft=data.cited_soft[:, used] if len(data.cited) else data.cited_soft)


def _stack(first: Numbers, second: Numbers) -> Numbers:
    """Put the rows of one matrix below another's; one without rows may have any width."""
    if not len(second):
        return first
    if not len(first):
        return second
    joined: Numbers = np.concatenate([first, second])  # type: ignore[assignment]
    return joined


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), LEAST))


def cited_labels(categories: Sequence[str], cited: Sequence[str]) -> Floats:
    """Lay out citations, a category id each, as a matrix with rows that sum to 1."""
    matrix = np.full((len(cited), len(categories)), (1 - CITED) / len(categories))
    matrix[np.arange(len(cited)), [categories.index(category) for category in cited]] += CITED
    return matrix


def soft_labels(categories: Sequence[str], probabilities: Sequence[dict[str, float]]) -> Floats:
    """Lay out probabilities by category id as a matrix with rows that sum to 1."""
    matrix = np.array([[row.get(category, 0.0) for category in categories] for row in probabilities], dtype=np.float64)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True)) if len(matrix) else matrix.reshape(0, len(categories))
