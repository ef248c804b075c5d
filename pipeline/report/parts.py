"""The parts of a page: rows and pictures laid out for the templates, from what was read."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipeline.records import Evaluation
from pipeline.report.charts import Whisker, columns_chart, drift_chart, reliability_chart, risk_chart, whisker_chart
from pipeline.report.contents import Branch, Contents
from pipeline.report.faults import in_place, paired
from pipeline.report.metric_names import METRICS, PRINCIPAL, metric, subject_name
from pipeline.report.quality import BASELINES, CEILINGS, WHOLE, main_slice
from pipeline.report.words import range_of, value_of

__all__ = ["Grid", "MetricRows", "balance", "bars", "curve_pictures", "drift_pictures", "grid", "length_picture", "metric_rows", "slice_rows"]

ORDER = ("labels", "student", "teacher", "annotator", "raters", "judges", "taxonomy", *BASELINES, *CEILINGS)
MOST = 24  # rows and columns of the table of confusions
REST = "all others"
CURVES = {"reliability": "reliability", "risk_coverage": "risk_coverage"}


@dataclass(frozen=True)
class Line:
    """One figure as a row of a table."""

    subject: str
    where: str
    value: str
    ends: str
    n: int
    judge: str
    picture: Markup
    is_baseline: bool
    metric: str


@dataclass(frozen=True)
class MetricRows:
    """The figures of one metric, those of the labels first, then those of the baselines."""

    title: str
    asks: str
    lines: Sequence[Line]
    principal: bool = False


@dataclass(frozen=True)
class Grid:
    """Known labels against labels: counts, how dark they are from 0 to 1, and whether they are a hit, kin (a broader or finer name) or wrong."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, int, Sequence[tuple[int, float, str]]]]
    right: int
    n: int
    left_out: int


def metric_rows(contents: Contents) -> list[MetricRows]:
    """Lay out the figures about the whole corpus, metric by metric, each with its baselines."""
    found: dict[str, dict[str, list[Evaluation]]] = {}
    for figure in contents.figures:
        if figure.slice in WHOLE:
            found.setdefault(figure.metric, {}).setdefault(f"{figure.subject} {figure.judge}", []).append(figure)
    laid = []
    for name in sorted(found, key=_place_of_metric):
        chosen = [main_slice(figures) or figures[0] for figures in found[name].values()]
        marks = [one.value for one in chosen if one.subject in BASELINES]
        lines = [_line(one, max(marks, default=None) if one.subject not in BASELINES else None) for one in sorted(chosen, key=_place_of_subject)]
        laid.append(MetricRows(metric(name).title, metric(name).asks, lines, name in PRINCIPAL))
    return laid


def slice_rows(contents: Contents) -> list[MetricRows]:
    """Lay out the figures about parts of the corpus, those that hold one part together side by side."""
    figures = [figure for figure in contents.figures if figure.slice not in WHOLE]
    names = sorted({figure.metric for figure in figures}, key=_place_of_metric)
    laid = []
    for name in names:
        lines = [_line(one) for one in sorted((one for one in figures if one.metric == name), key=lambda one: (_place_of_subject(one), one.value))]
        laid.append(MetricRows(metric(name).title, metric(name).asks, lines))
    return laid


def _line(figure: Evaluation, mark: float | None = None) -> Line:
    fits = 0 <= figure.value <= 1
    picture = whisker_chart(Whisker(figure.value, figure.low, figure.high, mark)) if fits else Markup("")
    where = "" if figure.slice == "all" else figure.slice.replace("_", " ").replace("=", " = ")
    return Line(
        subject_name(figure.subject), where, value_of(figure), range_of(figure), figure.n, figure.judge, picture,
        figure.subject in (*BASELINES, *CEILINGS), metric(figure.metric).title,
    )  # fmt: skip


def _place_of_metric(name: str) -> tuple[int, str]:
    known = list(METRICS)
    return (known.index(name) if name in METRICS else len(known), name)


def _place_of_subject(figure: Evaluation) -> tuple[int, str]:
    return (ORDER.index(figure.subject) if figure.subject in ORDER else len(ORDER), figure.subject)


