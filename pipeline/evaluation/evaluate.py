"""What is measured of a run: coverage, the student against its teacher, and all of them against gold where there is any.

Gold labels are read here and nowhere else. Every figure says its n, its interval and its judge.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from pipeline.evaluation.calibration import calibration_figures, chance_calibration_error, reliability_points, risk_coverage_points
from pipeline.evaluation.metrics import CLUSTERING, Figure, clustering_figures, share
from pipeline.evaluation.sets import set_figures
from pipeline.gold import gold_labels
from pipeline.ids import content_id
from pipeline.records import Evaluation
from pipeline.trust_records import CurvePoint

__all__ = ["GOLD", "METHOD", "TEACHER", "Judged", "curves", "evaluate", "evaluation_id"]

METHOD = 4  # raise it whenever a figure would come out otherwise from the same labels
GOLD, TEACHER, CITATIONS = "gold labels", "the teacher", "citations"
Labels = Mapping[str, str | None]  # text hash to category id; None where no category fits


@dataclass(frozen=True)
class Judged:
    """What is to be measured, each as text hashes with category ids.

    `asked` are all texts that the annotator was asked about, `taught` what came of those it answered; `held_out` are the
    asked ones that no student learnt from; `cited` says for each text of the induction sample whether a category cites it.
    `names` are those of the categories by id, `probabilities` those of the labels by subject and text, `also` the categories that
    the teacher gives beside the primary one. `slices` are parts of the corpus, by a name that is not all or held_out, measured each by itself.
    """

    asked: Set[str]
    taught: Labels
    held_out: Set[str]
    predicted: Labels
    baseline: Labels
    cited: Mapping[str, bool]
    gold: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    probabilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    also: Mapping[str, Sequence[str]] = field(default_factory=dict)
    slices: Mapping[str, Set[str]] = field(default_factory=dict)

    def within(self, texts: Set[str]) -> "Judged":
        """Give what concerns some of the texts."""
        parts = {name: {text: label for text, label in getattr(self, name).items() if text in texts} for name in ("taught", "predicted", "gold")}
        return replace(self, asked=self.asked & texts, held_out=self.held_out & texts, baseline={}, cited={}, also={}, slices={}, **parts)

    @property
    def named_alike(self) -> bool:
        """Say whether each gold label is the exact name of a category, so that a label is right or wrong."""
        return bool(self.gold) and {name for gold in self.gold.values() for name in gold_labels(gold)} <= set(self.names.values())


def evaluation_id(judged: Judged, *, resamples: int, seed: int) -> str:
    """Hash everything that the figures depend on."""
    metrics = sorted(CLUSTERING)
    parts: list[Mapping[str, object]] = [judged.taught, judged.predicted, judged.baseline, judged.cited, judged.gold, judged.names, judged.also]
    parts += [{text: round(value, 9) for text, value in part.items()} for _, part in sorted(judged.probabilities.items())]
    slices = [[[name, sorted(texts)] for name, texts in sorted(judged.slices.items())]] if judged.slices else []
    told = [METHOD, metrics, sorted(judged.asked), sorted(judged.held_out), *(sorted(part.items()) for part in parts), *slices, resamples, seed]
    return content_id("eval", told)


def evaluate(judged: Judged, *, resamples: int, seed: int) -> list[Evaluation]:
    """Measure everything that can be measured of a run; without gold, that is coverage and agreement."""
    made = _Figures(evaluation_id(judged, resamples=resamples, seed=seed), resamples, seed)
    if judged.cited:
        made.share("taxonomy", "citation_coverage", "sample", list(judged.cited.values()), CITATIONS)
    made.without_gold(judged, "all")
    for subject, labels in (("teacher", judged.taught), ("student", judged.predicted), ("baseline", judged.baseline)):
        made.against_gold(subject, "all", labels, judged.gold)
        made.against_gold(subject, "held_out", {text: labels[text] for text in sorted(judged.held_out) if text in labels}, judged.gold)
        if judged.named_alike:
            made.right_or_wrong(subject, labels, judged, "all")
    if judged.named_alike and judged.also:
        made.sets(judged)
    for name, texts in sorted(judged.slices.items()):
        made.part(name, judged.within(texts), right_or_wrong=judged.named_alike)
    return made.evaluations


def curves(judged: Judged, evaluation: str) -> list[CurvePoint]:
    """Draw the reliability and risk-coverage curves of each subject whose labels can be right or wrong and have probabilities."""
    points: list[CurvePoint] = []
    for subject, labels in (("teacher", judged.taught), ("student", judged.predicted)):
        probabilities, right = _judged_right(subject, labels, judged)
        if judged.named_alike and right:
            points += [
                replace(point, curve=f"{point.curve} {subject}")
                for point in [*reliability_points(evaluation, probabilities, right), *risk_coverage_points(evaluation, probabilities, right)]
            ]
    return points


def _judged_right(subject: str, labels: Labels, judged: Judged) -> tuple[list[float], list[bool]]:
    """Give the probabilities of a subject's labels of texts with gold, and whether each is right; those without either are left out."""
    known = judged.probabilities.get(subject, {})
    texts = sorted(text for text, label in labels.items() if label is not None and text in known and text in judged.gold)
    right = [judged.names.get(labels[text] or "") in gold_labels(judged.gold[text]) for text in texts]
    return [known[text] for text in texts], right


