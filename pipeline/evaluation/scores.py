"""What each document is worth to a share: whether it was answered, agreed about or labelled right, by subject, metric and judge."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.evaluation.judged import GOLD, TEACHER, Judged
from pipeline.evaluation.metrics import matched_names
from pipeline.gold import gold_labels

__all__ = ["Score", "called", "scores_of", "shares_of_answers"]


@dataclass(frozen=True)
class Score:
    """Whether each of the texts measured is a hit."""

    subject: str
    metric: str
    judge: str
    hits: Mapping[str, bool]


def shares_of_answers(judged: Judged) -> list[Score]:
    """Say what came of each text that the teacher was asked about, and where the student agrees with it.

    An answer is a category (`coverage`), that none fits (`none_fits`), none that is sure enough (`unsure`) or none at all (`failed`): the
    four shares add up to 1.
    """
    taught = {text: label for text, label in judged.taught.items() if label is None or judged.valid(label) is not None}
    said = {text: "failed" if text not in taught else "coverage" if taught[text] is not None else "unsure" for text in judged.asked}
    said |= {text: "none_fits" for text in judged.none_fits if said.get(text) == "unsure"}
    both = [text for text in judged.held_out if taught.get(text) is not None and text in judged.predicted]
    kinds = ("coverage", "none_fits", "unsure", "failed")
    return [Score("teacher", kind, TEACHER, {text: one == kind for text, one in said.items()}) for kind in kinds] + [
        Score("student", "agreement", TEACHER, {text: judged.predicted[text] == taught[text] for text in both})
    ]


def called(subject: str, judged: Judged) -> Mapping[str, str]:
    """Give the gold label that each of a subject's categories stands for: that of its name, else the one it is matched to, one to one."""
    if judged.named_alike and subject != "baseline":
        return judged.names
    labels = judged.to_be_right(subject)
    return matched_names([gold_labels(judged.gold[text])[0] for text in labels], list(labels.values())) if labels else {}


def scores_of(judged: Judged) -> list[Score]:
    """Give every share that can be compared between parts of the corpus.

    Where categories do not bear the names of gold labels, `accuracy` is held against one matching for the whole corpus: one sought for
    a small part alone would make nearly every label right.
    """
    found = shares_of_answers(judged)
    for subject in ("teacher", "student"):
        names, labels = called(subject, judged), judged.to_be_right(subject)
        hits = {text: names.get(label or "") in gold_labels(judged.gold[text]) for text, label in labels.items()}
        found.append(Score(subject, "exact_accuracy" if judged.named_alike else "accuracy", GOLD, hits))
    return [score for score in found if score.hits]
