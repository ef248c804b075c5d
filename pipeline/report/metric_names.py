"""What each metric is called and what it asks, in words for people who do not know it; the one place for this."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["METRICS", "SUBJECTS", "Metric", "metric", "subject_name"]


@dataclass(frozen=True)
class Metric:
    """A metric in words; a share is shown in per cent, and `better` says which way is good: up, down or neither."""

    title: str
    asks: str
    share: bool = True
    better: str = "up"


METRICS: Mapping[str, Metric] = {
    "exact_accuracy": Metric("Accuracy", "How often is the label the known one?"),
    "accuracy": Metric("Accuracy, matched", "How often is the label the known one, after each category was paired with one known label at most?"),
    "estimated_accuracy": Metric("Accuracy, estimated", "How often is the label right, as far as can be told without known labels?"),
    "judged_accuracy_random": Metric("Judged, random rival", "How often does the judge prefer the label to a wrong one drawn at random?"),
    "judged_accuracy_hard": Metric("Judged, hard rival", "How often does the judge prefer the label to the wrong one that is nearest?"),
    "relevance": Metric("Relevance", "How often does the label answer the use case, by the judge?"),
    "position_consistency": Metric("Judge's consistency", "How often does the judge say the same when the answers change places?"),
    "macro_f1": Metric("Macro F1", "How good are the labels where each category counts the same, rare ones included?"),
    "micro_f1": Metric("Micro F1", "How good are the labels where each decision counts the same?"),
    "exact_match": Metric("Exact match", "How often is the whole set of labels right?"),
    "jaccard": Metric("Jaccard", "How much do found and known labels of a document overlap?"),
    "multi_label_accuracy": Metric("Accuracy, several right", "How often is the label one of those that are right?"),
    "coverage": Metric("Coverage", "How many of the documents that were asked about got a category?"),
    "failed": Metric("No answer", "For how many documents did the model give no valid answer?", better="down"),
    "failure_rate": Metric("No answer", "For how many documents did the model give no valid answer?", better="down"),
    "none_fits": Metric("None fits", "For how many documents does the model say that no category fits?", better="down"),
    "citation_coverage": Metric("Cited", "How much of the sample does a category of the taxonomy cite?"),
    "agreement": Metric("Agreement", "How often does the student say what its teacher says of a document that it did not learn from?"),
    "ari": Metric("Adjusted Rand", "Do labels put the same documents together as the known labels do? 0 is chance, 1 is the same.", share=False),
    "nmi": Metric("Mutual information", "How much do labels tell of the known labels? 0 is nothing, 1 is all.", share=False),
    "v_measure": Metric("V-measure", "Are categories pure, and known labels whole? 0 to 1.", share=False),
    "purity": Metric("Harmonic purity", "Do categories hold one known label each, and are known labels whole?", share=False),
    "k_error": Metric("Error of the number", "By how much is the number of categories off that of the known labels?", share=False, better="down"),
    "ece": Metric("Calibration error", "How far are probabilities from the share that is right, on average?", share=False, better="down"),
    "ece_by_chance": Metric("Calibration error by chance", "What would that error be if all probabilities were true?", share=False, better="neither"),
    "brier": Metric("Brier score", "How far are probabilities from what came true, squared? 0 is best.", share=False, better="down"),
    "auroc": Metric("AUROC", "Does a right label have a higher probability than a wrong one? 0.5 is chance.", share=False),
    "aurc": Metric("Area under risk and coverage", "How many errors stay when the least sure labels go? 0 is best.", share=False, better="down"),
    "kappa": Metric("Kappa", "How far do two agree beyond chance? 0 is chance, 1 is always.", share=False),
    "cohen_kappa": Metric("Cohen's kappa", "How far do two agree beyond chance? 0 is chance, 1 is always.", share=False),
    "fleiss_kappa": Metric("Fleiss' kappa", "How far do several agree beyond chance? 0 is chance, 1 is always.", share=False),
    "krippendorff_alpha": Metric("Krippendorff's alpha", "How far do raters agree beyond chance? From 0.8 on it is called good.", share=False),
    "pabak": Metric("Kappa, prevalence-adjusted", "What would kappa be if all labels were as frequent?", share=False),
    "gap": Metric("Gap", "How many documents fit no definition of the taxonomy?", better="down"),
    "overlap": Metric("Overlap", "How many documents fit two definitions or more?", better="down"),
    "spill_over": Metric("Spill-over", "How many documents of a category fit another's definition as well?", better="down"),
    "distinctness": Metric("Distinctness", "How far are the definitions from one another?", share=False),
    "stability": Metric("Stability", "How alike are taxonomies of other samples?", share=False),
    "flip_rate": Metric("Flip rate", "How many labels change when the same document is asked about again?", better="down"),
    "much_worse": Metric("Much worse here", "By how much is this part of the corpus worse than the rest?", better="down"),
}  # fmt: skip
GAIN = "gain_over_"
SUBJECTS: Mapping[str, str] = {
    "student": "Student",
    "teacher": "Model",
    "taxonomy": "Taxonomy",
    "raters": "People",
    "judge": "Judge",
    "baseline": "k-means, named",
    "majority": "Always the largest",
    "random": "At random",
    "tfidf": "TF-IDF student",
    "told_names": "Told the names",
}


def metric(name: str) -> Metric:
    """Give a metric in words; one that is not known bears its own name."""
    if name in METRICS:
        return METRICS[name]
    if name.startswith(GAIN):
        return Metric(f"Gain over {subject_name(name.removeprefix(GAIN)).lower()}", "By how much is it better on the same documents?")
    return Metric(name.replace("_", " ").capitalize(), "", share=False, better="neither")


def subject_name(subject: str) -> str:
    """Give what is measured in words."""
    return SUBJECTS.get(subject, subject.replace("_", " ").capitalize())
