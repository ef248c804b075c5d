"""What is measured of a run: coverage, the student against its teacher, and all of them against gold where there is any.

Every figure says its n, its interval and its judge.
"""

from dataclasses import replace

from pipeline.evaluation.calibration import reliability_points, risk_coverage_points
from pipeline.evaluation.figures import Figures
from pipeline.evaluation.judged import CITATIONS, Judged, evaluation_id, judged_right
from pipeline.evaluation.paired import comparisons
from pipeline.evaluation.rivals import rivals_of
from pipeline.evaluation.scores import scores_of
from pipeline.evaluation.slices import parted_figures
from pipeline.records import Evaluation
from pipeline.trust_records import CurvePoint

__all__ = ["curves", "evaluate"]


def evaluate(judged: Judged, *, resamples: int, seed: int) -> list[Evaluation]:
    """Measure everything that can be measured of a run; without gold, that is coverage and agreement."""
    made = Figures(evaluation_id(judged, resamples=resamples, seed=seed), resamples, seed)
    if judged.cited:
        made.share("taxonomy", "citation_coverage", "sample", list(judged.cited.values()), CITATIONS)
    made.size(judged)
    made.without_gold(judged)
    judged = replace(judged, rivals=rivals_of(judged, seed=seed))
    for subject in ("teacher", "student", "baseline", *judged.rivals):
        made.against_gold(subject, judged, "all", judged.gold.keys())
        made.against_gold(subject, judged, "held_out", judged.held_out)
    made.evaluations += comparisons(judged, evaluation_id=made.evaluation_id, resamples=resamples, seed=seed)
    for subject, labels in (("teacher", judged.taught), ("student", judged.predicted)):
        if judged.named_alike:
            made.trust(subject, labels, judged)
    for finding in [*(parted_figures(scores_of(judged), judged.slices) if judged.slices else []), *judged.findings]:
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
