"""Evaluation: coverage, agreement, scores against gold, and the baseline of the same run."""

from pipeline.evaluation.baseline import baseline_id, cluster_baseline
from pipeline.evaluation.evaluate import Judged, evaluate, evaluation_id
from pipeline.evaluation.metrics import CLUSTERING, Figure, clustering_figures, share

__all__ = [
    "CLUSTERING",
    "Figure",
    "Judged",
    "baseline_id",
    "cluster_baseline",
    "clustering_figures",
    "evaluate",
    "evaluation_id",
    "share",
]
