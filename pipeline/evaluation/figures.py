"""Collects the figures of one evaluation: each metric asked of a subject, on a part of the documents, by a judge."""

from collections.abc import Mapping

from pipeline.evaluation.calibration import calibration_figures, chance_calibration_error
from pipeline.evaluation.judged import GOLD, TEACHER, Finding, Judged, Labels, judged_right
from pipeline.evaluation.metrics import Figure, clustering_figures, share
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

    def without_gold(self, judged: Judged, slice_: str) -> None:
        """Measure the teacher's coverage, and the student's agreement with it on texts that taught it nothing."""
        if judged.asked:
            self.share("teacher", "coverage", slice_, [judged.taught.get(text) is not None for text in sorted(judged.asked)], TEACHER)
        both = [text for text in sorted(judged.held_out) if judged.taught.get(text) is not None and text in judged.predicted]
        if both:
            agrees = [judged.predicted[text] == judged.taught[text] for text in both]
            self.share("student", "agreement", "held_out" if slice_ == "all" else slice_, agrees, TEACHER)

    def part(self, name: str, judged: Judged, *, right_or_wrong: bool) -> None:
        """Measure one part of the corpus; without gold labels that are names of categories, by how labels and gold group it."""
        self.without_gold(judged, name)
        for subject, labels in (("teacher", judged.taught), ("student", judged.predicted)):
            if right_or_wrong:
                self.right_or_wrong(subject, labels, judged, name)
            else:
                self.against_gold(subject, name, labels, judged.gold)

    def against_gold(self, subject: str, slice_: str, labels: Labels, gold: Mapping[str, str]) -> None:
        """Measure how labels and gold group the documents that have both."""
        texts = sorted(text for text in labels if text in gold)
        if not texts:
            return
        figures = clustering_figures(
            [gold_labels(gold[text])[0] for text in texts], [labels[text] for text in texts], resamples=self.resamples, seed=self.seed
        )
        for metric, figure in figures.items():
            self.add(subject, metric, slice_, figure, GOLD)

    def right_or_wrong(self, subject: str, labels: Labels, judged: Judged, slice_: str) -> None:
        """Measure the accuracy by exact name, and how far the probabilities can be believed."""
        texts = sorted(text for text in labels if text in judged.gold)
        if not texts or subject == "baseline":
            return
        hits = [judged.names.get(labels[text] or "") in gold_labels(judged.gold[text]) for text in texts]
        self.share(subject, "exact_accuracy", slice_, hits, GOLD)
        probabilities, right = judged_right(subject, labels, judged)
        if right:
            figures = calibration_figures(probabilities, right, resamples=self.resamples, seed=self.seed)
            figures["ece_by_chance"] = chance_calibration_error(probabilities, seed=self.seed)
            for metric, figure in figures.items():
                self.add(subject, metric, slice_, figure, GOLD)

    def sets(self, judged: Judged) -> None:
        """Measure all that apply against all gold labels, for the texts that the teacher was asked about."""
        texts = sorted(text for text in judged.also if text in judged.gold and judged.taught.get(text) is not None)
        if texts:
            found = [{judged.names[one] for one in [judged.taught[text] or "", *judged.also[text]]} for text in texts]
            gold = [set(gold_labels(judged.gold[text])) for text in texts]
            for metric, figure in set_figures(gold, found, resamples=self.resamples, seed=self.seed).items():
                self.add("teacher", metric, "all", figure, GOLD)

    def add(self, subject: str, metric: str, slice_: str, figure: Figure, judge: str) -> None:
        """Keep a figure."""
        self.evaluations.append(Evaluation(self.evaluation_id, subject, metric, slice_, figure.value, figure.low, figure.high, figure.n, judge))
