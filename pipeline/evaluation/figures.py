"""Collects the figures of one evaluation: each metric asked of a subject, on a part of the documents, by a judge."""

from collections.abc import Set

from pipeline.evaluation.agreement import Ratings, agreement_figures
from pipeline.evaluation.calibration import calibration_figures, chance_calibration_error
from pipeline.evaluation.judged import GOLD, Finding, Judged, Labels, judged_right
from pipeline.evaluation.metrics import Figure, clustering_figures, share
from pipeline.evaluation.scores import Score, called, shares_of_answers
from pipeline.evaluation.sets import set_figures
from pipeline.gold import gold_labels
from pipeline.records import Evaluation

__all__ = ["Figures"]


class Figures:
    """Collects evaluations under one id."""

    def __init__(self, evaluation_id: str, resamples: int, seed: int) -> None:
        self.evaluation_id, self.resamples, self.seed = evaluation_id, resamples, seed
        self.evaluations: list[Evaluation] = []

    def find(self, finding: Finding) -> None:
        """Tell a finding as it is."""
        self.add(finding.subject, finding.metric, finding.slice, finding.figure, finding.judge)

    def share(self, subject: str, metric: str, slice_: str, hits: list[bool], judge: str) -> None:
        """Measure a share of documents."""
        self.add(subject, metric, slice_, share(hits), judge)

    def score(self, score: Score, slice_: str) -> None:
        """Measure a share of documents of which each is a hit or not; nothing where there are none."""
        if score.hits:
            self.share(score.subject, score.metric, slice_, [score.hits[text] for text in sorted(score.hits)], score.judge)

    def without_gold(self, judged: Judged) -> None:
        """Measure what came of the questions to the teacher, and the student's agreement with it on texts that taught it nothing."""
        for score in shares_of_answers(judged):
            self.score(score, "held_out" if score.metric == "agreement" else "all")

    def against_gold(self, subject: str, judged: Judged, slice_: str, within: Set[str]) -> None:
        """Measure a subject on some of the texts that have gold and that it had to label; one it gave no label counts as wrong."""
        labels = {text: label for text, label in judged.to_be_right(subject).items() if text in within}
        if not labels:
            return
        gold = [gold_labels(judged.gold[text])[0] for text in labels]
        for metric, figure in clustering_figures(gold, list(labels.values()), resamples=self.resamples, seed=self.seed).items():
            self.add(subject, metric, slice_, figure, GOLD)
        if subject in {"teacher", "student"}:
            self.beyond_chance(subject, labels, judged, slice_)
        if (judged.named_alike or subject == "told_names") and subject != "baseline":
            self.by_name(subject, labels, judged, slice_)
        if any(len(gold_labels(judged.gold[text])) > 1 for text in labels):
            self.readings(subject, labels, judged, slice_)

    def beyond_chance(self, subject: str, labels: Labels, judged: Judged, slice_: str) -> None:
        """Measure Cohen's kappa of labels and first gold labels, in which one that always says the same has 0."""
        names = called(subject, judged)
        said = {text: None if label is None else names.get(label, f"no gold label: {label}") for text, label in labels.items()}
        raters: Ratings = {"gold": {text: gold_labels(judged.gold[text])[0] for text in labels}, "labels": said}
        for found in agreement_figures(raters, resamples=self.resamples, seed=self.seed):
            if found.metric == "cohen_kappa":
                self.add(subject, "kappa", slice_, found.figure, GOLD)

    def by_name(self, subject: str, labels: Labels, judged: Judged, slice_: str) -> None:
        """Measure labels that can be right or wrong by their exact name, all of a document's labels together."""
        self.share(subject, "exact_accuracy", slice_, [judged.is_right(text, label) for text, label in labels.items()], GOLD)
        gold = [set(gold_labels(judged.gold[text])) for text in labels]
        also = judged.also if subject == "teacher" else {}
        found = [{judged.names.get(one, one) for one in (label, *also.get(text, ())) if one is not None} for text, label in labels.items()]
        several = any(len(names) > 1 for names in [*gold, *found])
        for metric, figure in set_figures(gold, found, resamples=self.resamples, seed=self.seed).items():
            if several or metric not in {"exact_match", "jaccard"}:  # where each has one label, both are the accuracy once more
                self.add(subject, metric, slice_, figure, GOLD)
        if any(also.get(text) for text in labels):
            self.share(subject, "accuracy_with_also", slice_, [bool(one & two) for one, two in zip(gold, found, strict=True)], GOLD)

    def readings(self, subject: str, labels: Labels, judged: Judged, slice_: str) -> None:
        """Measure the accuracy twice where documents have several gold labels: only the first one counts, or any of them."""
        names, gold = called(subject, judged), {text: gold_labels(judged.gold[text]) for text in labels}
        said = {text: names.get(label or "") for text, label in labels.items()}
        self.share(subject, "accuracy_first", slice_, [said[text] == gold[text][0] for text in labels], GOLD)
        self.share(subject, "accuracy_any", slice_, [said[text] in gold[text] for text in labels], GOLD)

    def trust(self, subject: str, labels: Labels, judged: Judged) -> None:
        """Measure how far the probabilities of labels that can be right or wrong can be believed."""
        probabilities, right = judged_right(subject, labels, judged)
        if right:
            figures = calibration_figures(probabilities, right, resamples=self.resamples, seed=self.seed)
            figures["ece_by_chance"] = chance_calibration_error(probabilities, seed=self.seed)
            for metric, figure in figures.items():
                self.add(subject, metric, "all", figure, GOLD)

    def size(self, judged: Judged) -> None:
        """Compare the number of categories with that of gold labels; both are counted, so that the interval is the value alone."""
        labels = {name for gold in judged.gold.values() for name in gold_labels(gold)}
        if labels and judged.names:
            error, n = len(judged.names) - len(labels), len(judged.gold)
            for metric, value in (("k_error", float(error)), ("k_error_relative", error / len(labels))):
                self.add("taxonomy", metric, "all", Figure(value, value, value, n), GOLD)

    def add(self, subject: str, metric: str, slice_: str, figure: Figure, judge: str) -> None:
        """Keep a figure."""
        self.evaluations.append(Evaluation(self.evaluation_id, subject, metric, slice_, figure.value, figure.low, figure.high, figure.n, judge))
