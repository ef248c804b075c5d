"""How far probabilities can be believed: metrics over pairs of a label's probability and whether the label was right.

Every metric is a function of the documents and a weight for each, so that a bootstrap resample is one draw of weights.
Documents of one probability are never told apart: they share a bin and a point of a curve, and no order of theirs counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.metrics import Figure
from pipeline.intervals import wilson
from pipeline.trust_records import CurvePoint

__all__ = [
    "Binning",
    "area_under_risk_coverage",
    "auroc",
    "brier",
    "calibration_figures",
    "chance_calibration_error",
    "expected_calibration_error",
    "reliability_points",
    "risk_coverage_points",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Binning = Literal["mass", "width"]  # of bins: as many documents in each, or as wide a range of probability
BINS = 15
LEAST = 20  # documents of an equal-mass bin
POINTS = 50  # of a risk-coverage curve at most
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class _Judged:
    """Documents by rising probability, with 1.0 where the label was right and 0.0 where it was wrong."""

    probabilities: Floats
    right: Floats

    @cached_property
    def starts(self) -> Ints:
        """Give the place of the first document of each probability."""
        return np.flatnonzero(np.diff(self.probabilities, prepend=-1.0))

    @property
    def every(self) -> Floats:
        """Weigh each document once."""
        return np.ones(len(self.right))


def expected_calibration_error(probabilities: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = BINS, binning: Binning = "mass") -> float:
    """Measure the expected calibration error, 0 to 1, lower is better: the mean gap between probability and accuracy over bins.

    Bins hold equally many documents, `bins` at most and no fewer than 20 documents in one; equally wide ones may hold any
    number. The estimate is too high: chance alone leaves a gap in each bin, of about 0.8 * sqrt(v * bins / n) altogether,
    where v is the mean of p * (1 - p). For 500 documents in 15 bins at an accuracy of 0.8 that is 0.055. Its bootstrap
    interval adds the same chance once more, so its ends lie too high as well. `chance_calibration_error` measures what
    chance alone would leave; a value within that range shows no fault. Nor does a fine error of its own mean that the
    probabilities say anything: a constant equal to the accuracy has none (see `auroc`).
    """
    judged = _judged(probabilities, right)
    return _calibration_error(judged, judged.every, _bins(judged, bins, binning))


def brier(probabilities: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Measure the mean squared distance of the probability from right (1) or wrong (0), 0 to 1, lower is better (Brier, 1950)."""
    judged = _judged(probabilities, right)
    return _brier(judged, judged.every)


def auroc(probabilities: npt.ArrayLike, right: npt.ArrayLike) -> float | None:
    """Measure how often a right label has a higher probability than a wrong one, 0 to 1, 0.5 by chance; ties count half.

    None where all labels are right or all are wrong, so that there is no pair to compare.
    """
    judged = _judged(probabilities, right)
    value = _auroc(judged, judged.every)
    return None if np.isnan(value) else value


