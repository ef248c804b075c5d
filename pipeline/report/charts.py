"""Small pictures as SVG that follow a page's colours: sized for a phone, described for those who do not see them, without a script."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.report.words import per_cent

__all__ = ["Whisker", "columns_chart", "drift_chart", "reliability_chart", "risk_chart", "whisker_chart"]

WIDTH, HEIGHT = 360.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 18.0, 26.0, 40.0
COLOURS = ("one", "two", "three", "four")  # classes of the style sheet


@dataclass(frozen=True)
class Whisker:
    """A value with its interval, on a line from 0 to 1, and a second value to be compared with."""

    value: float
    low: float | None
    high: float | None
    mark: float | None = None


@dataclass(frozen=True)
class _Plane:
    """A square of paper for two axes that begin at 0."""

    most_x: float = 1.0
    most_y: float = 1.0

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(value / self.most_x, 0.0), 1.0)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value / self.most_y, 0.0), 1.0)

    def points(self, pairs: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in pairs)


def whisker_chart(whisker: Whisker) -> Markup:
    """Draw one value with its interval on a line from 0 to 1; a tick stands for what it is compared with."""
    x = [5 + 110 * min(max(value, 0.0), 1.0) for value in (whisker.value, _or(whisker.low, whisker.value), _or(whisker.high, whisker.value))]
    parts = ['<line class="axis" x1="5" y1="9" x2="115" y2="9"/>']
    if whisker.mark is not None:
        at = 5 + 110 * min(max(whisker.mark, 0.0), 1.0)
        parts.append(f'<line class="mark" x1="{at:.1f}" y1="2" x2="{at:.1f}" y2="16"/>')
    parts.append(f'<line class="whisker one" x1="{x[1]:.1f}" y1="9" x2="{x[2]:.1f}" y2="9"/><circle class="dot one" cx="{x[0]:.1f}" cy="9" r="4"/>')
    return Markup(f'<svg class="spark" viewBox="0 0 120 18" aria-hidden="true">{"".join(parts)}</svg>')


def reliability_chart(subjects: Mapping[str, Sequence[tuple[float, float, float | None, float | None, int]]]) -> Markup:
    """Draw accuracy over probability: on the diagonal a probability is what it says.

    :param subjects: probability, accuracy, the ends of its interval, and documents of each bin, by whose labels they are.
    """
    plane, parts = _Plane(), [f'<line class="chance" x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - RIGHT}" y2="{TOP}"/>']
    for colour, points in zip(COLOURS, subjects.values(), strict=False):
        total = max(1, sum(point[4] for point in points))
        for x, y, low, high, n in points:
            across = f"{plane.x(x):.1f}"
            parts.append(
                f'<line class="thin {colour}" x1="{across}" y1="{plane.y(_or(low, y)):.1f}" x2="{across}" y2="{plane.y(_or(high, y)):.1f}"/>'
            )
            parts.append(f'<circle class="dot {colour}" cx="{across}" cy="{plane.y(y):.1f}" r="{2.5 + 5 * (n / total) ** 0.5:.1f}"/>')
    told = "; ".join(f"{name}: {sum(point[4] for point in points):,} documents" for name, points in subjects.items())
    return _chart(plane, parts, "probability", "share that is right", f"Accuracy over probability. {told}")


def risk_chart(subjects: Mapping[str, Sequence[tuple[float, float, float | None, float | None]]]) -> Markup:
    """Draw the share of errors among the surest labels over the share of documents that is kept.

    :param subjects: share kept, share wrong and the ends of its interval, by whose labels they are.
    """
    tops = [_or(high, y) for points in subjects.values() for _, y, _, high in points]
    plane, parts = _Plane(most_y=_round_up(max(tops, default=0.1))), []
    for colour, points in zip(COLOURS, subjects.values(), strict=False):
        upper, lower = [(x, _or(high, y)) for x, y, _, high in points], [(x, _or(low, y)) for x, y, low, _ in points]
        parts.append(f'<polygon class="band {colour}" points="{plane.points([*upper, *reversed(lower)])}"/>')
        parts.append(f'<polyline class="line {colour}" points="{plane.points([(x, y) for x, y, *_ in points])}"/>')
    told = "; ".join(f"{name}: {per_cent(points[-1][1])} wrong where all are kept" for name, points in subjects.items() if points)
    return _chart(plane, parts, "documents kept, the surest first", "share that is wrong", f"Errors over documents kept. {told}")


def drift_chart(parts: Sequence[tuple[str, float | None, float | None]], what: str) -> Markup:
    """Draw a measure over the parts of a corpus in their order, with what chance alone would reach as a shade; gaps where nothing was compared.

    :param parts: name, value, and what chance reaches.
    """
    top = max((max(value or 0.0, chance or 0.0) for _, value, chance in parts), default=0.0)
    plane, across = _Plane(most_y=_round_up(top)), max(1, len(parts) - 1)
    drawn = []
    for place, (_, _, chance) in enumerate(parts):
        if chance is not None:
            width = (WIDTH - LEFT - RIGHT) / across
            left, right = max(LEFT, plane.x(place / across) - width / 2), min(WIDTH - RIGHT, plane.x(place / across) + width / 2)
            high = plane.y(chance)
            drawn.append(f'<rect class="shade" x="{left:.1f}" y="{high:.1f}" width="{right - left:.1f}" height="{HEIGHT - BOTTOM - high:.1f}"/>')
    told = [(place / across, value) for place, (_, value, _) in enumerate(parts) if value is not None]
    drawn.append(f'<polyline class="line one" points="{plane.points(told)}"/>')
    drawn += [f'<circle class="dot one" cx="{plane.x(x):.1f}" cy="{plane.y(y):.1f}" r="3.5"/>' for x, y in told]
    names = (parts[0][0], parts[-1][0]) if parts else ("", "")
    return _chart(plane, drawn, "", what, f"{what} by part of the corpus, from {names[0]} to {names[1]}", ends=names)


def columns_chart(columns: Sequence[tuple[str, int]], what: str, unit: str) -> Markup:
    """Draw a column for each count."""
    most = max((count for _, count in columns), default=0) or 1
    plane, width = _Plane(most_y=_whole_end(most)), (WIDTH - LEFT - RIGHT) / max(1, len(columns))
    drawn = []
    for place, (name, count) in enumerate(columns):
        left, high = LEFT + place * width, plane.y(count)
        drawn.append(
            f'<rect class="bar one" x="{left + 1.5:.1f}" y="{high:.1f}" width="{max(1.0, width - 3):.1f}" height="{HEIGHT - BOTTOM - high:.1f}"/>'
        )
        drawn.append(f'<text class="tick" x="{left + width / 2:.1f}" y="{HEIGHT - BOTTOM + 13}" text-anchor="middle">{html.escape(name)}</text>')
    return _chart(plane, drawn, unit, "", f"{what}: " + ", ".join(f"{name} {count:,}" for name, count in columns), x_ticks=False, whole=True)


def _chart(
    plane: _Plane, parts: Sequence[str], x: str, y: str, told: str, *, ends: tuple[str, str] | None = None, x_ticks: bool = True, whole: bool = False
) -> Markup:
    """Put axes around what is drawn."""
    axes = []
    for place in range(5):
        share = place / 4
        across, up = LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        axes.append(f'<line class="grid" x1="{LEFT}" y1="{up:.1f}" x2="{WIDTH - RIGHT}" y2="{up:.1f}"/>')
        axes.append(f'<text class="tick" x="{LEFT - 5}" y="{up + 3.5:.1f}" text-anchor="end">{_tick(share * plane.most_y, whole=whole)}</text>')
        if x_ticks and ends is None:
            axes.append(f'<text class="tick" x="{across:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{_tick(share * plane.most_x)}</text>')
    if ends is not None:
        for at, anchor, name in ((LEFT, "start", ends[0]), (WIDTH - RIGHT, "end", ends[1])):
            axes.append(f'<text class="tick" x="{at}" y="{HEIGHT - BOTTOM + 14}" text-anchor="{anchor}">{html.escape(name[:24])}</text>')
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    axes.append(f'<text class="title" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(x)}</text>')
    title = f"<title>{html.escape(told)}</title>"
    label = html.escape(told, quote=True)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{label}">{title}{"".join(axes)}{"".join(parts)}'
        + (f'<text class="title" x="4" y="13">{html.escape(y)}</text>' if y else "")
        + "</svg>"
    )


def _tick(value: float, *, whole: bool = False) -> str:
    return f"{value:,.0f}" if whole else f"{100 * value:.0f} %" if value >= 0.0995 or value == 0 else f"{100 * value:.1f} %"


def _round_up(value: float) -> float:
    """Give the least end of an axis that holds a value and is easily read."""
    return next((end for end in (0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8) if value <= end), 1.0)


def _whole_end(most: int) -> float:
    """Give the least end of an axis of counts that divides into four."""
    step = 10 ** max(0, len(str(most)) - 2)
    return float(-(-most // (4 * step)) * 4 * step)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
