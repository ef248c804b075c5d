"""Students: small classifiers that learn from the labels and label everything else."""

from pipeline.students.artefact import LoadedStudent, load_student, save_student
from pipeline.students.score import Scored, score, score_texts
from pipeline.students.train import METHOD, Trained, TrainingSet, cited_labels, cross_predict, soft_labels, spread, train

__all__ = [
    "METHOD",
    "LoadedStudent",
    "Scored",
    "Trained",
    "TrainingSet",
    "cited_labels",
    "cross_predict",
    "load_student",
    "save_student",
    "score",
    "score_texts",
    "soft_labels",
    "spread",
    "train",
]
