"""Probabilities that can be believed: scores become probabilities by what is known of labels like them.

Scores of a language model rank the options well and are far too sure. The more labels are known, the more freely the
probability is fitted: with few one temperature for all scores (Guo et al., ICML 2017), then a line on the logit of the
best option (Platt, 1999), with many any rising step function (Zadrozny and Elkan, KDD 2002). The label never changes:
only how far it is believed. `apply` never gives exactly 0 or 1, and no more than n known labels can vouch for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit, logsumexp
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import KFold

__all__ = ["Confidence", "Method", "accuracy_from_agreement", "fit_confidence", "fit_on_proxy", "fit_to_accuracy"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Method = Literal["none", "temperature", "platt", "isotonic"]
KNOWN: Mapping[Method, int] = {"temperature": 30, "platt": 150, "isotonic": 1000}  # labels that each needs, the simplest first
FOLDS = 5
TEMPERATURES = (0.05, 50.0)
SURE = 20.0  # logit beyond which scores are all one to a fit
LEAST = 1e-9  # of probability, left to every option
LEAD = 1e-6  # of the label's probability over the next, relative


@dataclass(frozen=True)
class Confidence:
    """What makes probabilities of scores, and how well it did on labels that it was not fitted to.

    `parameters` of temperature: the temperature; of platt: slope and intercept; of isotonic: rising probabilities as
    scored, then as many calibrated ones. `accuracy` is that of the labels it was fitted to, or an estimate of it from a
    proxy. The log losses are those of the label being right, as scored and by cross-validation after the fit; None where
    no label is known.
    """

    method: Method
    parameters: tuple[float, ...] = ()
    fitted_on: int = 0
    accuracy: float | None = None
    log_loss_before: float | None = None
    log_loss_after: float | None = None
    proxy: bool = False  # fitted to another judge, not to known labels

    @property
    def calibration(self) -> str:
        """Name it as `Label.calibration` does: ends in "uncalibrated" where it was fitted on no known label."""
        if self.method == "none":
            return "uncalibrated"
        return f"{self.method}, uncalibrated" if self.proxy else self.method

    @property
    def most(self) -> float:
        """Give the highest probability that it can give: that of Laplace's rule after as many right labels."""
        return 1 - LEAST if self.method == "none" else 1 - 1 / (self.fitted_on + 2)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Confidence":
        """Read what `as_settings` gave, also after it was JSON."""
        return cls(**{**settings, "parameters": tuple(settings["parameters"])})

    def as_settings(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return {**asdict(self), "parameters": list(self.parameters)}

    def apply(self, scores: npt.ArrayLike) -> Floats:
        """Make scores (n, k) probabilities: rows that sum to 1, the best option's the calibrated one.

        The other options share the rest in proportion to what they had, or more evenly where one would otherwise
        overtake the label; the label's probability is therefore never below 1 / k. A score of minus infinity stands for
        an option that was not offered. A single option has no rival and nothing to sum to 1 with: it gets 1.
        """
        values = _checked(scores)
        if values.shape[1] == 1:
            return np.ones_like(values)
        places = values.argmax(axis=1)
        if self.method == "temperature":
            values = values / self.parameters[0]
        top = _calibrated(self.method, self.parameters, _margins(values, places))
        floor = (1 + LEAD) / values.shape[1]
        return _laid_out(values, places, np.clip(top, floor, max(floor, self.most)))


def fit_confidence(scores: npt.ArrayLike, truth: npt.ArrayLike, *, seed: int) -> Confidence:
    """Fit to known labels: `scores` (n, k) are log-probabilities up to a constant a row, `truth` (n,) the right option's place.

    Below 30 known labels nothing is fitted. Of the methods that so many allow, the simplest is taken whose log loss of
    the label being right, by cross-validation, is within one standard error of the best.

    :param truth: -1 where no option is right.
    """
    values, places = _checked(scores), _places(truth, scores)
    best = values.argmax(axis=1)
    right = best == places
    n = len(right)
    before = _log_losses(_calibrated("none", (), _margins(values, best)), right)
    accuracy, loss = (float(right.mean()), float(before.mean())) if n else (None, None)
    losses = {method: _held_out_losses(method, values, places, seed) for method, least in KNOWN.items() if n >= least and values.shape[1] > 1}
    if not losses:
        return Confidence("none", (), n, accuracy, loss, loss)
    method = _simplest(losses)
    return Confidence(method, _fitted(method, values, places), n, accuracy, loss, float(losses[method].mean()))


def fit_on_proxy(scores: npt.ArrayLike, proxy: npt.ArrayLike, *, proxy_accuracy: float | None = None) -> Confidence:
    """Fit a temperature to the labels of another judge, which is itself right only at times, where no label is known.

    To agree is not to be right. The temperature is the one at which the mean probability of the labels equals their
    accuracy as `accuracy_from_agreement` estimates it. That rests on the two judges erring independently, which a student
    of these very labels does not, even on documents that it has not seen: an error that both make looks like agreement,
    so that the estimate, and every probability with it, is too high by up to the whole share of common errors. The
    mean is all that is fitted: which labels are surer is left as scored. Hence it always counts as uncalibrated.

    :param proxy: place of the option that the judge gives, -1 where it gives none.
    :param proxy_accuracy: of the judge where that is known; 1.0 takes agreement for accuracy, the most cautious choice.
    """
    values, places = _checked(scores), _places(proxy, scores)
    best = values.argmax(axis=1)
    if values.shape[1] == 1:
        return Confidence("none", (), len(places), proxy=True)
    agreement = float((best == places).mean())
    return fit_to_accuracy(values, accuracy_from_agreement(agreement, options=values.shape[1], proxy_accuracy=proxy_accuracy))


def fit_to_accuracy(scores: npt.ArrayLike, accuracy: float) -> Confidence:
    """Fit the temperature at which the labels' mean probability is an accuracy that was estimated; it counts as uncalibrated."""
    values = _checked(scores)
    if len(values) < KNOWN["temperature"] or values.shape[1] == 1:
        return Confidence("none", (), len(values), proxy=True)
    return Confidence("temperature", (_temperature_of_mean(values, values.argmax(axis=1), accuracy),), len(values), accuracy, proxy=True)


def accuracy_from_agreement(agreement: float, *, options: int, proxy_accuracy: float | None = None) -> float:
    """Estimate the accuracy of labels, 1 / options to 1, from how often another judge gives the same.

    Both are taken to err independently of each other and evenly over the wrong options, so that for accuracies a and b
    agreement = a * b + (1 - a) * (1 - b) / (options - 1). Without `proxy_accuracy` both are taken to be equally good. Errors in
    common, and errors that fall on few options, make the estimate too high.
    """
    spread = 1 / (options - 1)
    if proxy_accuracy is None:
        estimate = (spread + np.sqrt(max(0.0, agreement * (1 + spread) - spread))) / (1 + spread)
    else:
        chance = (1 - proxy_accuracy) * spread
        if not chance < proxy_accuracy <= 1:
            raise ValueError(f"a judge with an accuracy of {proxy_accuracy} over {options} options is no better than chance; leave it out")
        estimate = (agreement - chance) / (proxy_accuracy - chance)
    return float(np.clip(estimate, 1 / options, 1.0))


def _held_out_losses(method: Method, scores: Floats, truth: Ints, seed: int) -> Floats:
    best = scores.argmax(axis=1)
    losses = np.zeros(len(truth))
    for kept, out in KFold(FOLDS, shuffle=True, random_state=seed).split(scores):
        fold = Confidence(method, _fitted(method, scores[kept], truth[kept]), len(kept))
        losses[out] = _log_losses(fold.apply(scores[out])[np.arange(len(out)), best[out]], best[out] == truth[out])
    return losses


def _simplest(losses: Mapping[Method, Floats]) -> Method:
    """Choose the first method within one standard error of the best; the error is that of the difference, document by document."""
    best = min(losses.values(), key=lambda values: float(values.mean()))
    worse = {method: values - best for method, values in losses.items()}
    return next(method for method, values in worse.items() if values.mean() <= values.std(ddof=1) / np.sqrt(len(values)))


def _fitted(method: Method, scores: Floats, truth: Ints) -> tuple[float, ...]:
    best = scores.argmax(axis=1)
    margins, right = _margins(scores, best), best == truth
    if method == "temperature":
        return (_temperature(scores, truth),)
    if method == "platt":
        return _line(margins, right)
    steps = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(expit(margins), right.astype(np.float64))
    return (*steps.X_thresholds_.tolist(), *steps.y_thresholds_.tolist())


def _temperature(scores: Floats, truth: Ints) -> float:
    """Find the temperature under which the right options are likeliest; where none was offered, all that is known is that the label is wrong."""
    rows = np.arange(len(truth))
    offered = (truth >= 0) & np.isfinite(scores[rows, np.maximum(truth, 0)])
    best = scores.argmax(axis=1)

    def loss(log_temperature: float) -> float:
        cooled = scores / np.exp(log_temperature)
        likely = cooled[rows[offered], truth[offered]] - logsumexp(cooled[offered], axis=1)
        wrong = np.logaddexp(0, _margins(cooled[~offered], best[~offered]))
        return float((wrong.sum() - likely.sum()) / len(truth))

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def _temperature_of_mean(scores: Floats, best: Ints, accuracy: float) -> float:
    def excess(log_temperature: float) -> float:
        return float(expit(_margins(scores / np.exp(log_temperature), best)).mean()) - accuracy

    low, high = np.log(TEMPERATURES)
    if excess(low) <= 0 or excess(high) >= 0:
        return TEMPERATURES[0 if excess(low) <= 0 else 1]
    return float(np.exp(brentq(excess, low, high)))


def _line(margins: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Fit the slope and intercept of the logit, towards targets just inside 0 and 1 (Platt, 1999); a surer label is never less probable."""
    hits = int(right.sum())
    targets = np.where(right, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))

    def loss(line: Floats) -> tuple[float, Floats]:
        logits = line[0] * margins + line[1]
        off = expit(logits) - targets
        return float((np.logaddexp(0, logits) - targets * logits).mean()), np.array([(off * margins).mean(), off.mean()])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
    return float(slope), float(intercept)


def _calibrated(method: Method, parameters: Sequence[float], margins: Floats) -> Floats:
    """Give the label's probability; a temperature is already in the margins."""
    if method == "platt":
        return np.asarray(expit(parameters[0] * margins + parameters[1]))
    if method == "isotonic":
        half = len(parameters) // 2
        return np.asarray(np.interp(expit(margins), parameters[:half], parameters[half:]))
    return np.asarray(expit(margins))


def _margins(scores: Floats, places: Ints) -> Floats:
    """Give the logit of each row's option at its place: exact where the probability would round to 1."""
    rows = np.arange(len(places))
    others = scores.copy()
    others[rows, places] = -np.inf
    return np.asarray(np.clip(scores[rows, places] - logsumexp(others, axis=1), -SURE, SURE))


def _laid_out(scores: Floats, places: Ints, top: Floats) -> Floats:
    """Give each row's option at its place the probability `top`, and share out the rest so that none of it overtakes."""
    rows, options = np.arange(len(places)), scores.shape[1]
    others = scores.copy()
    others[rows, places] = -np.inf
    most = others.max(axis=1, keepdims=True)
    shares = np.exp(others - np.where(np.isfinite(most), most, 0.0)) + LEAST
    shares[rows, places] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    even, allowed = 1 / (options - 1), (1 - LEAD / 2) * top / (1 - top)
    second = shares.max(axis=1)
    excess = np.maximum(second - allowed, 0)
    mixed = np.divide(excess, second - even, out=np.zeros_like(excess), where=excess > 0)[:, None]
    laid_out = (1 - top)[:, None] * ((1 - mixed) * shares + mixed * even)
    laid_out[rows, places] = top
    return np.asarray(laid_out)


def _log_losses(probabilities: Floats, right: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(-np.log(np.where(right, probabilities, 1 - probabilities)))


def _checked(scores: npt.ArrayLike) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"scores have the shape {values.shape}; expected a row for each document and at least 1 option")
    unscored = np.flatnonzero(np.isnan(values).any(axis=1) | ~np.isfinite(values.max(axis=1)))
    if len(unscored):
        raise ValueError(
            f"{len(unscored)} of {len(values)} rows of scores, as row {unscored[0]}, have no finite best score; leave unscored labels out"
        )
    return values


def _places(truth: npt.ArrayLike, scores: npt.ArrayLike) -> Ints:
    places, (rows, options) = np.asarray(truth, dtype=np.intp), np.shape(scores)
    if places.shape != (rows,) or ((places < -1) | (places >= options)).any():
        raise ValueError(f"places of options {places.shape}: expected {rows}, one for each row of scores, from 0 to {options - 1}, or -1 for none")
    return places
