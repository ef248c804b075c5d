"""What is to be measured of a run, and the id under which its figures are kept.

Gold labels are read in evaluation and nowhere else.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from pipeline.evaluation.metrics import CLUSTERING, Figure
from pipeline.gold import gold_labels
from pipeline.ids import content_id

__all__ = ["CITATIONS", "GOLD", "METHOD", "TEACHER", "Finding", "Judged", "Labels", "evaluation_id", "judged_right"]

METHOD = 7  # raise it whenever a figure would come out otherwise from the same labels
GOLD, TEACHER, CITATIONS = "gold labels", "the teacher", "citations"
Labels = Mapping[str, str | None]  # text hash to category id; None where no category fits


@dataclass(frozen=True)
class Finding:
    """One figure that comes of rows of its own, as judgements or ratings, and not of labels held against one another."""

    subject: str
    metric: str
    slice: str
    figure: Figure
    judge: str


@dataclass(frozen=True)
class Judged:
    """What is to be measured, each as text hashes with category ids.

    `asked` are all texts that the annotator was asked about, `taught` what came of those it answered; `held_out` are the
    asked ones that no student learnt from; `cited` says for each text of the induction sample whether a category cites it.
    `names` are those of the categories by id, `probabilities` those of the labels by subject and text, `also` the categories that
    the teacher gives beside the primary one; `none_fits` are the texts of which the teacher says that no category fits, as against those
    it is too unsure of. `slices` are parts of the corpus, by a name that is not all or held_out, compared each with the rest. `findings`
    are told with the rest as they are. `rivals` are baselines that were made before, by name; where gold names were told, a label is one.

    `categories` are the ids that a label may be; where any are told, any other label is no answer, whatever it says.
    An asked text that is not in `taught` failed, and counts as wrong wherever labels are held against gold, as one without a category does.
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
    findings: Sequence[Finding] = ()
    none_fits: Set[str] = frozenset()
    categories: Set[str] = frozenset()
    rivals: Mapping[str, Labels] = field(default_factory=dict)

    def valid(self, label: str | None) -> str | None:
        """Give a label that is a category, None for any other."""
        return label if not self.categories or label in self.categories else None

    def to_be_right(self, subject: str) -> dict[str, str | None]:
        """Give a subject's label of each text with gold that it had to label, None where it gave none; none where it labelled nothing."""
        labels = {"teacher": self.taught, "student": self.predicted, "baseline": self.baseline, **self.rivals}[subject]
        wanted = {"teacher": self.asked, "student": self.gold.keys()}.get(subject, labels.keys())
        found = {text: labels.get(text) for text in sorted(self.gold.keys() & wanted)} if labels else {}
        return {text: self.valid(label) for text, label in found.items()} if subject in {"teacher", "student"} else found

    def is_right(self, text: str, label: str | None) -> bool:
        """Say whether a label bears the name of one of the text's gold labels."""
        return label is not None and self.names.get(label, label) in gold_labels(self.gold[text])

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
    unfit = [["none fits", *sorted(judged.none_fits)]] if judged.none_fits else []
    categories = [["categories", *sorted(judged.categories)]] if judged.categories else []
    found = [[[one.subject, one.metric, one.slice, one.judge, str(one.figure)] for one in judged.findings]] if judged.findings else []
    beside = [[[name, sorted(labels.items())] for name, labels in sorted(judged.rivals.items())]] if judged.rivals else []
    told = [
        METHOD,
        metrics,
        sorted(judged.asked),
        sorted(judged.held_out),
        *(sorted(part.items()) for part in parts),
        *slices,
        *unfit,
        *categories,
        *found,
        *beside,
        resamples,
        seed,
    ]
    return content_id("eval", told)


def judged_right(subject: str, labels: Labels, judged: Judged) -> tuple[list[float], list[bool]]:
    """Give the probabilities of a subject's labels of texts with gold, and whether each is right; those without either are left out."""
    known = judged.probabilities.get(subject, {})
    texts = sorted(text for text, label in labels.items() if label is not None and text in known and text in judged.gold)
    right = [judged.is_right(text, labels[text]) for text in texts]
    return [known[text] for text in texts], right