def area_under_risk_coverage(probabilities: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Measure the share of errors among the i surest labels, averaged over i from 1 to n, 0 to 1, lower is better.

    See Geifman and El-Yaniv (2017). Equal probabilities count as if they came in every order in turn. A labeller that
    cannot tell its errors scores its share of errors; one that tells them perfectly does not score 0 but what is left
    once all right labels are taken.
    """
    judged = _judged(probabilities, right)
    return _risk_area(judged, judged.every)


def calibration_figures(probabilities: npt.ArrayLike, right: npt.ArrayLike, *, resamples: int, seed: int) -> dict[str, Figure]:
    """Measure ece, brier, auroc and aurc, each with its interval by bootstrap; auroc is left out where it is None.

    The bins of ece are those of all documents, also in a resample.
    """
    judged = _judged(probabilities, right)
    bins = _bins(judged, BINS, "mass")
    metrics: dict[str, Callable[[_Judged, Floats], float]] = {
        "ece": lambda judged, weights: _calibration_error(judged, weights, bins),
        "brier": _brier,
        "auroc": _auroc,
        "aurc": _risk_area,
    }
    n = len(judged.right)
    random = np.random.default_rng(seed)
    draws: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(resamples):
        weights = np.bincount(random.integers(n, size=n), minlength=n).astype(np.float64)
        for name, metric in metrics.items():
            draws[name].append(metric(judged, weights))
    figures = {name: _figure(metric(judged, judged.every), draws[name], n) for name, metric in metrics.items()}
    return {name: figure for name, figure in figures.items() if not np.isnan(figure.value)}


def chance_calibration_error(probabilities: npt.ArrayLike, *, draws: int = 200, seed: int) -> Figure:
    """Measure the expected calibration error that these probabilities would show if every one of them were true.

    The value is the mean over labels drawn right or wrong by their own probability; the interval holds 95 % of the draws.
    """
    judged = _judged(probabilities, np.zeros(np.shape(probabilities)))
    bins = _bins(judged, BINS, "mass")
    random = np.random.default_rng(seed)
    n = len(judged.right)
    drawn = [_Judged(judged.probabilities, (random.random(n) < judged.probabilities).astype(np.float64)) for _ in range(draws)]
    errors = [_calibration_error(one, one.every, bins) for one in drawn]
    return _figure(float(np.mean(errors)), errors, n)


def reliability_points(
    subject_id: str, probabilities: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = BINS, binning: Binning = "mass"
) -> list[CurvePoint]:
    """Draw accuracy (y, with its Wilson interval) over mean probability (x), a point for each bin of `expected_calibration_error`."""
    judged = _judged(probabilities, right)
    starts = _bins(judged, bins, binning)
    counts, sums, hits = (np.add.reduceat(values, starts) for values in (judged.every, judged.probabilities, judged.right))
    points = zip(sums / counts, hits / counts, counts, strict=True)
    return [_point(subject_id, "reliability", position, x, y, n) for position, (x, y, n) in enumerate(points)]


def risk_coverage_points(subject_id: str, probabilities: npt.ArrayLike, right: npt.ArrayLike) -> list[CurvePoint]:
    """Draw the share of errors (y, with its Wilson interval) over the share of documents kept (x), from the surest down to all.

    Documents of one probability are kept together; of more than 50 points, 50 are kept that lie evenly over the share.
    """
    judged = _judged(probabilities, right)
    counts, errors = (np.cumsum(np.add.reduceat(values, judged.starts)[::-1]) for values in (judged.every, 1 - judged.right))
    total = counts[-1]
    if len(counts) > POINTS:
        places = np.unique(np.searchsorted(counts, total * np.arange(1, POINTS + 1) / POINTS - 1e-9))
        counts, errors = counts[places], errors[places]
    points = enumerate(zip(counts, errors, strict=True))
    return [_point(subject_id, "risk_coverage", position, n / total, wrong / n, n) for position, (n, wrong) in points]


def _point(subject_id: str, curve: str, position: int, x: float, y: float, n: float) -> CurvePoint:
    return CurvePoint(subject_id, curve, position, float(x), float(y), int(n), *wilson(float(y), int(n)))


def _calibration_error(judged: _Judged, weights: Floats, bins: Ints) -> float:
    gaps = np.add.reduceat(weights * (judged.probabilities - judged.right), bins)
    return float(np.abs(gaps).sum() / weights.sum())


def _brier(judged: _Judged, weights: Floats) -> float:
    return float(weights @ (judged.probabilities - judged.right) ** 2 / weights.sum())


def _auroc(judged: _Judged, weights: Floats) -> float:
    hits, misses = (np.add.reduceat(weights * values, judged.starts) for values in (judged.right, 1 - judged.right))
    pairs = hits.sum() * misses.sum()
    return float(hits @ (np.cumsum(misses) - misses / 2) / pairs) if pairs else float("nan")


def _risk_area(judged: _Judged, weights: Floats) -> float:
    counts, errors = (np.add.reduceat(values, judged.starts)[::-1] for values in (weights, weights * (1 - judged.right)))
    kept = np.arange(1, weights.sum() + 1)
    # Within one probability errors come evenly: what they do on average over every order.
    found = np.interp(kept, np.append(0, np.cumsum(counts)), np.append(0, np.cumsum(errors)))
    return float(np.mean(found / kept))


def _bins(judged: _Judged, bins: int, binning: Binning) -> Ints:
    """Give the place of the first document of each bin that holds any."""
    if binning == "width":
        edges = np.linspace(0, 1, bins + 1)[1:-1]
        return np.flatnonzero(np.diff(np.searchsorted(edges, judged.probabilities), prepend=-1))
    n = len(judged.right)
    starts, left = [0], min(bins, n // LEAST)
    for start in judged.starts[1:].tolist():
        if left > 1 and start - starts[-1] >= (n - starts[-1]) / left and n - start >= LEAST:
            starts.append(start)
            left = min(left - 1, (n - start) // LEAST)
    return np.array(starts, dtype=np.intp)


def _judged(probabilities: npt.ArrayLike, right: npt.ArrayLike) -> _Judged:
    values, hits = np.asarray(probabilities, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if values.ndim != 1 or values.shape != hits.shape or not len(values):
        raise ValueError(f"probabilities {values.shape} and right {hits.shape}: give two lists of one length, with at least 1 document")
    outside = values[~((values >= 0) & (values <= 1))]
    if len(outside):
        raise ValueError(f"{len(outside)} of {len(values)} probabilities are not from 0 to 1, as {outside[0]}; leave out labels without one")
    # Also by right or wrong, so that a seed gives one interval whatever the order.
    order = np.lexsort((hits, values))
    return _Judged(values[order], hits[order])


def _figure(value: float, draws: Sequence[float], n: int) -> Figure:
    # A resample may hold no wrong label, and then no area under the curve.
    known = [draw for draw in draws if not np.isnan(draw)] or [value]
    low, high = np.quantile(known, INTERVAL)
    return Figure(value, float(low), float(high), n)
