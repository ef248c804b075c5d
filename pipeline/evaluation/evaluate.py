"""What is measured of a run: coverage, the student against its teacher, and all of them against gold where there is any.

Every figure says its n, its interval and its judge.
"""

from dataclasses import replace

from pipeline.evaluation.calibration import reliability_points, risk_coverage_points
from pipeline.evaluation.figures import Figures
from pipeline.evaluation.judged import CITATIONS, Judged, evaluation_id, judged_right
from pipeline.records import Evaluation
from pipeline.trust_records import CurvePoint

__all__ = ["curves", "evaluate"]


def evaluate(judged: Judged, *, resamples: int, seed: int) -> list[Evaluation]:
    """Measure everything that can be measured of a run; without gold, that is coverage and agreement."""
    made = Figures(evaluation_id(judged, resamples=resamples, seed=seed), resamples, seed)
    if judged.cited:
        made.share("taxonomy", "citation_coverage", "sample", list(judged.cited.values()), CITATIONS)
    made.without_gold(judged, "all")
    for subject, labels in (("teacher", judged.taught), ("student", judged.predicted), ("baseline", judged.baseline)):
        made.against_gold(subject, "all", labels, judged.gold)
        made.against_gold(subject, "held_out", {text: labels[text] for text in sorted(judged.held_out) if text in labels}, judged.gold)
        if judged.named_alike:
            made.right_or_wrong(subject, labels, judged, "all")
    if judged.named_alike and judged.also:
        made.sets(judged)
    for name, texts in sorted(judged.slices.items()):
        made.part(name, judged.within(texts), right_or_wrong=judged.named_alike)
    for finding in judged.findings:
        made.find(finding)
    return made.evaluations


def curves(judged: Judged, evaluation: str) -> list[CurvePoint]:
    """Draw the reliability and risk-coverage curves of each subject whose labels can be right or wrong and have probabilities."""
    points: list[CurvePoint] = []
    for subject, labels in (("teacher", judged.taught), ("student", judged.predicted)):
        probabilities, right = judged_right(subject, labels, judged)
        if judged.named_alike and right:
            points += [
                replace(point, curve=f"{point.curve} {subject}")
                for point in [*reliability_points(evaluation, probabilities, right), *risk_coverage_points(evaluation, probabilities, right)]
            ]
    return points
