"""Tests of the metrics on a project's own data: labels that are worth nothing go through the whole evaluation, and the scores must collapse.

The bounds are worked out from how frequent labels are, and from no metric that is tested. Each is a bound of chance for that many
documents, so that a run of honest metrics stays below it; what a metric is by definition, as the completeness of one category for all,
is shown and not tested.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.judged import Judged, Labels
from pipeline.gold import gold_labels
from pipeline.records import Evaluation

__all__ = ["CASES", "SelfTest", "self_tests"]

Measure = Callable[[Judged, int, int], Sequence[Evaluation]]
Shares = npt.NDArray[np.float64]
Place = tuple[str, str, str]  # subject, metric, slice
RIGHT = frozenset({"accuracy", "exact_accuracy", "accuracy_any", "accuracy_first", "accuracy_with_also", "exact_match", "jaccard", "micro_f1"})
MATCHED = RIGHT | {"matched_micro_f1", "purity", "kappa"}
INFORMATION = frozenset({"nmi", "v_measure", "homogeneity", "completeness"})
NEVER_MORE = RIGHT - {"jaccard", "micro_f1", "accuracy_with_also"} | {"coverage"}
GOLD_METRICS = MATCHED | INFORMATION | {"ari", "harmonic_purity", "macro_f1", "matched_macro_f1"}
BY_CHANCE = frozenset({"random", "shuffled", "constant"})
SPREADS = 2.0  # standard deviations that each matched cell of a table may gain by chance
SENTENCE = "This document seems to be about several things, so that it is hard to say which category would fit it best; see text {}."


@dataclass(frozen=True)
class SelfTest:
    """One metric of one case beside the true one; `passed` is None where nothing can be asked of it.

    `value` is None where it was not measured; `least` and `most` are what an honest metric may be.
    """

    case: str
    subject: str
    metric: str
    slice: str
    true: float
    value: float | None
    least: float | None
    most: float | None
    n: int
    passed: bool | None


def self_tests(judged: Judged, *, resamples: int, seed: int, measure: Measure | None = None) -> list[SelfTest]:
    """Evaluate junk labels in place of the teacher's and the student's, and hold each metric against what it may be.

    :param measure: the evaluation that is tested, given what is judged, the resamples and the seed.
    """
    made = measure or (lambda one, resamples, seed: evaluate(one, resamples=resamples, seed=seed))
    plain = replace(judged, baseline={}, cited={}, slices={}, findings=())
    true = {(row.subject, row.metric, row.slice): row for row in made(plain, resamples, seed) if row.subject in {"teacher", "student"}}
    found = []
    for case, spoil in CASES.items():
        spoilt = _spoilt(plain, spoil, seed)
        values = {(row.subject, row.metric, row.slice): row for row in made(spoilt, resamples, seed)}
        found += [_tested(case, spoilt, row, values.get(place)) for place, row in true.items()]
    return found


def _spoilt(judged: Judged, spoil: "Spoil", seed: int) -> Judged:
    """Put junk in the place of the labels of both; what the teacher gives beside goes too."""
    taught, predicted = (
        spoil(labels, judged, np.random.default_rng([seed, place])) for place, labels in enumerate((judged.taught, judged.predicted))
    )
    return replace(judged, taught=taught, predicted=predicted, also={}, none_fits=frozenset())


Spoil = Callable[[Labels, Judged, np.random.Generator], Labels]


def _random(labels: Labels, judged: Judged, random: np.random.Generator) -> Labels:
    options = sorted(judged.categories or {label for label in labels.values() if label is not None})
    return dict(zip(sorted(labels), random.choice(options, len(labels)).tolist(), strict=True)) if options else labels


def _shuffled(labels: Labels, judged: Judged, random: np.random.Generator) -> Labels:
    texts = sorted(labels)
    return {text: labels[texts[place]] for text, place in zip(texts, random.permutation(len(texts)).tolist(), strict=True)}


def _constant(labels: Labels, judged: Judged, random: np.random.Generator) -> Labels:
    counts = Counter(label for label in labels.values() if label is not None)
    return dict.fromkeys(labels, min(counts, key=lambda label: (-counts[label], label), default=None))


def _missing(labels: Labels, judged: Judged, random: np.random.Generator) -> Labels:
    return dict.fromkeys(labels)


def _sentences(labels: Labels, judged: Judged, random: np.random.Generator) -> Labels:
    return {text: SENTENCE.format(place) for place, text in enumerate(sorted(labels))}


def _only_right(labels: Labels, judged: Judged, random: np.random.Generator) -> Labels:
    """Keep the labels of the documents that bear the gold label most frequent in their category; the others failed."""
    pairs = Counter((label, gold_labels(judged.gold[text])[0]) for text, label in labels.items() if label is not None and text in judged.gold)
    best = {label: gold for (label, gold), _ in sorted(pairs.items(), key=lambda item: (item[1], item[0]))}
    return {text: label for text, label in labels.items() if text in judged.gold and best.get(label or "") == gold_labels(judged.gold[text])[0]}


CASES: Mapping[str, Spoil] = {
    "random": _random,
    "shuffled": _shuffled,
    "constant": _constant,
    "missing": _missing,
    "sentences": _sentences,
    "only right ones": _only_right,
}


def _tested(case: str, spoilt: Judged, true: Evaluation, found: Evaluation | None) -> SelfTest:
    ends = _expected(case, spoilt, true)
    passed: bool | None = None
    if ends is not None and found is None:
        passed = true.metric not in GOLD_METRICS and true.metric != "coverage"  # documents that vanish are what the tests are there for
    elif ends is not None and found is not None:
        passed = ends[0] - 1e-9 <= found.value <= ends[1] + 1e-9 and (true.metric == "agreement" or found.n == true.n)
        if passed and case in BY_CHANCE and true.value <= ends[1]:
            passed = None  # the true figure is no more than chance itself, so that nothing can be seen to collapse
    least, most = (None, None) if ends is None else ends
    value, n = (None, 0) if found is None else (found.value, found.n)
    return SelfTest(case, true.subject, true.metric, true.slice, true.value, value, least, most, n, passed)


def _expected(case: str, spoilt: Judged, true: Evaluation) -> tuple[float, float] | None:
    """Give what an honest metric may be, None where nothing is asked."""
    metric = true.metric
    if case == "only right ones":
        return (0.0, true.value) if metric in NEVER_MORE else None
    if case in {"missing", "sentences"}:
        return (0.0, 0.0) if metric in GOLD_METRICS - {"completeness"} | {"coverage"} else None
    if metric == "agreement":
        return None if case == "constant" else (0.0, _by_chance(_shares(spoilt.taught.values()), _shares(spoilt.predicted.values()), true.n))
    if metric not in GOLD_METRICS or (case, metric) == ("constant", "completeness"):
        return None
    texts = spoilt.to_be_right(true.subject)
    labels = [label for text, label in texts.items() if true.slice == "all" or text in spoilt.held_out]
    gold = [gold_labels(spoilt.gold[text]) for text in texts if true.slice == "all" or text in spoilt.held_out]
    borne = np.sort(np.array(list(Counter(name for names in gold for name in set(names)).values())) / len(gold))[::-1]
    return _bounds(metric, borne, _shares(labels), len(labels))


def _bounds(metric: str, borne: Shares, given: Shares, n: int) -> tuple[float, float]:
    """Bound a metric of labels that know nothing of gold, from the shares of both, in falling order."""
    if metric == "ari":
        return -max(0.02, 1 / np.sqrt(n)), max(0.02, 1 / np.sqrt(n))
    none = 1 - given.sum()
    groups = np.append(given, none) if none > 1e-9 else given  # those without a label are one more group
    if metric == "kappa" and len(groups) == 1:
        return 0.0, 0.0
    if metric in INFORMATION:
        entropy = min(float(-(part * np.log(part)).sum()) for part in (borne, groups))
        bias = (len(borne) - 1) * (len(groups) - 1) / (2 * n)  # of the mutual information of two that are independent
        return 0.0, min(1.0, 2 * bias / entropy + 0.02) if bias else 0.0
    pairs = borne[:, np.newaxis] * given
    cells = pairs + SPREADS * np.sqrt(pairs / n)
    if metric == "purity":
        return 0.0, min(1.0, float(cells.max(axis=0, initial=0).sum()))
    if metric in {"macro_f1", "matched_macro_f1", "harmonic_purity"}:
        best = (2 * cells / (borne[:, np.newaxis] + given)).max(axis=1, initial=0)
        return 0.0, min(1.0, float(best @ borne / borne.sum() if metric == "harmonic_purity" else best.mean()))
    most = _by_chance(borne, given, n)
    if "micro" in metric:
        most *= 2 / (1 + given.sum())  # of those with an answer alone
    return -most if metric == "kappa" else 0.0, min(1.0, float(most))


def _by_chance(one: Shares, other: Shares, n: int) -> float:
    """Bound how often labels of such shares are the same: matched as well as they can be, with what chance may add to each."""
    size = min(len(one), len(other))
    same = one[:size] * other[:size]
    return min(1.0, float(same.sum() + SPREADS * np.sqrt(same / n).sum()))


def _shares(labels: Iterable[str | None]) -> Shares:
    """Give the share of each label, most frequent first; of those without one there is none."""
    known = list(labels)
    counts = Counter(label for label in known if label is not None)
    return np.sort(np.array(list(counts.values()), dtype=np.float64) / max(1, len(known)))[::-1]
