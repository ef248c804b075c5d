"""Which labels are taken for which: texts counted by what is known of them and by their label."""

from collections import Counter

from pipeline.evaluation.judged import GOLD, TEACHER, Judged, Labels
from pipeline.gold import gold_labels
from pipeline.history_records import Confused

__all__ = ["count_confusions"]


def count_confusions(judged: Judged, evaluation_id: str) -> list[Confused]:
    """Count the texts of teacher and student by gold label and label, and those of the student by the teacher's label.

    Where several gold labels are right, a label that is one of them stands for it, and else the first one does. The student is held
    against the teacher on texts that it did not learn from.
    """
    found: list[Confused] = []
    for subject, labels in (("teacher", judged.taught), ("student", judged.predicted)):
        known = {text: gold_labels(judged.gold[text]) for text in labels if text in judged.gold}
        named = {text: judged.names.get(labels[text] or "", "") for text in known}
        truths = {text: named[text] if named[text] in names else names[0] for text, names in known.items()}
        found += _counted(evaluation_id, subject, GOLD, truths, named)
    taught: Labels = {text: label for text, label in judged.taught.items() if label is not None and text in judged.held_out}
    both = sorted(taught.keys() & judged.predicted.keys())
    said = {text: judged.names.get(taught[text] or "", "") for text in both}
    return found + _counted(evaluation_id, "student", TEACHER, said, {text: judged.names.get(judged.predicted[text] or "", "") for text in both})


def _counted(evaluation_id: str, subject: str, judge: str, truths: dict[str, str], named: dict[str, str]) -> list[Confused]:
    counts = Counter((truths[text], named[text]) for text in named)
    return [Confused(evaluation_id, subject, judge, truth, label, n) for (truth, label), n in sorted(counts.items())]
