"""How far raters agree, beyond chance and label by label, each with a bootstrap interval over the documents.

Raters may be people, judges or models. A document counts where at least two of them rated it; ratings may be missing. A rating is a
label, None where none fits, or a set of labels. Kappas are 1 for perfect agreement, 0 for what chance gives, below 0 for less. A
rater who always says the same agrees with others as chance would have it, and its kappa is 0, however high the raw agreement. Where
all raters say one and the same thing throughout, chance explains everything: such a kappa is undefined, None where one value is
asked for and left out of figures. `always_says` names such raters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics import Figure
from pipeline.evaluation.raters import RaterQuality, always_says, rater_quality
from pipeline.evaluation.ratings import MISSING, Measure, Patterns, Rating, Ratings, beyond_chance, divided, patterns_of, resampled

__all__ = [
    "Agreement",
    "Distance",
    "RaterQuality",
    "Rating",
    "Ratings",
    "agreement_figures",
    "always_says",
    "cohen_kappa",
    "fleiss_kappa",
    "krippendorff_alpha",
    "label_agreement",
    "rater_quality",
]

Floats = npt.NDArray[np.float64]
StringMeasure = Measure[str]
Distance = Literal["nominal", "masi", "jaccard"]
MOST_RATERS = 10  # up to which each two of them are compared
SETS: tuple[Distance, ...] = ("masi", "jaccard")


@dataclass(frozen=True)
class Agreement:
    """A figure of agreement: of one label against the rest, or of all together where `label` is None; n is the documents with two ratings."""

    metric: str
    label: str | None
    figure: Figure


def cohen_kappa(one: Mapping[str, Rating], other: Mapping[str, Rating]) -> float | None:
    """Measure Cohen's kappa of two raters on the documents that both rated, -1 to 1; None where undefined (Cohen, 1960)."""
    return _value(patterns_of({"one": one, "other": other}), _pairs, "cohen_kappa")


def fleiss_kappa(ratings: Ratings) -> float | None:
    """Measure Fleiss' kappa, -1 to 1; None where undefined (Fleiss, 1971).

    Where documents have different numbers of ratings, each document counts once, as in Gwet (2014).
    """
    return _value(patterns_of(ratings), _together, "fleiss_kappa")


def krippendorff_alpha(ratings: Ratings, *, distance: Distance = "nominal") -> float | None:
    """Measure Krippendorff's alpha, at most 1; None where undefined (Krippendorff, 2011).

    `masi` and `jaccard` are distances of sets, which count ratings that name some of the same labels as partly alike (Passonneau,
    2006); for ratings of one label each, all three are one.
    """
    return _value(patterns_of(ratings), _alpha(distance), _alpha_name(distance))


def agreement_figures(ratings: Ratings, *, resamples: int, seed: int, categories: int | None = None) -> list[Agreement]:
    """Measure how far raters agree over all labels together.

    `raw_agreement` is the share of a document's pairs of ratings that are the same, 0 to 1, averaged over the documents. From it take
    chance: `cohen_kappa` (the mean of each two raters', and for up to 10 raters only), `fleiss_kappa`, `krippendorff_alpha`, and those
    that a rare label does not pull down, `brennan_prediger` (PABAK where there are two answers) and `gwet_ac1` (Gwet, 2008). Ratings
    that are sets count as the same only where all of them is; `krippendorff_alpha_masi` and `_jaccard` also see what they share.

    :param categories: how many answers there were to choose from, for `brennan_prediger` and `gwet_ac1`; those given when absent.
    """
    patterns = patterns_of(ratings)
    measures = [_together(patterns, categories), *([_pairs(patterns)] if 2 <= len(patterns.raters) <= MOST_RATERS else [])]
    measures += [_alpha(distance)(patterns) for distance in SETS if any(len(value) != 1 for value in patterns.values)]

    def measure(weights: Floats, most: float) -> Mapping[str, Floats]:
        return {name: values for one in measures for name, values in one(weights, most).items()}

    figures = resampled(patterns, measure, resamples=resamples, seed=seed)
    return [Agreement(metric, None, figure) for metric, figure in figures.items()]


def label_agreement(ratings: Ratings, *, resamples: int, seed: int) -> list[Agreement]:
    """Measure for each label how far raters agree that it applies; a rating that none fits is the label `(none)`, unless ratings are sets.

    `raw_agreement`, `fleiss_kappa`, `pabak` (2 * raw - 1) and `gwet_ac1` are those of a yes-or-no question. `positive_agreement` is how
    often another rater names the label too where one does, `negative_agreement` how often another leaves it out too where one does
    (Cicchetti and Feinstein, 1990): a rare label can have a fine raw agreement that is negative agreement alone.
    """
    patterns = patterns_of(ratings)
    measure = _by_label(patterns)
    return [Agreement(metric, label, figure) for (metric, label), figure in resampled(patterns, measure, resamples=resamples, seed=seed).items()]


def _value(patterns: Patterns, measure: Callable[[Patterns], StringMeasure], metric: str) -> float | None:
    value = float(measure(patterns)(patterns.documents[np.newaxis], 1.0)[metric][0]) if patterns.n else float("nan")
    return None if np.isnan(value) else value


