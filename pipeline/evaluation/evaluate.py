"""What is measured of a run: coverage, the student against its teacher, and all of them against gold where there is any.

Gold labels are read here and nowhere else. Every figure says its n, its interval and its judge.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from pipeline.evaluation.metrics import CLUSTERING, Figure, clustering_figures, share
from pipeline.ids import content_id
from pipeline.records import Evaluation

__all__ = ["GOLD", "TEACHER", "Judged", "evaluate", "evaluation_id"]

METHOD = 2  # raise it whenever a figure would come out otherwise from the same labels
GOLD, TEACHER, CITATIONS = "gold labels", "the teacher", "citations"
Labels = Mapping[str, str | None]  # text hash to category id; None where no category fits


@dataclass(frozen=True)
class Judged:
    """What is to be measured, each as text hashes with category ids.

    `asked` are all texts that the annotator was asked about, `taught` what came of those it answered; `held_out` are the
    asked ones that no student learnt from; `cited` says for each text of the induction sample whether a category cites it.
    """

    asked: Set[str]
    taught: Labels
    held_out: Set[str]
    predicted: Labels
    baseline: Labels
    cited: Mapping[str, bool]
    gold: Mapping[str, str]


def evaluation_id(judged: Judged, *, resamples: int, seed: int) -> str:
    """Hash everything that the figures depend on."""
    metrics = sorted(CLUSTERING)
    parts = [judged.taught, judged.predicted, judged.baseline, judged.cited, judged.gold]
    return content_id(
        "eval", [METHOD, metrics, sorted(judged.asked), sorted(judged.held_out), *(sorted(part.items()) for part in parts), resamples, seed]
    )


def evaluate(judged: Judged, *, resamples: int, seed: int) -> list[Evaluation]:
    """Measure everything that can be measured of a run; without gold, that is coverage and agreement."""
    made = _Figures(evaluation_id(judged, resamples=resamples, seed=seed), resamples, seed)
    if judged.cited:
        made.share("taxonomy", "citation_coverage", "sample", list(judged.cited.values()), CITATIONS)
    if judged.asked:
        made.share("teacher", "coverage", "all", [judged.taught.get(text) is not None for text in sorted(judged.asked)], TEACHER)
    both = [text for text in sorted(judged.held_out) if judged.taught.get(text) is not None and text in judged.predicted]
    if both:
        made.share("student", "agreement", "held_out", [judged.predicted[text] == judged.taught[text] for text in both], TEACHER)
    for subject, labels in (("teacher", judged.taught), ("student", judged.predicted), ("baseline", judged.baseline)):
        made.against_gold(subject, "all", labels, judged.gold)
        made.against_gold(subject, "held_out", {text: labels[text] for text in sorted(judged.held_out) if text in labels}, judged.gold)
    return made.evaluations


class _Figures:
    """Collects evaluations under one id."""

    def __init__(self, evaluation_id: str, resamples: int, seed: int) -> None:
        self.evaluation_id, self.resamples, self.seed = evaluation_id, resamples, seed
        self.evaluations: list[Evaluation] = []

    def share(self, subject: str, metric: str, slice_: str, hits: list[bool], judge: str) -> None:
        self._append(subject, metric, slice_, share(hits), judge)

    def against_gold(self, subject: str, slice_: str, labels: Labels, gold: Mapping[str, str]) -> None:
        texts = sorted(text for text in labels if text in gold)
        if not texts:
            return
        figures = clustering_figures([gold[text] for text in texts], [labels[text] for text in texts], resamples=self.resamples, seed=self.seed)
        for metric, figure in figures.items():
            self._append(subject, metric, slice_, figure, GOLD)

    def _append(self, subject: str, metric: str, slice_: str, figure: Figure, judge: str) -> None:
        self.evaluations.append(Evaluation(self.evaluation_id, subject, metric, slice_, figure.value, figure.low, figure.high, figure.n, judge))
