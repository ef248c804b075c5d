"""Pseudo-labels: predictions that are sure enough to be learnt from, as labels are.

Kept are those that two views agree on, from all over a category and not one spot of it, the same number for each category
(the reliability, diversity and balance of ReDB). FedLabel would take the surer view where they differ; here neither is
taken. A student learns from them, labels anew, and so on ("Enhancing CLIP with CLIP"), but only as long as it predicts labels
that it did not see no worse: one round without that guard has more than halved the agreement with the gold categories.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans
from sklearn.model_selection import KFold

from pipeline.embedding import Matrix
from pipeline.spreading import spread_seeds

__all__ = ["PseudoLabels", "PseudoRounds", "choose_pseudo_labels", "cluster_view", "iterate_pseudo_labels", "neighbour_view"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Fit = Callable[[Matrix, Ints, Floats], Floats]
NEIGHBOURS = 10
SHARPNESS = 10.0  # how fast a neighbour's vote falls with its cosine
CLUSTERS = 4  # for each category
BLOCK = 4096  # documents compared with all labelled ones at once
MOST_ROUNDS = 3


@dataclass(frozen=True)
class PseudoLabels:
    """Documents that a student may learn from as if they were labelled: parallel columns, by category and the surest first."""

    places: Ints
    categories: Ints
    weights: Floats  # above 0, at most 1

    def __len__(self) -> int:
        """Count them."""
        return len(self.places)


@dataclass(frozen=True)
class PseudoRounds:
    """What came of the rounds: the pseudo-labels of the last one kept, the student's probabilities (n, k), and how each round did.

    `agreements` holds the share of left-out labels predicted, mean over the categories, before any round and after each one tried.
    """

    pseudo: PseudoLabels
    probabilities: Floats
    agreements: tuple[float, ...]
    kept: int

    @property
    def words(self) -> str:
        """Say which rounds were kept, and why."""
        if len(self.agreements) < 2:
            return "No pseudo-label was tried: too few labels to leave some out and see whether it helps, or no document that both views agree on."
        course = ", ".join(f"{agreement:.3f}" for agreement in self.agreements)
        ending = "" if self.kept == len(self.agreements) - 1 else " The last one did worse and was undone."
        return (
            f"Agreement with left-out labels before and after each round: {course}; {self.kept} kept, with {len(self.pseudo)} pseudo-labels.{ending}"
        )


NOTHING = PseudoLabels(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), np.zeros(0))


def neighbour_view(vectors: Matrix, labelled: Ints, categories: Ints, *, size: int) -> Floats:
    """Let the nearest labelled documents of each document vote for its category, nearer ones more.

    :param categories: of the documents at `labelled`; `size` is the number of categories that there are.
    :return: shape (n, size), rows sum to 1.
    """
    votes = np.zeros((len(vectors), size))
    near = min(NEIGHBOURS, len(labelled))
    for start in range(0, len(vectors), BLOCK):
        cosines = (vectors[start : start + BLOCK] @ vectors[labelled].T).astype(np.float64)
        best = np.argpartition(-cosines, near - 1, axis=1)[:, :near]
        weights = np.exp(SHARPNESS * np.take_along_axis(cosines, best, axis=1))
        rows = np.repeat(np.arange(start, start + len(cosines)), near)
        np.add.at(votes, (rows, categories[best].ravel()), weights.ravel())
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def cluster_view(vectors: Matrix, probabilities: Floats, *, seed: int) -> Floats:
    """Give each document the mean probabilities of its cluster, which k-means found without them; shape (n, k)."""
    clusters = min(CLUSTERS * probabilities.shape[1], len(vectors))
    found = MiniBatchKMeans(clusters, random_state=seed, n_init=1).fit_predict(vectors)
    sums = np.zeros((clusters, probabilities.shape[1]))
    np.add.at(sums, found, probabilities)
    return np.asarray((sums / np.maximum(np.bincount(found, minlength=clusters), 1)[:, None])[found])


def choose_pseudo_labels(student: Floats, other: Floats | None, vectors: Matrix, *, labelled: Ints, per_class: int, seed: int) -> PseudoLabels:
    """Choose predictions to learn from: where two views agree, from the surer half of each category, spread over it.

    :param student: probabilities of the student, shape (n, k).
    :param other: those of a second view, as of the annotator or of `neighbour_view`; where None, of `cluster_view`.
    :param labelled: places that have a label, which are never chosen.
    :param per_class: most for each category; fewer where the views agree on fewer.
    """
    second = cluster_view(vectors, student, seed=seed) if other is None else other
    if student.shape != second.shape or len(vectors) != len(student):
        raise ValueError(f"Expected two views of {len(vectors)} documents and the same categories; found {student.shape} and {second.shape}.")
    predicted = student.argmax(axis=1)
    agrees = predicted == second.argmax(axis=1)
    agrees[labelled] = False
    rows = np.arange(len(student))
    sureness = np.sqrt(student[rows, predicted] * second[rows, predicted])
    groups = [np.flatnonzero(agrees & (predicted == category)) for category in range(student.shape[1])]
    places = np.concatenate([_spread(group, sureness, vectors, most=per_class, seed=seed) for group in groups])
    return PseudoLabels(places, predicted[places], np.clip(sureness[places], np.finfo(float).tiny, 1.0))


def _spread(places: Ints, sureness: Floats, vectors: Matrix, *, most: int, seed: int) -> Ints:
    """Choose from the surer half of some places, apart from one another; the surest first."""
    surest = places[np.argsort(-sureness[places], kind="stable")][: (len(places) + 1) // 2]
    apart = spread_seeds(vectors[surest], most, seed=seed, weights=sureness[surest]) if len(surest) > most else np.arange(len(surest))
    return surest[np.sort(apart)]


@dataclass(frozen=True)
class _Course:
    """One student's course: the labels that it knows, a second view made of them, and what it thinks after its last round."""

    fit: Fit
    vectors: Matrix
    known: Ints  # places of the labels
    categories: Ints
    view: Floats
    probabilities: Floats
    pseudo: PseudoLabels = NOTHING

    def step(self, labelled: Ints, *, per_class: int, seed: int) -> "_Course":
        """Choose pseudo-labels by what the student thinks now, and learn from them beside the labels."""
        pseudo = choose_pseudo_labels(self.probabilities, self.view, self.vectors, labelled=labelled, per_class=per_class, seed=seed)
        places, categories = np.concatenate([self.known, pseudo.places]), np.concatenate([self.categories, pseudo.categories])
        weights = np.concatenate([np.ones(len(self.known)), pseudo.weights])
        return replace(self, probabilities=self.fit(self.vectors[places], categories, weights), pseudo=pseudo)


