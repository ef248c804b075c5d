"""Whether one labeller is better than another on the same texts: the difference in accuracy with its interval, and McNemar's test.

Where gold labels are names of categories, a label is right or wrong by its name. Where they are not, and always beside the clusters,
categories are matched one to one to gold labels: for the interval anew in every resample, since the matching is fitted as well; for
the test once on all texts, which flatters both alike.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from pipeline.evaluation.judged import GOLD, TEACHER, Judged, Labels
from pipeline.evaluation.metrics import Figure, share
from pipeline.evaluation.rivals import BASELINES
from pipeline.gold import gold_labels
from pipeline.records import Evaluation

__all__ = ["comparisons", "gain", "mcnemar"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
INTERVAL = (0.025, 0.975)
COMPARED = ("teacher", "student")
LEARNT = ("majority", "tfidf")  # the baselines that learn from the teacher, so that agreement with it says something of them
BOOTSTRAP, TEST = "paired bootstrap", "McNemar's exact test"


def mcnemar(one: Sequence[bool], other: Sequence[bool]) -> float:
    """Give McNemar's exact two-sided p (1947): how likely chance alone shares the texts that only one has right out so unevenly."""
    ours, theirs = _discordant(one, other)
    return float(binomtest(ours, ours + theirs).pvalue) if ours + theirs else 1.0


def gain(one: Sequence[bool], other: Sequence[bool], *, resamples: int, seed: int) -> Figure:
    """Measure by how much the share that one has right is above the other's, -1 to 1, with its interval by paired bootstrap."""
    n, (ours, theirs) = len(one), _discordant(one, other)
    draws = np.random.default_rng(seed).multinomial(n, np.array([ours, theirs, n - ours - theirs]) / n, size=resamples)
    return _figure((ours - theirs) / n, (draws[:, 0] - draws[:, 1]) / n, n)


def comparisons(judged: Judged, *, evaluation_id: str, resamples: int, seed: int) -> list[Evaluation]:
    """Compare teacher and student with every baseline, and the student with the teacher, on the texts that both have labelled.

    Against gold on all texts and on the held-out ones; the student also by its agreement with the teacher on held-out texts, which
    needs no gold.
    """
    subjects = {name: judged.to_be_right(name) for name in (*COMPARED, "baseline", *judged.rivals)}
    bench = _Bench(judged, subjects, resamples, seed)
    found: list[Evaluation] = []

    def tell(one: str, other: str, slice_: str, figure: Figure, p: float, judge: str, what: str) -> None:
        found.append(
            Evaluation(
                evaluation_id, one, f"{what}gain_over_{other}", slice_, figure.value, figure.low, figure.high, figure.n, f"{judge}, {BOOTSTRAP}"
            )
        )
        found.append(Evaluation(evaluation_id, one, f"{what}mcnemar_p_{other}", slice_, p, None, None, figure.n, f"{judge}, {TEST}"))

    pairs = [(one, other) for one in COMPARED for other in BASELINES if other != "random_by_share"] + [("student", "teacher")]
    for one, other in pairs:
        for slice_ in ("all", "held_out"):
            texts = bench.common(one, other, slice_)
            if texts:
                tell(one, other, slice_, *bench.against_gold(one, other, texts), GOLD, "")
    for other in LEARNT:
        said = judged.rivals.get(other, {})
        texts = [text for text in sorted(judged.held_out & judged.predicted.keys() & said.keys()) if judged.taught.get(text) is not None]
        if texts:
            hits = [[labels[text] == judged.taught[text] for text in texts] for labels in (judged.predicted, said)]
            found.append(_agreement(evaluation_id, other, hits[1]))
            tell("student", other, "held_out", gain(*hits, resamples=resamples, seed=seed), mcnemar(*hits), TEACHER, "agreement_")
    return found


def _agreement(evaluation_id: str, subject: str, hits: Sequence[bool]) -> Evaluation:
    figure = share(hits)
    return Evaluation(evaluation_id, subject, "agreement", "held_out", figure.value, figure.low, figure.high, figure.n, TEACHER)


