"""Pictures of what was measured, as PNG: for the Dagster UI, and for reports."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.trust_records import CurvePoint, Drift

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "DPI",
    "INK",
    "SIZE",
    "SMALL_DPI",
    "calibration_picture",
    "draw",
    "drift_picture",
    "label_picture",
    "learning_picture",
    "short_name",
    "stacked_picture",
]

SIZE = (9.0, 4.2)  # inches, both panels
DPI, SMALL_DPI = 110, 80
INK = "#6b7280"  # readable on a light and on a dark page
COLOURS = ("#2563eb", "#d97706", "#059669")
PARTS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#ca8a04", "#9ca3af")
MOST_BARS, FEW = 30, 8
LONGEST = 40  # characters of a name
OTHERS = "all others"
SHADES = 64


def calibration_picture(points: Sequence[CurvePoint]) -> bytes:
    """Draw how far probabilities can be believed, one colour a subject, from points of curves named `reliability X` and `risk_coverage X`.

    Left, accuracy over probability with its interval, a dot's area by its documents: on the diagonal a probability is what it says.
    Right, the share of errors among the surest labels over the share of documents kept.
    """
    from matplotlib.figure import Figure  # slow to load, and only those who draw need it

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    reliability, risk = figure.subplots(1, 2)
    reliability.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    for colour, (subject, of_subject) in zip(COLOURS, _by_subject(points, "reliability").items(), strict=False):
        total = sum(point.n for point in of_subject)
        x, y = [point.x for point in of_subject], [point.y for point in of_subject]
        low = [max(0.0, point.y - (point.y if point.low is None else point.low)) for point in of_subject]  # rounding may put an end past the point
        high = [max(0.0, (point.y if point.high is None else point.high) - point.y) for point in of_subject]
        reliability.errorbar(x, y, yerr=[low, high], fmt="none", ecolor=colour, elinewidth=1, alpha=0.5)
        reliability.scatter(x, y, s=[20 + 400 * point.n / total for point in of_subject], color=colour, alpha=0.7, label=f"{subject} (n = {total})")
    for colour, (subject, of_subject) in zip(COLOURS, _by_subject(points, "risk_coverage").items(), strict=False):
        x, y = [point.x for point in of_subject], [point.y for point in of_subject]
        risk.plot(x, y, color=colour, label=subject)
        bounds = [[point.y if bound is None else bound for point, bound in zip(of_subject, column, strict=True)] for column in _bounds(of_subject)]
        risk.fill_between(x, *bounds, color=colour, alpha=0.15, linewidth=0)
    reliability.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability", ylabel="share that is right", title="Reliability")
    risk.set(xlim=(0, 1), ylim=(0, None), xlabel="share of documents kept, the surest first", ylabel="share that is wrong", title="Risk and coverage")
    for axes in (reliability, risk):
        axes.grid(alpha=0.2)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize="small")
    return draw(figure)


def label_picture(counts: Mapping[str, int]) -> bytes:
    """Draw how many documents bear each label, the most frequent first; what is rarest is one bar where there are many."""
    from matplotlib.figure import Figure

    shown = dict(_most(counts, MOST_BARS))
    figure = Figure(figsize=(SIZE[0], 1.0 + 0.28 * len(shown)), dpi=SMALL_DPI, layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([short_name(name) for name in shown], list(shown.values()), color=COLOURS[0])
    axes.bar_label(bars, labels=[f"{count:,}" for count in shown.values()], padding=3, fontsize="small", color=INK)
    axes.invert_yaxis()
    axes.set(xlabel="documents", title="Labels")
    return draw(figure)


def learning_picture(points: Sequence[tuple[int, float, float | None, float | None]]) -> bytes:
    """Draw the agreement of students with labels that they had not seen, over the number of labels they learnt from.

    :param points: number of labels, agreement, and the ends of its interval, of each student.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 3.6), dpi=SMALL_DPI, layout="constrained")
    axes = figure.subplots()
    labels, agreement = [point[0] for point in points], [point[1] for point in points]
    below = [max(0.0, value - (value if low is None else low)) for _, value, low, _ in points]
    above = [max(0.0, (value if high is None else high) - value) for _, value, _, high in points]
    axes.errorbar(labels, agreement, yerr=[below, above], fmt="o", color=COLOURS[0], ecolor=INK, elinewidth=1, capsize=2)
    axes.set(xlim=(0, None), ylim=(0, 1), xlabel="labels learnt from", ylabel="agreement", title="Students so far")
    axes.grid(alpha=0.2)
    return draw(figure)


