"""What predictions are held against: known labels where there are enough of them, the teacher's probabilities where there are not."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST_KNOWN", "Judged", "checked_probabilities", "judged_rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
FEWEST_KNOWN = 100  # known labels that a promise can rest on alone; with fewer, chance moves it more than the teacher's errors do
EXACT = 1e-4  # by which a row may miss its sum: single precision over many categories


@dataclass(frozen=True, eq=False)
class Judged:
    """The documents that count, and how likely each category is the right one of each: (m, k), one-hot rows where `known`."""

    rows: Ints
    truth: Floats
    known: bool


def judged_rows(soft: npt.ArrayLike, known: npt.ArrayLike | None = None) -> Judged:
    """Choose the documents to hold predictions against: those with known labels from 100 of them on or where all are, otherwise all.

    Known labels are gold whatever the teacher is worth, but only if the documents were chosen at random: labels that
    somebody asked for because they were hard to tell are not to be marked as known.

    :param soft: probabilities of the right category (n, k), rows that sum to 1.
    :param known: which rows (n,) are known labels, one-hot each; none where it is left out.
    :raises ValueError: where a row is no distribution, or a known one is not one-hot.
    """
    truth = checked_probabilities(soft)
    flags = np.zeros(len(truth), dtype=bool) if known is None else np.asarray(known, dtype=bool)
    if flags.shape != (len(truth),):
        raise ValueError(f"known has the shape {flags.shape}; expected ({len(truth)},), one flag for each row of soft labels")
    vague = np.flatnonzero(flags & (truth.max(axis=1) < 1 - EXACT))
    if len(vague):
        raise ValueError(f"{len(vague)} of {int(flags.sum())} known labels, as row {vague[0]}, are not one-hot")
    if flags.sum() < FEWEST_KNOWN and not flags.all():
        return Judged(np.arange(len(truth)), truth, known=False)
    rows = np.flatnonzero(flags)
    return Judged(rows, truth[rows], known=True)


def checked_probabilities(values: npt.ArrayLike) -> Floats:
    """Take probabilities (n, k) as they are, or say what is wrong with them.

    :raises ValueError: where there is no category, or a row has anything but values from 0 to 1 that sum to 1.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not rows.shape[1]:
        raise ValueError(f"probabilities have the shape {rows.shape}; expected a row for each document and at least 1 category")
    # Written so that NaN fails.
    wrong = np.flatnonzero(~((rows >= 0).all(axis=1) & (np.abs(rows.sum(axis=1) - 1) <= EXACT)))
    if len(wrong):
        raise ValueError(f"{len(wrong)} of {len(rows)} rows, as row {wrong[0]}, are no probabilities: values from 0 to 1 that sum to 1 are expected")
    return rows