class _Bench:
    """Holds labels of the same texts against gold; what is drawn for one comparison serves the others."""

    def __init__(self, judged: Judged, subjects: Mapping[str, Labels], resamples: int, seed: int) -> None:
        self.judged, self.subjects, self.resamples, self.seed = judged, subjects, resamples, seed
        self._drawn: dict[tuple[int, str], Floats] = {}

    @cached_property
    def named_alike(self) -> bool:
        return self.judged.named_alike

    def common(self, one: str, other: str, slice_: str) -> list[str]:
        """List the texts with gold that both had to label, in order; one without an answer counts as wrong."""
        both = self.subjects.get(one, {}).keys() & self.subjects.get(other, {}).keys()
        both = both & self.judged.held_out if slice_ == "held_out" else both
        return sorted(both)

    def against_gold(self, one: str, other: str, texts: Sequence[str]) -> tuple[Figure, float]:
        """Give the gain and its p."""
        if self.named_alike and other != "baseline":
            hits = [self._right(name, texts) for name in (one, other)]
            return gain(*hits, resamples=self.resamples, seed=self.seed), mcnemar(*hits)
        right = [_matched(*self._coded(name, texts)) for name in (one, other)]
        draws = [self._accuracies(name, texts) for name in (one, other)]
        value = float(np.mean(right[0])) - float(np.mean(right[1]))
        gains = draws[0] - draws[1]
        # A matching fits a resample better than the texts it is drawn from, and poor labels more so: that is taken out.
        return _figure(value, gains - gains.mean() + value, len(texts)), mcnemar(right[0].tolist(), right[1].tolist())

    def _right(self, name: str, texts: Sequence[str]) -> list[bool]:
        labels, names = self.subjects[name], self.judged.names
        return [names.get(labels[text] or "", labels[text]) in gold_labels(self.judged.gold[text]) for text in texts]

    def _coded(self, name: str, texts: Sequence[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Number the gold labels and the labels; a label that was not given is -1."""
        gold = np.unique([gold_labels(self.judged.gold[text])[0] for text in texts], return_inverse=True)[1]
        given = [self.subjects[name][text] for text in texts]
        places = {label: place for place, label in enumerate(sorted({label for label in given if label is not None}))}
        return gold, np.array([-1 if label is None else places[label] for label in given], dtype=np.intp)

    def _accuracies(self, name: str, texts: Sequence[str]) -> Floats:
        """Give the matched accuracy in every resample; the resamples are the same for all labellers of the same texts."""
        key = hash(tuple(texts)), name
        if key not in self._drawn:
            gold, found = self._coded(name, texts)
            width = int(found.max(initial=-1)) + 2
            cells = gold * width + np.where(found < 0, width - 1, found)
            random, n = np.random.default_rng(self.seed), len(texts)
            tables = (np.bincount(cells[random.integers(n, size=n)], minlength=(int(gold.max()) + 1) * width) for _ in range(self.resamples))
            self._drawn[key] = np.array([_best(table.reshape(-1, width)[:, :-1]) / n for table in tables])
        return self._drawn[key]


def _matched(gold: npt.NDArray[np.intp], found: npt.NDArray[np.intp]) -> Bools:
    """Say which labels are right after the best one-to-one matching."""
    there = found >= 0
    table = np.zeros((int(gold.max()) + 1, int(found.max(initial=-1)) + 1))
    np.add.at(table, (gold[there], found[there]), 1)
    rows, columns = linear_sum_assignment(-table)
    matched = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    return np.array([matched.get(label, -1) == truth for truth, label in zip(gold.tolist(), found.tolist(), strict=True)])


def _best(table: npt.NDArray[np.intp]) -> float:
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum())


def _discordant(one: Sequence[bool], other: Sequence[bool]) -> tuple[int, int]:
    if len(one) != len(other) or not len(one):
        raise ValueError(f"{len(one)} and {len(other)} texts judged right or wrong; expected the same texts, at least 1")
    first, second = np.asarray(one, dtype=bool), np.asarray(other, dtype=bool)
    return int((first & ~second).sum()), int((second & ~first).sum())


def _figure(value: float, draws: Floats, n: int) -> Figure:
    low, high = np.quantile(draws, INTERVAL)
    return Figure(value, float(low), float(high), n)
