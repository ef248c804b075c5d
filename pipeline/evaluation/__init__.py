"""Evaluation: coverage, agreement, scores against gold, and the baseline of the same run."""

from pipeline.evaluation.agreement import Agreement, agreement_figures, always_says, cohen_kappa, fleiss_kappa, krippendorff_alpha, label_agreement
from pipeline.evaluation.baseline import baseline_id, cluster_baseline, told_taxonomy
from pipeline.evaluation.calibration import calibration_figures, chance_calibration_error, reliability_points, risk_coverage_points
from pipeline.evaluation.estimate import Signals, above_chance, estimate_accuracy
from pipeline.evaluation.evaluate import curves, evaluate
from pipeline.evaluation.judged import Finding, Judged, evaluation_id
from pipeline.evaluation.judges import Verdicts, judge_findings, majority_findings, trust_findings, trust_level, trust_words
from pipeline.evaluation.judging import Bench, Placed, ask_judge, planned_judgements, stratified
from pipeline.evaluation.metrics import CLUSTERING, Figure, clustering_figures, share
from pipeline.evaluation.mistakes import ConfusedPair, GoldDoubt, Witness, confused_pairs, gold_categories, sort_mistakes
from pipeline.evaluation.raters import RaterQuality, rater_quality
from pipeline.evaluation.sets import set_figures

__all__ = [
    "CLUSTERING",
    "Agreement",
    "Bench",
    "ConfusedPair",
    "Figure",
    "Finding",
    "GoldDoubt",
    "Judged",
    "Placed",
    "RaterQuality",
    "Signals",
    "Verdicts",
    "Witness",
    "above_chance",
    "agreement_figures",
    "always_says",
    "ask_judge",
    "baseline_id",
    "calibration_figures",
    "chance_calibration_error",
    "cluster_baseline",
    "clustering_figures",
    "cohen_kappa",
    "confused_pairs",
    "curves",
    "estimate_accuracy",
    "evaluate",
    "evaluation_id",
    "fleiss_kappa",
    "gold_categories",
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
    "sort_mistakes",
    "stratified",
    "told_taxonomy",
    "trust_findings",
    "trust_level",
    "trust_words",
]
