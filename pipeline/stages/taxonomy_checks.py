"""What a person is warned of after a taxonomy was looked at by itself: gaps, overlap, labels that do not hold."""

from collections.abc import Sequence

from pipeline.evaluation import Finding as Found
from pipeline.evaluation.definitions import definition_findings
from pipeline.stages.asking import current_taxonomy
from pipeline.stages.check_rules import Finding, percent
from pipeline.stages.definition_checks import told_of
from pipeline.stages.repeated_labels import flips_of
from pipeline.stages.session import Session

__all__ = ["few_gaps", "labels_hold", "little_overlap"]

NOT_ASKED = "not measured: nothing was asked"


def few_gaps(session: Session) -> Finding:
    """Give the share of the sampled documents that no definition fits."""
    return _below(_definitions(session), "gap", session.project.checks.gap, "no definition fits {} of {} sampled documents")


def little_overlap(session: Session) -> Finding:
    """Give the share of the sampled documents that several definitions fit."""
    return _below(_definitions(session), "overlap", session.project.checks.overlap, "several definitions fit {} of the documents (n {})")


def labels_hold(session: Session) -> Finding:
    """Give the share of the labels that come out otherwise when asked again."""
    return _below(flips_of(session), "flip_rate", session.project.checks.flipped, "{} of the labels of {} documents come out otherwise")


def _definitions(session: Session) -> Sequence[Found]:
    told = told_of(session)
    return definition_findings(told, {one.category_id: one.name for one in current_taxonomy(session).leaves}) if told else ()


def _below(found: Sequence[Found], metric: str, most: float, said: str) -> Finding:
    """Hold the lower end of a figure's interval against the largest value: what chance may explain is no fault."""
    figure = next((one.figure for one in found if (one.metric, one.slice) == (metric, "all")), None)
    if figure is None:
        return Finding(True, NOT_ASKED)
    told = f"{said.format(percent(figure.value), figure.n)} (95 % interval {figure.low:.3f} to {figure.high:.3f})"
    return Finding(figure.low <= most, told, {metric: figure.value, f"{metric}_low": figure.low, "n": figure.n})
