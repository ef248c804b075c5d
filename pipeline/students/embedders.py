"""Which embedder suits a corpus: how well a quick classifier learns the labels from each one's vectors, and how long the vectors take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Embedder, Matrix
from pipeline.students.choice import Candidate, choose
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.groups import same_groups
from pipeline.students.inputs import Inputs
from pipeline.students.material import Material

__all__ = ["EmbeddedDocuments", "EmbedderChoice", "EmbedderTrial", "compare_embedders", "embed_timed"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
PENALTIES = (1.0, 10.0)  # of the quick classifier, chosen for each embedder by itself


@dataclass(frozen=True)
class EmbeddedDocuments:
    """The labelled documents as one embedder sees them, and what it took."""

    embedder_id: str
    vectors: Matrix  # (n, d), unit length
    seconds: float  # for a thousand documents


@dataclass(frozen=True)
class EmbedderTrial:
    """How one embedder did: agreement of a classifier on its vectors with labels that the classifier had not seen."""

    embedder_id: str
    agreement: float  # mean probability, by the teacher, of what was predicted, 0 to 1
    low: float
    high: float
    n: int
    seconds: float  # for a thousand documents


@dataclass(frozen=True)
class EmbedderChoice:
    """The embedder chosen, all trials in the order given, and why it was chosen."""

    embedder_id: str
    trials: tuple[EmbedderTrial, ...]
    reason: str


def embed_timed(embedder: Embedder, texts: Sequence[str]) -> EmbeddedDocuments:
    """Embed texts and time it; loading is not counted.

    :raises ValueError: where there is no text.
    """
    if not texts:
        raise ValueError("There are no texts to time an embedder on.")
    embedder.embed(texts[:1])
    began = time.perf_counter()
    vectors = embedder.embed(texts)
    return EmbeddedDocuments(embedder.embedder_id, vectors, 1000 * (time.perf_counter() - began) / len(texts))


def compare_embedders(
    embedded: Sequence[EmbeddedDocuments], soft: Floats, *, groups: Ints | None = None, folds: int = 5, seed: int = 42
) -> EmbedderChoice:
    """Choose the fastest embedder whose agreement lies in the interval of the best one's, which may be the best itself.

    Each is judged by a balanced logistic regression, cross-validated on the same folds; its C is found on the other folds alone.

    :param soft: the teacher's probabilities of the documents over the categories, (n, k), rows that sum to 1.
    :param groups: names what may not stand on both sides of a split, (n,); near copies by the first embedder's vectors when absent.
    :raises ValueError: no embedder, or not as many vectors as labels.
    :raises TrainingError: where the labels of a fold are all of one category.
    """
    if not embedded:
        raise ValueError("There is no embedder to compare.")
    if wrong := [f"{one.embedder_id} has {len(one.vectors)}" for one in embedded if len(one.vectors) != len(soft)]:
        raise ValueError(f"Expected {len(soft)} vectors, one for each label; {', '.join(wrong)}.")
    together = same_groups(embedded[0].vectors) if groups is None else groups
    trials = tuple(_tried(one, soft, together, folds=folds, seed=seed) for one in embedded)
    best = max(trials, key=lambda trial: (trial.agreement, -trial.seconds))
    chosen = min((trial for trial in trials if trial.agreement >= best.low), key=lambda trial: trial.seconds)
    return EmbedderChoice(chosen.embedder_id, trials, _reason(chosen, best, trials))


def _tried(one: EmbeddedDocuments, soft: Floats, groups: Ints, *, folds: int, seed: int) -> EmbedderTrial:
    categories = tuple(str(place) for place in range(soft.shape[1]))
    material = Material(categories, Inputs(one.vectors), soft, np.ones(len(soft)), groups).used()
    voice = Voice("embedding", "logistic_regression", chosen=(("C", PENALTIES),))
    trial = choose([Candidate("logistic regression", (voice,))], Workshop(material, folds=folds, seed=seed)).trials[0]
    return EmbedderTrial(one.embedder_id, trial.agreement, trial.low, trial.high, trial.n, one.seconds)


def _reason(chosen: EmbedderTrial, best: EmbedderTrial, trials: Sequence[EmbedderTrial]) -> str:
    if len(trials) == 1:
        return f"{_told(chosen)}. It was the only one."
    if chosen is not best:
        return f"{_told(chosen)}: the fastest within the interval of the best, {_told(best)}."
    faster = [trial for trial in trials if trial.seconds < best.seconds]
    if not faster:
        return f"{_told(best)}: the best, and the fastest."
    return f"{_told(best)}: the best; what is faster lies below its interval: {'; '.join(map(_told, faster))}."


def _told(trial: EmbedderTrial) -> str:
    figures = f"agreement {trial.agreement:.3f} ({trial.low:.3f} to {trial.high:.3f}, n = {trial.n})"
    return f"{trial.embedder_id} with {figures} and {trial.seconds:.2g} s for a thousand documents"
