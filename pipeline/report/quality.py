"""Which figure tells how good the labels are, by whom, and against which baseline: what the verdict and the quality table go by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.records import Evaluation
from pipeline.report.contents import Contents

__all__ = ["BASELINES", "CEILINGS", "HEADLINES", "WHOLE", "Quality", "checked_by", "labeller", "main_slice", "quality"]

BASELINES = ("baseline", "majority", "random", "random_by_share", "tfidf")
CEILINGS = ("told_names",)
# From the most to the least that is known: the metric, and what it goes by.
HEADLINES = ("exact_accuracy", "accuracy", "judged_accuracy_hard", "judged_accuracy_random", "estimated_accuracy")
MATCHED = "accuracy"
WHOLE = ("people", "all", "held_out", "sample", "gold labels", "people unseen", "")  # the one that tells most first; all else is a part


@dataclass(frozen=True)
class Quality:
    """The figure that tells most, who checked it (gold, people, judge or estimate), and the best baseline.

    The best baseline is that which the labels are least ahead of, by exact names or by matching. `beside` is the same labels by its measure.
    """

    figure: Evaluation
    by: str
    baseline: Evaluation | None = None
    beside: Evaluation | None = None
    gain: Evaluation | None = None  # paired, over that baseline, where it was measured

    @property
    def better(self) -> bool | None:
        """Say whether it is shown to be better than the best baseline; None where there is none."""
        if self.baseline is None:
            return None
        if self.gain is not None and self.gain.low is not None:
            return self.gain.low > 0
        low, high = (self.beside or self.figure).low, self.baseline.high
        return low is not None and high is not None and low > high

    @property
    def worse(self) -> bool:
        """Say whether it is shown to be worse than the best baseline."""
        if self.baseline is None or self.better:
            return False
        if self.gain is not None and self.gain.high is not None:
            return self.gain.high < 0
        high, low = (self.beside or self.figure).high, self.baseline.low
        return high is not None and low is not None and high < low

    @property
    def low(self) -> float:
        """Give the lower end of its interval, or the value where it has none."""
        return self.figure.value if self.figure.low is None else self.figure.low


def labeller(contents: Contents) -> str:
    """Name the subject that gives most documents their label: teacher or student."""
    machine = {"student": contents.labelled_by.get("student", 0), "teacher": contents.labelled_by.get("llm", 0)}
    return max(machine, key=lambda subject: machine[subject])


def checked_by(figure: Evaluation) -> str:
    """Say who stands behind a figure: gold, people, judge, estimate or nobody."""
    judge = figure.judge.lower()
    if figure.metric.startswith("estimated"):
        return "estimate"
    if "gold" in judge:
        return "gold"
    if any(word in judge for word in ("people", "person", "human", "rater", "majority")):
        return "people"
    return "judge" if figure.metric.startswith(("judged", "relevance")) else "nobody"


def main_slice(figures: Sequence[Evaluation]) -> Evaluation | None:
    """Choose among figures of one metric the one about the whole, or else the one about held-out documents; None where there is neither."""
    for name in WHOLE:
        for figure in figures:
            if figure.slice == name:
                return figure
    return None


def quality(contents: Contents) -> Quality | None:
    """Find the figure that tells most of how good the labels are; None where nothing does."""
    for figure, by in _candidates(contents, labeller(contents)):
        held = [_against(contents.figures, one) for one in (figure, _matched(contents.figures, figure)) if one is not None]
        worst = min((one for one in held if one is not None), key=_margin, default=None)
        beside, baseline, gain = worst or (figure, None, None)
        return Quality(figure, by, baseline, beside, gain)
    return None


def _against(figures: Sequence[Evaluation], figure: Evaluation) -> tuple[Evaluation, Evaluation, Evaluation | None] | None:
    """Give a figure with the best baseline by the same measure, and the gain over it; None where there is none."""
    baseline = _best_baseline(figures, figure)
    return None if baseline is None else (figure, baseline, _gain(figures, figure, baseline))


def _margin(held: tuple[Evaluation, Evaluation, Evaluation | None]) -> float:
    """Say how far the labels are ahead of a baseline, by its own measure: the baseline that comes nearest is the best one."""
    return held[0].value - held[1].value


def _matched(figures: Sequence[Evaluation], figure: Evaluation) -> Evaluation | None:
    """Give the accuracy of the same labels after matching, which baselines without names have as well."""
    found = [one for one in figures if one.subject == figure.subject and one.metric == MATCHED and checked_by(one) == checked_by(figure)]
    return main_slice(found)


def _candidates(contents: Contents, subject: str) -> Iterator[tuple[Evaluation, str]]:
    """Give the figures that could stand for the labels, those that tell most first; of people and known labels the one with the narrower interval."""
    others = [other for other in ("student", "teacher") if other != subject]
    for wanted in (("people", "gold"), ("judge",), ("estimate",)):
        for name in HEADLINES:
            for subjects in (("labels", subject), others):
                found = [figure for figure in contents.figures if figure.subject in subjects and figure.metric == name]
                best = [main_slice([one for one in found if checked_by(one) == by]) for by in wanted]
                for figure in sorted((one for one in best if one is not None and one.n), key=_width):
                    yield figure, checked_by(figure)


def _width(figure: Evaluation) -> float:
    return 1.0 if figure.low is None or figure.high is None else figure.high - figure.low


def _best_baseline(figures: Sequence[Evaluation], figure: Evaluation) -> Evaluation | None:
    same = [
        one for one in figures
        if one.subject in BASELINES and one.metric == figure.metric and one.slice == figure.slice and one.judge == figure.judge
    ]  # fmt: skip
    return max(same, key=lambda one: one.value, default=None)


def _gain(figures: Sequence[Evaluation], figure: Evaluation, baseline: Evaluation) -> Evaluation | None:
    wanted = f"gain_over_{baseline.subject}"
    found = [one for one in figures if one.subject == figure.subject and one.metric == wanted and one.slice == figure.slice]
    return found[0] if found else None
