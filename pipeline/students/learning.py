"""A student from labels: choose among the candidates, then fit the chosen one on everything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pipeline.students.choice import Candidate, Choice, Measure, choose, fit_candidate
from pipeline.students.cleaning import Cleaning, clean
from pipeline.students.fitting import Workshop
from pipeline.students.groups import joined_groups, same_groups
from pipeline.students.material import Material
from pipeline.students.novelty import fit_novelty
from pipeline.students.voices import Voices
from pipeline.students.written_trial import Offered, WrittenTrial, try_written

__all__ = ["MOST_TRIED", "Learnt", "learn"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
MOST_TRIED = 4_000  # labelled documents that candidates are tried on; the chosen one learns from all


@dataclass(frozen=True)
class Learnt:
    """A fitted student, how it was chosen, and which labelled documents (places) `choice.unseen` is about."""

    model: Voices
    choice: Choice
    tried: Ints
    cleaning: Cleaning | None = None  # what was done about doubtful labels, where that was asked for
    written: WrittenTrial | None = None  # what came of examples that a model wrote, where there were any


def learn(
    material: Material,
    candidates: Sequence[Candidate],
    *,
    folds: int,
    seed: int,
    measure: Measure = "agreement",
    doubt: bool = False,
    trusted: Bools | None = None,
    offered: Offered | None = None,
) -> Learnt:
    """Choose a candidate on at most 4,000 labelled documents, drawn at random, and fit it on all.

    Documents that say the same stay on one side of every split.

    :param measure: what decides among candidates, as in `choose`.
    :param doubt: first drop or down-weight doubtful labels where that predicts unseen ones better; of more than 4,000 labels none is doubted.
    :param trusted: which labelled documents (n,) have labels that are known to be right, and are never doubted.
    :param offered: examples that a model wrote, to be used where that predicts unseen labels better.
    :raises TrainingError: where there is too little to learn from.
    """
    with threadpool_limits(1):  # the fits are small: threads bring little, and where others want the processor they wait for one another
        if doubt and len(material.labelled) <= MOST_TRIED:
            grouped = _grouped(material)
            cleaning = clean(grouped, trusted=trusted, folds=folds, seed=seed)
            return replace(_learn(cleaning.material, candidates, folds, seed, measure, offered), cleaning=cleaning)
        return _learn(material, candidates, folds, seed, measure, offered)


def _learn(material: Material, candidates: Sequence[Candidate], folds: int, seed: int, measure: Measure, offered: Offered | None) -> Learnt:
    n = len(material.labelled)
    tried = np.arange(n) if n <= MOST_TRIED else np.sort(np.random.default_rng(seed).permutation(n)[:MOST_TRIED])
    part = material if n <= MOST_TRIED else replace(material.take(tried, tried[:0]), unlabelled=material.unlabelled)
    workshop = Workshop(_grouped(part), folds=folds, seed=seed)
    choice = choose(candidates, workshop, measure=measure)
    whole, trial = workshop if n <= MOST_TRIED else Workshop(material, folds=folds, seed=seed), None
    if offered is not None:
        trial, choice = try_written(replace(offered, judged=offered.judged[tried]), workshop, choice, folds=folds, measure=measure)
        whole = Workshop(trial.added_to(whole.material), folds=folds, seed=seed) if trial.used else whole
    model = fit_candidate(choice, whole)
    model.novelty = fit_novelty(material.everything.vectors, seed=seed).as_arrays()
    return Learnt(model, choice, tried, written=trial)


def _grouped(material: Material) -> Material:
    """Group what says the same: near copies by their vectors, and what the material says of them itself."""
    return replace(material, groups=joined_groups(same_groups(material.labelled.vectors), material.groups))