def drift_picture(parts: Sequence[Drift]) -> bytes:
    """Draw how far each part of the corpus is from those before it: its labels, and its documents like nothing learnt from.

    Grey is what chance alone would reach once in a thousand; a part that was compared with nothing has a gap.
    """
    from matplotlib.figure import Figure

    names = [part.part for part in parts]
    columns = {
        "labels": ("distance of the labels", [part.distance for part in parts], [part.distance_by_chance for part in parts]),
        "strangers": ("share of strangers", [part.strangers for part in parts], [part.strangers_by_chance for part in parts]),
    }
    figure = Figure(figsize=SIZE, dpi=SMALL_DPI, layout="constrained")
    for axes, colour, (title, (unit, values, by_chance)) in zip(figure.subplots(1, 2), COLOURS, columns.items(), strict=False):
        axes.fill_between(names, 0.0, _gaps(by_chance), color=INK, alpha=0.2, linewidth=0, label="chance")
        axes.plot(names, _gaps(values), "o-", color=colour, markersize=4)
        axes.set(ylim=(0, None), xlim=(-0.5, len(names) - 0.5), ylabel=unit, title=f"Drift of the {title}")
        axes.tick_params(axis="x", rotation=90 if len(names) > FEW // 2 else 0, labelsize="small")
        axes.grid(alpha=0.2)
        axes.legend(frameon=False, fontsize="small")
    return draw(figure)


def stacked_picture(columns: Mapping[str, Mapping[str, float]], *, title: str, unit: str, shares: bool = False) -> bytes:
    """Draw a bar for each column, one part on the other: the parts that are largest over all, and all others as one.

    :param shares: bars of one height, with the sums above them.
    """
    from matplotlib.figure import Figure

    sums = {name: sum(parts.values()) for name, parts in columns.items()}
    parts = [name for name, _ in _most(sum((Counter(one) for one in columns.values()), Counter[str]()), len(PARTS))]
    figure = Figure(figsize=SIZE, dpi=SMALL_DPI, layout="constrained")
    axes, base = figure.subplots(), dict.fromkeys(columns, 0.0)
    for colour, part in zip(PARTS, parts, strict=False):
        heights = {name: _height(one, part, parts) / ((sums[name] or 1.0) if shares else 1.0) for name, one in columns.items()}
        axes.bar(list(columns), list(heights.values()), bottom=list(base.values()), color=colour, label=short_name(part), width=0.8)
        base = {name: base[name] + heights[name] for name in columns}
    if shares:
        for place, total in enumerate(sums.values()):
            axes.annotate(
                f"{total:,.0f}", (place, 1.0), ha="center", va="bottom", fontsize="x-small", color=INK, rotation=90 if len(sums) > FEW else 0
            )
    axes.set(xlim=(-0.6, max(len(columns), FEW) - 0.4), ylabel=unit, title=title, ylim=(0, 1.15) if shares else (0, None))
    axes.tick_params(axis="x", rotation=90 if len(columns) > FEW else 0, labelsize="small")
    if parts:
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
    return draw(figure)


def draw(figure: "Figure") -> bytes:
    """Write a figure with few colours, since each run keeps its pictures in the event log."""
    from PIL import Image  # matplotlib brings it

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", facecolor="white")
    Image.open(drawn).convert("RGB").quantize(SHADES).save(small, format="png", optimize=True)
    return small.getvalue()


def _gaps(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _most(counts: Mapping[str, float], most: int) -> list[tuple[str, Any]]:
    """Give the largest counts, and as the last one the sum of all others where there are more."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if len(ordered) <= most:
        return ordered
    return [*ordered[: most - 1], (OTHERS, sum(count for _, count in ordered[most - 1 :]))]


def _height(counts: Mapping[str, float], part: str, parts: Sequence[str]) -> float:
    return sum(count for name, count in counts.items() if name not in parts) if part == OTHERS else counts.get(part, 0.0)


def short_name(name: str) -> str:
    """Cut a name, and take away what matplotlib would read as mathematics or hide from the legend."""
    plain = name.replace("$", "\\$")
    plain = f" {plain}" if plain.startswith("_") else plain
    return plain if len(name) <= LONGEST else f"{plain[: LONGEST - 1]}…"


def _by_subject(points: Sequence[CurvePoint], curve: str) -> Mapping[str, list[CurvePoint]]:
    found: dict[str, list[CurvePoint]] = {}
    for point in sorted(points, key=lambda point: (point.curve, point.position)):
        if point.curve.startswith(f"{curve} "):
            found.setdefault(point.curve.removeprefix(f"{curve} "), []).append(point)
    return found


def _bounds(points: Sequence[CurvePoint]) -> tuple[list[float | None], list[float | None]]:
    return [point.low for point in points], [point.high for point in points]