def curve_pictures(contents: Contents) -> dict[str, tuple[Markup, Sequence[Sequence[Any]]]]:
    """Draw reliability, and risk over coverage, with the rows behind each; none where nothing was held against known labels."""
    points: dict[str, dict[str, list[Any]]] = {name: {} for name in CURVES}
    for point in contents.curves:
        kind, _, subject = point.curve.partition(" ")
        if kind in points and subject in {"student", "teacher"}:
            points[kind].setdefault(subject_name(subject), []).append(point)
    drawn: dict[str, tuple[Markup, Sequence[Sequence[Any]]]] = {}
    if points["reliability"]:
        shown = {name: [(p.x, p.y, p.low, p.high, p.n) for p in of_one] for name, of_one in points["reliability"].items()}
        drawn["reliability"] = reliability_chart(shown), [(name, *row) for name, rows in shown.items() for row in rows]
    if points["risk_coverage"]:
        kept = {name: [(p.x, p.y, p.low, p.high) for p in of_one] for name, of_one in points["risk_coverage"].items()}
        drawn["risk"] = risk_chart(kept), [(name, *row) for name, rows in kept.items() for row in rows]
    return drawn


def drift_pictures(contents: Contents) -> list[Markup]:
    """Draw the drift of the labels and of strangers; none where there are no two parts."""
    if len(contents.drift) < 2:
        return []
    labels = [(part.part, part.distance, part.distance_by_chance) for part in contents.drift]
    strangers = [(part.part, part.strangers, part.strangers_by_chance) for part in contents.drift]
    return [drift_chart(labels, "distance of the labels"), drift_chart(strangers, "share of strangers")]


def length_picture(contents: Contents) -> Markup:
    """Draw how many documents are how long."""
    named = [(f"{start}-{end - 1}" if end else f"{start}+", count) for start, end, count in contents.nutrition.lengths]
    short = [(name if len(named) <= 7 else name.split("-")[0], count) for name, count in named]
    return columns_chart(short, "Documents by words", "words" if len(named) <= 7 else "words, from")


def grid(contents: Contents) -> Grid | None:
    """Lay known labels against labels, the most frequent ones, rows and columns that belong together in the same order."""
    if not contents.confusions:
        return None
    right, n = paired(contents), sum(one.n for one in contents.confusions)
    truths, labels = Counter[str](), Counter[str]()
    for one in contents.confusions:
        truths[one.truth] += one.n
        labels[one.label] += one.n
    rows = [name for name, _ in sorted(truths.items(), key=lambda item: (-item[1], item[0]))]
    columns = list(dict.fromkeys([right[name] for name in rows if right.get(name) in labels]))
    columns += [name for name, _ in labels.most_common() if name not in columns]
    shown_rows, shown_columns = _most(rows), _most(columns)
    counts = Counter[tuple[str, str]]()
    for one in contents.confusions:
        counts[one.truth if one.truth in shown_rows else REST, one.label if one.label in shown_columns else REST] += one.n
    kin, laid = in_place(contents), []
    for row in shown_rows:
        total = sum(counts[row, column] for column in shown_columns)
        kinds = ["hit" if right.get(row) == column and row != REST else "kin" if (row, column) in kin else "wrong" for column in shown_columns]
        shades = [counts[row, column] / max(1, total) for column in shown_columns]
        cells = [
            (counts[row, column], shade**0.5 if kind == "wrong" else shade, kind)  # what is rare and wrong is to be seen
            for column, shade, kind in zip(shown_columns, shades, kinds, strict=True)
        ]
        laid.append((row, total, cells))
    hits = sum(one.n for one in contents.confusions if right.get(one.truth) == one.label)
    return Grid([column or "(none)" for column in shown_columns], laid, hits, n, max(0, len(rows) - len(shown_rows)))


def _most(names: Sequence[str]) -> list[str]:
    return list(names) if len(names) <= MOST else [*names[: MOST - 1], REST]


def bars(branches: Sequence[Branch]) -> Iterator[tuple[Branch, float, float]]:
    """Give each category with its documents as a share of all and of the largest, 0 to 1; a branch counts what lies below it."""
    sums = [_below(branches, place) for place in range(len(branches))]
    total = sum(branch.documents for branch in branches) or 1
    most = max((count for count, branch in zip(sums, branches, strict=True) if branch.is_leaf), default=0) or 1
    for branch, count in zip(branches, sums, strict=True):
        yield branch, count / total, min(1.0, count / most)


def _below(branches: Sequence[Branch], place: int) -> int:
    count = branches[place].documents
    for branch in branches[place + 1 :]:
        if branch.depth <= branches[place].depth:
            break
        count += branch.documents
    return count


def balance(counts: Sequence[int]) -> float | None:
    """Say how evenly documents are shared out: 1 where all categories are as frequent, 0 where one has all; None for one category alone."""
    there, total = [count for count in counts if count], sum(counts)
    if len(counts) < 2 or not total:
        return None
    return abs(-sum(count / total * math.log(count / total) for count in there) / math.log(len(counts)))