def _together(patterns: Patterns, categories: int | None = None) -> StringMeasure:
    tallies, ratings = patterns.tallies, patterns.ratings
    same = np.asarray(tallies.multiply(tallies - tallies.sign()).sum(axis=1))
    shares, agreeing = tallies.multiply(1 / ratings[:, np.newaxis]).tocsr(), same / (ratings - 1)
    pairs, answers = agreeing / ratings, categories or len(patterns.values)

    def measure(weights: Floats, most: float) -> Mapping[str, Floats]:
        n, total = weights.sum(axis=1), weights @ ratings
        observed, likely, counts = weights @ pairs / n * most, shares.T @ weights.T / n, tallies.T @ weights.T
        pairable = (np.square(counts).sum(axis=0) - total) / (total * (total - 1))
        spread = divided((likely * (1 - likely)).sum(axis=0), np.full(n.shape, answers - 1.0))
        return {
            "raw_agreement": observed,
            "fleiss_kappa": beyond_chance(observed, np.square(likely).sum(axis=0)),
            "krippendorff_alpha": beyond_chance(weights @ agreeing / total * most, pairable),
            "brennan_prediger": beyond_chance(observed, np.full(n.shape, 1 / answers)),
            "gwet_ac1": beyond_chance(observed, spread),
        }

    return measure


def _pairs(patterns: Patterns) -> StringMeasure:
    """Measure Cohen's kappa of each two raters, and average those that are defined."""
    about = []
    for one, other in combinations(range(len(patterns.raters)), 2):
        both = np.flatnonzero((patterns.codes[:, [one, other]] != MISSING).all(axis=1))
        same = (patterns.codes[both, one] == patterns.codes[both, other]).astype(np.float64)
        about.append((both, same, patterns.of(one)[both], patterns.of(other)[both]))

    def measure(weights: Floats, most: float) -> Mapping[str, Floats]:
        kappas = []
        for both, same, first, second in about:
            shared = weights[:, both]
            n = shared.sum(axis=1)
            chance = divided(((first.T @ shared.T) * (second.T @ shared.T)).sum(axis=0), n**2)
            kappas.append(beyond_chance(divided(shared @ same, n) * most, chance))
        known = ~np.isnan(kappas)
        return {"cohen_kappa": divided(np.where(known, kappas, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))}

    return measure


def _alpha(distance: Distance) -> Callable[[Patterns], StringMeasure]:
    """Measure alpha with a distance between values: how far ratings of one document are apart, against ratings of any documents."""

    def of(patterns: Patterns) -> StringMeasure:
        tallies, ratings, apart = patterns.tallies, patterns.ratings, _distances(patterns, distance)
        packed = -np.sort(-patterns.codes, axis=1)[:, : int(ratings.max(initial=0))]
        within = np.zeros(len(packed))
        for one, other in combinations(range(packed.shape[1]), 2):
            within += 2 * np.where(packed[:, other] != MISSING, apart[packed[:, one], packed[:, other]], 0.0)

        def measure(weights: Floats, most: float) -> Mapping[str, Floats]:
            total, counts = weights @ ratings, np.asarray((tallies.T @ weights.T).T)
            observed = 1 - weights @ (within / (ratings - 1)) / total
            chance = 1 - ((counts @ apart) * counts).sum(axis=1) / (total * (total - 1))
            return {_alpha_name(distance): beyond_chance(observed * most, chance)}

        return measure

    return of


def _alpha_name(distance: Distance) -> str:
    return "krippendorff_alpha" if distance == "nominal" else f"krippendorff_alpha_{distance}"


def _distances(patterns: Patterns, distance: Distance) -> Floats:
    """Give the distance of each two values, 0 to 1."""
    members = patterns.members
    both, sizes = members @ members.T, members.sum(axis=1)
    either = sizes[:, np.newaxis] + sizes - both
    equal, within = both == either, both == np.minimum(sizes[:, np.newaxis], sizes)
    if distance == "nominal":
        return np.where(equal, 0.0, 1.0)
    alike = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    if distance == "masi":
        alike *= np.select([equal, within & (both > 0), both > 0], [1.0, 2 / 3, 1 / 3], 0.0)
    return np.asarray(1 - alike)


def _by_label(patterns: Patterns) -> Measure[tuple[str, str]]:
    members, labels = patterns.members, patterns.labels
    ratings, named = patterns.ratings[:, np.newaxis], np.asarray(patterns.tallies @ members)
    left = ratings - named
    yes, no = named * (named - 1) / (ratings - 1), left * (left - 1) / (ratings - 1)

    def measure(weights: Floats, most: float) -> Mapping[tuple[str, str], Floats]:
        n = weights.sum(axis=1, keepdims=True)
        raw, likely = weights @ ((yes + no) / ratings) / n * most, weights @ (named / ratings) / n
        by_metric = {
            "raw_agreement": raw,
            "fleiss_kappa": beyond_chance(raw, likely**2 + (1 - likely) ** 2),
            "pabak": 2 * raw - 1,
            "gwet_ac1": beyond_chance(raw, 2 * likely * (1 - likely)),
            "positive_agreement": divided(weights @ yes, weights @ named) * most,
            "negative_agreement": divided(weights @ no, weights @ left) * most,
        }
        return {(metric, label): values[:, place] for metric, values in by_metric.items() for place, label in enumerate(labels)}

    return measure
