"""How sure a student is, as one thing: calibrated probabilities, sets with a promised coverage, abstention, strangeness."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.set_thresholds import SetThresholds
from pipeline.students.abstention import Abstention, abstention_threshold
from pipeline.students.calibration import Calibration, fit_calibration
from pipeline.students.conformal import ConformalSets, SetCoverage, coverage, fit_conformal

__all__ = ["Certainty", "fit_certainty"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Certainty:
    """What was learnt from predictions of labels that the student had not seen."""

    calibration: Calibration
    conformal: ConformalSets
    abstention: Abstention
    sets: SetThresholds | None = None  # which categories apply beside the likeliest, where all that apply are given

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Certainty":
        """Read what `as_settings` gave, also after it was JSON."""
        return cls(
            Calibration.from_settings(settings["calibration"]),
            ConformalSets.from_settings(settings["conformal"]),
            Abstention.from_settings(settings["abstention"]),
            SetThresholds(tuple(settings["sets"]), settings["sets_fitted_on"]) if settings.get("sets") else None,
        )

    def as_settings(self) -> dict[str, Any]:
        """Give the parts as plain values that JSON can hold."""
        parts = {name: getattr(self, name).as_settings() for name in ("calibration", "conformal", "abstention")}
        return parts | ({"sets": list(self.sets.values), "sets_fitted_on": self.sets.fitted_on} if self.sets else {})


def fit_certainty(
    unseen: Floats, soft: Floats, *, known: Flags, level: float, risk: float, applying: Flags | None = None, seed: int
) -> tuple[Certainty, SetCoverage]:
    """Calibrate, and learn sets and the least probability on what is calibrated; the coverage of the sets is that measured across folds.

    :param unseen: log-probabilities (n, k) of labelled documents by classifiers that did not see their labels.
    :param soft: probabilities of the right category (n, k), rows that sum to 1; one-hot where `known`.
    :param level: share of documents whose set is to hold the right category.
    :param risk: share of errors allowed among the documents that the student does not abstain on.
    :param applying: all categories that the teacher gave each document (n, k), where it gives all that apply.
    """
    calibration = fit_calibration(unseen, soft, known=known, seed=seed)
    calibrated = calibration.apply(unseen)
    found = Certainty(
        calibration,
        fit_conformal(calibrated, soft, level=level, known=known, seed=seed),
        abstention_threshold(calibrated, soft, risk=risk, known=known, seed=seed),
        None if applying is None else _as_many(calibrated, applying),
    )
    return found, coverage(calibrated, soft, level=level, known=known, seed=seed)


def _as_many(probabilities: Floats, applying: Flags) -> SetThresholds:
    """Find the one threshold from which the student gives as many categories beside the likeliest as the teacher does.

    Thresholds with the best F1 by the teacher's sets, one a category, gave half as many sets again that were too large on two corpora:
    what is to be repeated of a weak teacher is how much it says, not where it errs.
    """
    wanted = int(applying.sum() - applying.any(axis=1).sum())
    others = np.sort(np.partition(probabilities, -1, axis=1)[:, :-1].ravel())[::-1]
    threshold = 1.0 if not wanted else float(others[min(wanted, len(others)) - 1])
    return SetThresholds((threshold,) * probabilities.shape[1], len(probabilities))