class _Figures:
    """Collects evaluations under one id."""

    def __init__(self, evaluation_id: str, resamples: int, seed: int) -> None:
        self.evaluation_id, self.resamples, self.seed = evaluation_id, resamples, seed
        self.evaluations: list[Evaluation] = []

    def share(self, subject: str, metric: str, slice_: str, hits: list[bool], judge: str) -> None:
        self._append(subject, metric, slice_, share(hits), judge)

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
        texts = sorted(text for text in labels if text in gold)
        if not texts:
            return
        figures = clustering_figures(
            [gold_labels(gold[text])[0] for text in texts], [labels[text] for text in texts], resamples=self.resamples, seed=self.seed
        )
        for metric, figure in figures.items():
            self._append(subject, metric, slice_, figure, GOLD)

    def right_or_wrong(self, subject: str, labels: Labels, judged: Judged, slice_: str) -> None:
        """Measure the accuracy by exact name, and how far the probabilities can be believed."""
        texts = sorted(text for text in labels if text in judged.gold)
        if not texts or subject == "baseline":
            return
        hits = [judged.names.get(labels[text] or "") in gold_labels(judged.gold[text]) for text in texts]
        self.share(subject, "exact_accuracy", slice_, hits, GOLD)
        probabilities, right = _judged_right(subject, labels, judged)
        if right:
            figures = calibration_figures(probabilities, right, resamples=self.resamples, seed=self.seed)
            figures["ece_by_chance"] = chance_calibration_error(probabilities, seed=self.seed)
            for metric, figure in figures.items():
                self._append(subject, metric, slice_, figure, GOLD)

    def sets(self, judged: Judged) -> None:
        """Measure all that apply against all gold labels, for the texts that the teacher was asked about."""
        texts = sorted(text for text in judged.also if text in judged.gold and judged.taught.get(text) is not None)
        if texts:
            found = [{judged.names[one] for one in [judged.taught[text] or "", *judged.also[text]]} for text in texts]
            gold = [set(gold_labels(judged.gold[text])) for text in texts]
            for metric, figure in set_figures(gold, found, resamples=self.resamples, seed=self.seed).items():
                self._append("teacher", metric, "all", figure, GOLD)

    def _append(self, subject: str, metric: str, slice_: str, figure: Figure, judge: str) -> None:
        self.evaluations.append(Evaluation(self.evaluation_id, subject, metric, slice_, figure.value, figure.low, figure.high, figure.n, judge))
