"""Pictures of what was measured, as PNG: for the Dagster UI, and for reports."""

import io
from collections.abc import Mapping, Sequence

from pipeline.trust_records import CurvePoint

__all__ = ["calibration_picture"]

SIZE = (9.0, 4.2)  # inches, both panels
DPI = 110
INK = "#6b7280"  # readable on a light and on a dark page
COLOURS = ("#2563eb", "#d97706", "#059669")


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
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", facecolor="white")
    return drawn.getvalue()


def _by_subject(points: Sequence[CurvePoint], curve: str) -> Mapping[str, list[CurvePoint]]:
    found: dict[str, list[CurvePoint]] = {}
    for point in sorted(points, key=lambda point: (point.curve, point.position)):
        if point.curve.startswith(f"{curve} "):
            found.setdefault(point.curve.removeprefix(f"{curve} "), []).append(point)
    return found


def _bounds(points: Sequence[CurvePoint]) -> tuple[list[float | None], list[float | None]]:
    return [point.low for point in points], [point.high for point in points]
