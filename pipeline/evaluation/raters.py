"""How good each of several raters is: how far it agrees with all others and with what most of them say, and whether it lags behind."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from pipeline.evaluation.metrics import Figure
from pipeline.evaluation.ratings import MISSING, NONE, Patterns, Ratings, beyond_chance, divided, patterns_of, resampled

__all__ = ["RaterQuality", "always_says", "rater_quality"]

Floats = npt.NDArray[np.float64]
LEAST = 5  # ratings that all say the same before a rater is said to say nothing else


@dataclass(frozen=True)
class RaterQuality:
    """How one rater's ratings stand to those of the others.

    `with_others` is the mean share of the other raters of a document that say the same, `kappa` the same beyond chance, 0 for one
    that always says the same; `with_majority` is measured on the documents where one rating is the most frequent of the others'.
    `rest` is how far the others agree with one another without this rater. `always` is the one rating that it gives, if it gives
    no other. Figures that cannot be measured are None; n counts the documents that another rater rated too.
    """

    rater: str
    n: int
    with_others: Figure | None
    kappa: Figure | None
    with_majority: Figure | None
    rest: Figure | None
    always: str | None

    @property
    def below(self) -> bool:
        """Say whether the rater's whole interval lies below that of the others among themselves."""
        return self.with_others is not None and self.rest is not None and self.with_others.high < self.rest.low


def always_says(ratings: Ratings) -> dict[str, str]:
    """Give the raters that rate at least 5 documents and always the same, with what they say; a set is told as `a, b`."""
    found = {}
    for rater in sorted(ratings):
        said = list(ratings[rater].values())
        if len(said) >= LEAST and all(one == said[0] for one in said):
            found[rater] = said[0] if isinstance(said[0], str) else ", ".join(sorted(said[0] or [NONE]))
    return found


def rater_quality(ratings: Ratings, *, resamples: int, seed: int) -> list[RaterQuality]:
    """Measure each rater, in order of name; a rating that is a set counts as the same only where all of it is."""
    patterns, always = patterns_of(ratings), always_says(ratings)
    scores = {(part, place): score for place in range(len(patterns.raters)) for part, score in _scores(patterns, place).items()}
    marginals = [_marginals(patterns, place) for place in range(len(patterns.raters))]

    def measure(weights: Floats, most: float) -> Mapping[tuple[str, int], Floats]:
        found = {key: divided(weights @ score * most, weights @ there) for key, (score, there) in scores.items()}
        for place, (said, others) in enumerate(marginals):
            n = weights @ scores["with_others", place][1]
            chance = divided(((said.T @ weights.T) * (others.T @ weights.T)).sum(axis=0), n**2)
            found["kappa", place] = beyond_chance(found["with_others", place], chance)
        return found

    n = {key: int(patterns.documents @ there) for key, (_, there) in scores.items()}
    n |= {("kappa", place): n["with_others", place] for place in range(len(patterns.raters))}
    found = resampled(patterns, measure, resamples=resamples, seed=seed, n=n)
    return [
        RaterQuality(
            rater=rater,
            n=n["with_others", place],
            with_others=found.get(("with_others", place)),
            kappa=found.get(("kappa", place)),
            with_majority=found.get(("with_majority", place)),
            rest=found.get(("rest", place)),
            always=always.get(rater),
        )
        for place, rater in enumerate(patterns.raters)
    ]


def _scores(patterns: Patterns, place: int) -> dict[str, tuple[Floats, Floats]]:
    """Score each pattern by how far a rater agrees, 0 where that cannot be asked, and say (1.0 or 0.0) where it can."""
    ratings = patterns.ratings
    there = patterns.codes[:, place] != MISSING
    decided, hits = _with_majority(patterns.codes, place)
    others = ratings - there
    matches = _matches(patterns.codes, place) * there
    asked = {"with_others": there, "with_majority": there & decided, "rest": others >= 2}
    found = {
        "with_others": matches / np.maximum(others, 1),
        "with_majority": hits.astype(np.float64),
        "rest": _same(patterns, matches) / np.maximum(others * (others - 1), 1),
    }
    return {part: (score * asked[part], asked[part].astype(np.float64)) for part, score in found.items()}


def _marginals(patterns: Patterns, place: int) -> tuple[csr_array, csr_array]:
    """Give what a rater says, and what the others of its documents do, each document counting once; (patterns, values)."""
    said = patterns.of(place)
    scale = (patterns.codes[:, place] != MISSING) / (patterns.ratings - 1)
    return said, (patterns.tallies - said).multiply(scale[:, np.newaxis]).tocsr()


def _same(patterns: Patterns, matches: Floats) -> Floats:
    """Count twice the pairs of raters that say the same, without those of one rater."""
    tallies = patterns.tallies
    return np.asarray(tallies.multiply(tallies).sum(axis=1)) - patterns.ratings - 2 * matches


def _matches(codes: npt.NDArray[np.intp], place: int) -> Floats:
    """Count the other raters who say the same as this one; where it says nothing, the count means nothing."""
    return np.asarray((codes == codes[:, [place]]).sum(axis=1) - 1, dtype=np.float64)


def _with_majority(codes: npt.NDArray[np.intp], place: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Say where one rating is the most frequent of the others', and where this rater says that."""
    others = np.delete(codes, place, axis=1)
    there = others != MISSING
    votes = np.stack([((others == others[:, [one]]) & there).sum(axis=1) for one in range(others.shape[1])], axis=1) * there
    top = votes.max(axis=1, keepdims=True, initial=0)
    leading = (votes == top) & there
    decided = leading.sum(axis=1) == top[:, 0]  # all who say what is said most often say one thing
    return decided, ((others == codes[:, [place]]) & leading).any(axis=1)