def iterate_pseudo_labels(
    fit: Fit, vectors: Matrix, labelled: Ints, categories: Ints, *, size: int, per_class: int, seed: int, rounds: int = MOST_ROUNDS, folds: int = 5
) -> PseudoRounds:
    """Let a student learn from its own surest predictions, round by round, as long as it predicts left-out labels no worse.

    Each round is judged by cross-validation: students that learnt without a fold of the labels choose their own pseudo-labels,
    learn from them, and predict that fold. The one that learns from all labels takes the round only when it is kept.

    :param fit: trains a student on vectors, categories and weights, and returns its probabilities (n, size) for all of `vectors`.
    :param labelled: places of the labelled documents; `categories` are their labels, and `size` the number of categories that there are.
    :param rounds: at most 3 are run, and none with fewer than two labels a fold.
    """
    if len(labelled) != len(categories) or np.any((categories < 0) | (categories >= size)):
        raise ValueError(
            f"Expected a category from 0 to {size - 1} for each of {len(labelled)} labelled documents; found {sorted(set(categories.tolist()))}."
        )
    whole = _begin(fit, vectors, labelled, categories, size)
    if len(labelled) < 2 * folds:
        return PseudoRounds(NOTHING, whole.probabilities, (), 0)
    splits = list(KFold(folds, shuffle=True, random_state=seed).split(labelled))
    outs = [out for _, out in splits]
    courses = [_begin(fit, vectors, labelled[rows], categories[rows], size) for rows, _ in splits]
    agreements, kept = [_agreement(courses, outs, labelled, categories)], 0
    for _ in range(min(rounds, MOST_ROUNDS)):
        courses = [course.step(labelled, per_class=per_class, seed=seed) for course in courses]
        if not any(len(course.pseudo) for course in courses):
            break
        agreements.append(_agreement(courses, outs, labelled, categories))
        if agreements[-1] < agreements[-2]:
            break
        whole, kept = whole.step(labelled, per_class=per_class, seed=seed), kept + 1
    return PseudoRounds(whole.pseudo, whole.probabilities, tuple(agreements), kept)


def _begin(fit: Fit, vectors: Matrix, known: Ints, categories: Ints, size: int) -> _Course:
    view = neighbour_view(vectors, known, categories, size=size)
    return _Course(fit, vectors, known, categories, view, fit(vectors[known], categories, np.ones(len(known))))


def _agreement(courses: Sequence[_Course], outs: Sequence[Ints], labelled: Ints, categories: Ints) -> float:
    """Average over the categories what share of each one's labels was predicted by the student that did not see them."""
    right = np.zeros(len(labelled), dtype=bool)
    for course, out in zip(courses, outs, strict=True):
        right[out] = course.probabilities[labelled[out]].argmax(axis=1) == categories[out]
    return float(np.mean([right[categories == category].mean() for category in np.unique(categories)]))
