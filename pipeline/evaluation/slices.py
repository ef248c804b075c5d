"""Parts of the corpus: how texts are parted by length, time and rarity, what is measured of each, and which parts are much worse."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta

import numpy as np
from scipy.stats import hypergeom

from pipeline.evaluation.judged import Finding
from pipeline.evaluation.metrics import Figure, share
from pipeline.evaluation.scores import Score
from pipeline.intervals import difference
from pipeline.records import Evaluation

__all__ = ["MUCH_WORSE", "by_length", "by_rarity", "by_time", "parted_figures", "say_much_worse"]

Parts = Mapping[str, Set[str]]
MUCH_WORSE = "_much_worse"  # how the metric of a warning ends
LEAST_GAP = 0.05  # of a share, that is worth a warning
SIGNIFICANT = 0.05  # chance of any false warning about one subject and metric
COMPARED = frozenset({"coverage", "agreement", "accuracy", "exact_accuracy"})  # shares of which more is better
RARE_SHARE, RARE_COUNT = 0.02, 10
MONTHS = timedelta(days=92)  # from which on time is parted by month, and not by week


def by_length(words: Mapping[str, int]) -> dict[str, set[str]]:
    """Part texts into three about equally large groups by their number of words; fewer groups where many are equally long."""
    first, second = np.quantile(list(words.values()), [1 / 3, 2 / 3], method="inverted_cdf") if words else (0, 0)
    names = (f"words<={first:g}", f"words {first + 1:g} to {second:g}", f"words>{second:g}")
    parts: dict[str, set[str]] = {name: set() for name in names}
    for text, count in words.items():
        parts[names[int(count > first) + int(count > second)]].add(text)
    return {name: texts for name, texts in parts.items() if texts}


def by_time(written: Mapping[str, datetime]) -> dict[str, set[str]]:
    """Part texts by the month they were written in, or by the week (ISO) where all were written within three months."""
    if not written:
        return {}
    weekly = max(written.values()) - min(written.values()) < MONTHS
    parts: dict[str, set[str]] = {}
    for text, time in written.items():
        year, week, _ = time.isocalendar()
        parts.setdefault(f"week={year}-W{week:02}" if weekly else f"month={time:%Y-%m}", set()).add(text)
    return parts


def by_rarity(labels: Mapping[str, str]) -> dict[str, set[str]]:
    """Part texts by whether their label is rare: borne by less than 2 % of them or by fewer than 10; nothing where all or none are."""
    counts = Counter(labels.values())
    least = max(RARE_COUNT, RARE_SHARE * len(labels))
    rare = {text for text, label in labels.items() if counts[label] < least}
    return {"label=rare": rare, "label=frequent": labels.keys() - rare} if 0 < len(rare) < len(labels) else {}


def parted_figures(scores: Sequence[Score], parts: Parts) -> list[Finding]:
    """Measure every share in every part, and warn of the parts that are much worse than the rest of the documents.

    A warning's metric is that of the share with `_much_worse` behind it, and its value how far the part is above the rest, so that it is
    below 0 (with Newcombe's interval). It is given where the share is at least 0.05 lower and Fisher's exact test of one side, corrected
    for the number of parts looked at (Holm, 1979), finds that in 1 of 20 corpora without any such part at most.
    """
    found = []
    for score in scores:
        compared = [(name, score.hits.keys() & parts[name]) for name in sorted(parts)]
        there = [(name, texts) for name, texts in compared if texts]
        found += [
            Finding(score.subject, score.metric, name, share([score.hits[text] for text in sorted(texts)]), score.judge) for name, texts in there
        ]
        if score.metric in COMPARED:
            found += _warnings(score, [(name, texts) for name, texts in there if len(texts) < len(score.hits)])
    return found


def say_much_worse(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say each warning among figures in words, the widest gap first."""
    rows = sorted((row for row in evaluations if row.metric.endswith(MUCH_WORSE)), key=lambda row: (row.value, row.slice, row.subject))
    return [
        f"{row.slice}: {row.metric.removesuffix(MUCH_WORSE)} of the {row.subject} is {-row.value:.3f} lower than on the rest"
        f" ({-(row.high or 0):.3f} to {-(row.low or 0):.3f}; {row.n} documents; by {row.judge})"
        for row in rows
    ]


def _warnings(score: Score, parts: Sequence[tuple[str, Set[str]]]) -> Iterable[Finding]:
    total, hits = len(score.hits), sum(score.hits.values())
    tested = []
    for name, texts in parts:
        n, right = len(texts), sum(score.hits[text] for text in texts)
        tested.append((float(hypergeom.cdf(right, total, hits, n)), name, right, n))
    for rank, (chance, name, right, n) in enumerate(sorted(tested)):
        if chance > SIGNIFICANT / (len(tested) - rank):
            return
        gap, low, high = difference((right, n), (hits - right, total - n))
        if gap <= -LEAST_GAP:
            yield Finding(score.subject, score.metric + MUCH_WORSE, name, Figure(gap, low, high, n), score.judge)
