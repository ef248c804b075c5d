"""Numbers and evidence as people read them: shares in per cent, intervals with their ends, long numbers with commas."""

import json
from collections import Counter

from pipeline.records import Evaluation
from pipeline.report.metric_names import metric

__all__ = ["cut", "duration", "evidence_words", "interval", "number", "per_cent", "range_of", "value_of"]


def per_cent(share: float, *, places: int = 1) -> str:
    """Write a share in per cent; 100 and 0 only where it is all or none."""
    shown, least = f"{100 * share:.{places}f}", 10**-places
    if float(shown) == 100 and share < 1:
        shown = f">{100 - least:.{places}f}"
    elif float(shown) == 0 and share > 0:
        shown = f"<{least:.{places}f}"
    return f"{shown.removesuffix('.0') if share in (0, 1) else shown} %"


def number(value: float) -> str:
    """Write a number with commas, as long as it needs to be."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}".rstrip("0")


def value_of(figure: Evaluation) -> str:
    """Write the value of a figure."""
    if not metric(figure.metric).share:
        return f"{figure.value:.3f}"
    return per_cent(figure.value) if 0 <= figure.value <= 1 else f"{100 * figure.value:.1f} points"


def range_of(figure: Evaluation) -> str:
    """Write the ends of a figure's interval; empty where it has none."""
    if figure.low is None or figure.high is None:
        return ""
    if metric(figure.metric).share:
        return f"{100 * figure.low:.1f} to {100 * figure.high:.1f}"
    return f"{figure.low:.3f} to {figure.high:.3f}"


def interval(figure: Evaluation) -> str:
    """Write a figure with its 95 % interval."""
    ends = range_of(figure)
    return f"{value_of(figure)} ({ends})" if ends else value_of(figure)


def duration(seconds: float) -> str:
    """Write a time as one reads it."""
    for length, unit in ((86_400 * 365.25, "years"), (86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"


def evidence_words(evidence: str) -> str:
    """Say what the documents most like that of a mistake are known as; empty where there are none."""
    known_as = Counter(label for _, label in json.loads(evidence or "{}").get("neighbours", ()))
    return "".join(f"{n} of the {known_as.total()} most alike are known as “{label}”" for label, n in known_as.most_common(1))


def cut(text: str, longest: int) -> str:
    """Cut a text where it is too long, and say so with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
