"""Pictures of figures and of confusions, as PNG: for the Dagster UI."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.evaluation.pictures import COLOURS, DPI, INK, SIZE, SMALL_DPI, draw, short_name
from pipeline.records import Evaluation

__all__ = ["confusion_picture", "quality_picture"]

BASELINES = ("baseline", "majority", "random", "tfidf", "told_names")
METRICS = ("exact_accuracy", "accuracy", "macro_f1", "estimated_accuracy", "coverage", "agreement", "ari", "nmi", "purity")
MOST = 24  # rows and columns
OTHERS, NONE = "all others", "(none)"


def quality_picture(figures: Sequence[Evaluation]) -> bytes:
    """Draw the figures about the whole with their intervals, metric by metric; baselines are grey."""
    from matplotlib.figure import Figure  # slow to load, and only those who draw need it

    rows = [
        figure
        for metric in METRICS
        for figure in sorted(figures, key=lambda one: (one.subject in BASELINES, one.subject))
        if figure.metric == metric and figure.slice in {"all", "held_out"} and (figure.slice == "all" or metric == "agreement")
    ]
    drawn = Figure(figsize=(SIZE[0], 1.2 + 0.3 * len(rows)), dpi=SMALL_DPI, layout="constrained")
    axes = drawn.subplots()
    for place, figure in enumerate(rows):
        low, high = (figure.value if end is None else end for end in (figure.low, figure.high))
        colour = INK if figure.subject in BASELINES else COLOURS[0]
        axes.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.5, solid_capstyle="round")
        axes.plot([figure.value], [place], "o", color=colour)
    axes.set_yticks(range(len(rows)), [f"{figure.metric}: {figure.subject} (n = {figure.n:,}, {figure.judge})" for figure in rows], fontsize="small")
    axes.invert_yaxis()
    axes.set(xlim=(min(0.0, min((figure.value for figure in rows), default=0.0)), 1.0), title="Quality with 95 % intervals")
    axes.grid(alpha=0.2, axis="x")
    return draw(drawn)


def confusion_picture(counts: Mapping[tuple[str, str], int], *, judge: str) -> bytes:
    """Draw what the judge says against the labels, shaded by the share of the row, what belongs together in the same order.

    :param counts: texts by what the judge calls them and by their label; an empty label is none.
    """
    from matplotlib.figure import Figure

    rows, columns, table = _ordered(counts)
    side = 1.8 + 0.34 * max(len(rows), len(columns))
    drawn = Figure(figsize=(side + 1.5, side), dpi=DPI if len(rows) <= MOST // 2 else SMALL_DPI, layout="constrained")
    axes = drawn.subplots()
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    for row, column in np.argwhere(table > 0):
        axes.text(column, row, f"{table[row, column]:,.0f}", ha="center", va="center", fontsize="x-small")
    axes.set_xticks(range(len(columns)), [short_name(name or NONE) for name in columns], rotation=60, ha="right", fontsize="small")
    axes.set_yticks(range(len(rows)), [short_name(name) for name in rows], fontsize="small")
    axes.set(title="Confusions", xlabel="label", ylabel=f"by {judge}")
    return draw(drawn)


def _ordered(counts: Mapping[tuple[str, str], int]) -> tuple[list[str], list[str], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """Give the most frequent rows and columns, each column at the row that it fits best, and their counts."""
    by_row, by_column = Counter[str](), Counter[str]()
    for (row, column), n in counts.items():
        by_row[row] += n
        by_column[column] += n
    rows, columns = _most(by_row), _most(by_column)
    table = np.zeros((len(rows), len(columns)))
    for (row, column), n in counts.items():
        table[rows.index(row if row in rows else OTHERS), columns.index(column if column in columns else OTHERS)] += n
    matched = {int(column): int(row) for row, column in zip(*linear_sum_assignment(-table), strict=True)}
    order = sorted(range(len(columns)), key=lambda place: (matched.get(place, len(rows)), place))
    return rows, [columns[place] for place in order], table[:, order]


def _most(counts: Counter[str]) -> list[str]:
    names = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return names if len(names) <= MOST else [*names[: MOST - 1], OTHERS]
