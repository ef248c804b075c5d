"""Evaluation: coverage, agreement, scores against gold, and the baseline of the same run."""

from pipeline.evaluation.agreement import (
    Agreement,
    agreement_figures,
    always_says,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    label_agreement,
)
from pipeline.evaluation.baseline import baseline_id, cluster_baseline
from pipeline.evaluation.calibration import calibration_figures, chance_calibration_error, reliability_points, risk_coverage_points
from pipeline.evaluation.evaluate import curves, evaluate
from pipeline.evaluation.judged import Finding, Judged, evaluation_id
from pipeline.evaluation.judges import Verdicts, judge_findings, majority_findings, trust_findings, trust_level, trust_words
from pipeline.evaluation.judging import Bench, Placed, ask_judge, planned_judgements, stratified
from pipeline.evaluation.metrics import CLUSTERING, Figure, clustering_figures, share
from pipeline.evaluation.raters import RaterQuality, rater_quality
from pipeline.evaluation.sets import set_figures

__all__ = [
    "CLUSTERING",
    "Agreement",
    "Bench",
    "Figure",
    "Finding",
    "Judged",
    "Placed",
    "RaterQuality",
    "Verdicts",
    "agreement_figures",
    "always_says",
    "ask_judge",
    "baseline_id",
    "calibration_figures",
    "chance_calibration_error",
    "cluster_baseline",
    "clustering_figures",
    "cohen_kappa",
    "curves",
    "evaluate",
    "evaluation_id",
    "fleiss_kappa",
    "judge_findings",
    "krippendorff_alpha",
    "label_agreement",
    "majority_findings",
    "planned_judgements",
    "rater_quality",
    "reliability_points",
    "risk_coverage_points",
    "set_figures",
    "share",
    "stratified",
    "trust_findings",
    "trust_level",
    "trust_words",
]
