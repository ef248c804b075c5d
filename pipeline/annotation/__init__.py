"""Labels: the model chooses a category for each sampled document, and a teacher makes probabilities of all that is known."""

from pipeline.annotation.annotate import Beside, Manner, annotate, llm_annotator
from pipeline.annotation.budget import BudgetOption, Offer, plan_budget
from pipeline.annotation.cascade import NONE_TAKEN, LearnedThreshold, learn_threshold
from pipeline.annotation.confidence import Confidence, fit_confidence
from pipeline.annotation.demonstrations import Pool, choose_demonstrations
from pipeline.annotation.evidence import evidence_occurs, find_evidence
from pipeline.annotation.hints import rule_hints
from pipeline.annotation.learning_curve import LearningPoint, fit_curve
from pipeline.annotation.levels import annotate_by_level
from pipeline.annotation.quality import annotator_quality
from pipeline.annotation.rules import apply_rules, rule_annotator
from pipeline.annotation.selection import Gain, gain_is_noise, is_enough, next_batch
from pipeline.annotation.sharing import shared_annotator, shared_labels
from pipeline.annotation.shortlist import ShortlistLength, card_texts, choose_length, length_as_given, rank_categories, recall_points, shortlist_for
from pipeline.annotation.split import held_out
from pipeline.annotation.teacher import (
    Grounds,
    Judgement,
    Taught,
    batch_labels,
    scored_probabilities,
    teach,
    teacher_annotator,
    unsure_texts,
)
from pipeline.annotation.votes import consensus, vote_annotator, vote_labels
from pipeline.annotation.windows import windows_of
from pipeline.annotation.writing import MOST_SHOWN, Subject, WantedExample, example_documents, judge_examples, wanted_examples, write_examples
from pipeline.set_thresholds import SetThresholds, fit_set_thresholds

__all__ = [
    "MOST_SHOWN",
    "NONE_TAKEN",
    "Beside",
    "BudgetOption",
    "Confidence",
    "Gain",
    "Grounds",
    "Judgement",
    "LearnedThreshold",
    "LearningPoint",
    "Manner",
    "Offer",
    "Pool",
    "SetThresholds",
    "ShortlistLength",
    "Subject",
    "Taught",
    "WantedExample",
    "annotate",
    "annotate_by_level",
    "annotator_quality",
    "apply_rules",
    "batch_labels",
    "card_texts",
    "choose_demonstrations",
    "choose_length",
    "consensus",
    "evidence_occurs",
    "example_documents",
    "find_evidence",
    "fit_confidence",
    "fit_curve",
    "fit_set_thresholds",
    "gain_is_noise",
    "held_out",
    "is_enough",
    "judge_examples",
    "learn_threshold",
    "length_as_given",
    "llm_annotator",
    "next_batch",
    "plan_budget",
    "rank_categories",
    "recall_points",
    "rule_annotator",
    "rule_hints",
    "scored_probabilities",
    "shared_annotator",
    "shared_labels",
    "shortlist_for",
    "teach",
    "teacher_annotator",
    "unsure_texts",
    "vote_annotator",
    "vote_labels",
    "wanted_examples",
    "windows_of",
    "write_examples",
]
