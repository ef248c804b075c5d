"""What each metric is called and what it asks, in words for people who do not know it; the one place for this."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["METRICS", "PRINCIPAL", "SUBJECTS", "Metric", "metric", "subject_name"]


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
    "judged_accuracy_hard": Metric("Judged, hard rival", "How often does the judge prefer the label to the wrong one that is nearest?"),
    "judged_accuracy_random": Metric("Judged, random rival", "How often does the judge prefer the label to a wrong one drawn at random?"),
    "relevance": Metric("Relevance", "How often does the label answer the use case, by the judge?"),
    "macro_f1": Metric("Macro F1", "How good are the labels where each category counts the same, rare ones included?"),
    "matched_macro_f1": Metric("Macro F1, matched", "The same, after each category was paired with one known label at most."),
    "coverage": Metric("Coverage", "How many of the documents that were asked about got a category?"),
    "none_fits": Metric("None fits", "For how many documents does the model say that no category fits?", better="down"),
    "unsure": Metric("Unsure", "For how many documents was no category sure enough?", better="down"),
    "failed": Metric("No answer", "For how many documents did the model give no valid answer?", better="down"),
    "agreement": Metric("Agreement", "How often does the student say what its teacher says of a document that it did not learn from?"),
    "gap": Metric("Gap", "How many documents fit no definition of the taxonomy?", better="down"),
    "overlap": Metric("Overlap", "How many documents fit two definitions or more?", better="down"),
    "flip_rate": Metric("Flip rate", "How many labels change when the same document is asked about again?", better="down"),
    "krippendorff_alpha": Metric("Krippendorff's alpha", "How far do raters agree beyond chance? From 0.8 on it is called good.", share=False),
    "judge_kappa": Metric("Judge against the known", "How far does the judge know right from wrong, beyond chance?", share=False),
    "citation_coverage": Metric("Cited", "How much of the sample does a category of the taxonomy cite?"),
    "micro_f1": Metric("Micro F1", "How good are the labels where each decision counts the same?"),
    "matched_micro_f1": Metric("Micro F1, matched", "The same, after each category was paired with one known label at most."),
    "accuracy_first": Metric("Accuracy, first known", "How often is the label the first of several known ones?"),
    "accuracy_any": Metric("Accuracy, any known", "How often is the label any of several known ones?"),
    "accuracy_with_also": Metric("Accuracy, further labels", "How often is one of a document's labels a known one?"),
    "exact_match": Metric("Exact match", "How often is the whole set of labels right?"),
    "jaccard": Metric("Jaccard", "How much do found and known labels of a document overlap?"),
    "precision": Metric("Precision", "How many of the documents of a category belong there?"),
    "recall": Metric("Recall", "How many of the documents that belong to a category bear it?"),
    "ari": Metric("Adjusted Rand", "Do labels put the same documents together as the known labels do? 0 is chance, 1 is the same.", share=False),
    "nmi": Metric("Mutual information", "How much do labels tell of the known labels? 0 is nothing, 1 is all.", share=False),
    "v_measure": Metric("V-measure", "Are categories pure, and known labels whole? 0 to 1.", share=False),
    "homogeneity": Metric("Homogeneity", "Does a category hold one known label alone? 0 to 1.", share=False),
    "completeness": Metric("Completeness", "Does a known label lie in one category alone? 0 to 1.", share=False),
    "purity": Metric("Purity", "How many documents are of the most frequent known label of their category?", share=False),
    "harmonic_purity": Metric("Harmonic purity", "Do categories hold one known label each, and are known labels whole?", share=False),
    "k_error": Metric("Error of the number", "By how much is the number of categories off that of the known labels?", share=False, better="down"),
    "k_error_relative": Metric("Error of the number, relative", "The same, as a share of the known labels.", share=False, better="down"),
    "ece": Metric("Calibration error", "How far are probabilities from the share that is right, on average?", share=False, better="down"),
    "ece_by_chance": Metric("Calibration error by chance", "What would that error be if all probabilities were true?", share=False, better="neither"),
    "brier": Metric("Brier score", "How far are probabilities from what came true, squared? 0 is best.", share=False, better="down"),
    "auroc": Metric("AUROC", "Does a right label have a higher probability than a wrong one? 0.5 is chance.", share=False),
    "aurc": Metric("Area under risk and coverage", "How many errors stay when the least sure labels go? 0 is best.", share=False, better="down"),
    "raw_agreement": Metric("Raw agreement", "How often do two say the same, chance included?"),
    "cohen_kappa": Metric("Cohen's kappa", "How far do two agree beyond chance? 0 is chance, 1 is always.", share=False),
    "fleiss_kappa": Metric("Fleiss' kappa", "How far do several agree beyond chance? 0 is chance, 1 is always.", share=False),
    "gwet_ac1": Metric("Gwet's AC1", "The same, by a chance that rare labels do not pull down.", share=False),
    "brennan_prediger": Metric("Brennan and Prediger", "The same, if all labels were as likely by chance.", share=False),
    "pabak": Metric("Kappa, prevalence-adjusted", "What would kappa be if all labels were as frequent?", share=False),
    "positive_agreement": Metric("Positive agreement", "Where one names the label, how often does another?"),
    "negative_agreement": Metric("Negative agreement", "Where one leaves the label out, how often does another?"),
    "position_consistency": Metric("Judge's consistency", "How often does the judge say the same when the answers change places?"),
    "position_bias": Metric("Position bias", "How often does the judge take the first place? 50 % is none.", better="neither"),
    "judge_says_right": Metric("Judge finds right", "How many labels does the judge find right, be they or not?", better="neither"),
    "judge_accuracy": Metric("Judge on known labels", "How often does the judge prefer the known label to the nearest wrong one?"),
    "judgements_failed": Metric("Judge without an answer", "How many questions brought no valid answer?", better="down"),
    "definition_recall": Metric("Definitions and their own", "How many documents with a label fit its definition?"),
    "spill_over": Metric("Spill-over", "How many documents of others does a definition take in?", better="down"),
    "spilled_on": Metric("Spill-over between two", "How many documents of one fit the other's definition?", better="down"),
    "unanswered": Metric("Definitions, unanswered", "How many questions about definitions brought no usable answer?", better="down"),
    "distinctness": Metric("Distinctness", "How far are the definitions from one another?", share=False),
    "stability": Metric("Stability", "How alike are taxonomies of other samples?", share=False),
}  # fmt: skip
PRINCIPAL = tuple(METRICS)[: tuple(METRICS).index("citation_coverage")]  # those that people look at first
GAIN, TEST, WORSE, TOGETHER = "gain_over_", "mcnemar_p_", "_much_worse", "agreement_"
SUBJECTS: Mapping[str, str] = {
    "student": "Student",
    "teacher": "Model",
    "taxonomy": "Taxonomy",
    "labels": "Labels",
    "raters": "People",
    "judges": "Judges",
    "annotator": "Model, asked again",
    "baseline": "k-means, named",
    "majority": "Always the largest",
    "random": "At random",
    "random_by_share": "At random, by share",
    "tfidf": "TF-IDF student",
    "told_names": "Told the names",
}


def metric(name: str) -> Metric:
    """Give a metric in words; one that is not known bears its own name."""
    if name in METRICS:
        return METRICS[name]
    if name.endswith(WORSE):
        about = metric(name.removesuffix(WORSE))
        return Metric(f"{about.title}: much worse", "By how much is this part of the corpus above the rest? Below 0 is worse.", better="up")
    if name.startswith(GAIN):
        return Metric(f"Gain over: {subject_name(name.removeprefix(GAIN)).lower()}", "By how much is it better on the same documents?")
    if name.startswith(TEST):
        other = subject_name(name.removeprefix(TEST)).lower()
        return Metric(f"McNemar's p: {other}", "How likely would chance alone make so clear a difference?", share=False, better="neither")
    if name.startswith(TOGETHER) and name != TOGETHER:
        about = metric(name.removeprefix(TOGETHER))
        return Metric(f"Agreement: {about.title.lower()}", about.asks, about.share, about.better)
    return Metric(name.replace("_", " ").capitalize(), "", share=False, better="neither")


def subject_name(subject: str) -> str:
    """Give what is measured in words."""
    return SUBJECTS.get(subject, subject.replace("_", " ").capitalize())
