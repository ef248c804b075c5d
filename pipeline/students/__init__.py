"""Students: small classifiers that learn from the labels and label everything else."""

from pipeline.students.artefact import LoadedStudent, amend_card, load_student, save_student
from pipeline.students.candidates import candidates_of, features_of
from pipeline.students.card import chosen_facts, model_card
from pipeline.students.certainty import Certainty, fit_certainty
from pipeline.students.choice import Candidate, Choice, Trial, choose, fit_candidate
from pipeline.students.comparison import Comparison, compare_students
from pipeline.students.doubts import Doubted, doubt_labels
from pipeline.students.export import export_onnx
from pipeline.students.features import READ_FEATURES, TEXT_FEATURES
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.groups import numbered_groups, same_groups
from pipeline.students.inputs import Inputs
from pipeline.students.learning import MOST_TRIED, Learnt, learn
from pipeline.students.material import Material
from pipeline.students.noise import to_relabel
from pipeline.students.novelty import Novelty, fit_novelty
from pipeline.students.score import ScoredCategory, TextPrediction, certainty_columns, score, score_texts
from pipeline.students.text_classifier import TextClassifier, load
from pipeline.students.tfidf import tfidf_labels
from pipeline.students.train import METHOD, Trained, TrainingSet, cited_labels, cross_predict, soft_labels, spread, train
from pipeline.students.written_trial import Offered, WrittenTrial

__all__ = [
    "METHOD",
    "MOST_TRIED",
    "READ_FEATURES",
    "TEXT_FEATURES",
    "Candidate",
    "Certainty",
    "Choice",
    "Comparison",
    "Doubted",
    "Inputs",
    "Learnt",
    "LoadedStudent",
    "Material",
    "Novelty",
    "Offered",
    "ScoredCategory",
    "TextClassifier",
    "TextPrediction",
    "Trained",
    "TrainingSet",
    "Trial",
    "Voice",
    "Workshop",
    "WrittenTrial",
    "amend_card",
    "candidates_of",
    "certainty_columns",
    "choose",
    "chosen_facts",
    "cited_labels",
    "compare_students",
    "cross_predict",
    "doubt_labels",
    "export_onnx",
    "features_of",
    "fit_candidate",
    "fit_certainty",
    "fit_novelty",
    "learn",
    "load",
    "load_student",
    "model_card",
    "numbered_groups",
    "same_groups",
    "save_student",
    "score",
    "score_texts",
    "soft_labels",
    "spread",
    "tfidf_labels",
    "to_relabel",
    "train",
]
