"""A logistic regression that does not hold a category's rarity against it."""

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

__all__ = ["ShiftedRegression"]

Floats = npt.NDArray[np.float64]


class ShiftedRegression(LogisticRegression):  # type: ignore[misc]
    """Fitted on labels as frequent as they are, then freed of the frequencies (logit adjustment, Menon et al., ICLR 2021).

    Balanced weights draw the border through the few labels of a rare category as if they were many; here it is drawn with all in
    their place, and then moved. The probabilities are those of documents among which all categories are alike frequent.

    :param C: as in LogisticRegression.
    :param shift: 0 leaves the frequencies in, 1 takes them out altogether.
    """

    def __init__(self, C: float = 1.0, shift: float = 1.0, max_iter: int = 1000) -> None:  # noqa: N803
        """Keep the settings."""
        super().__init__(C=C, max_iter=max_iter)
        self.shift = shift

    def fit(self, rows: Floats, y: npt.ArrayLike, sample_weight: Floats | None = None) -> Self:
        """Fit, and take the logarithm of each class's weight off its intercept; a class counts as at least one whole label."""
        super().fit(rows, y, sample_weight=sample_weight)
        places = np.searchsorted(self.classes_, np.asarray(y))
        weights = np.ones(len(places)) if sample_weight is None else sample_weight
        often = np.log(np.maximum(np.bincount(places, weights=weights, minlength=len(self.classes_)), 1.0))
        self.intercept_ -= self.shift * (often if len(often) > 2 else often[1:] - often[:1])
        return self
