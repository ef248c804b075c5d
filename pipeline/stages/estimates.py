"""How often labels are right where no gold says so, estimated from what agrees with them."""

import numpy as np

from pipeline.choosing import LEANING
from pipeline.evaluation import Judged, Signals, above_chance, estimate_accuracy
from pipeline.records import Evaluation
from pipeline.stages.asking import current_taxonomy
from pipeline.stages.manner import likeness
from pipeline.stages.session import Session

__all__ = ["JUDGE", "estimated"]

JUDGE = "estimate, no gold: agreement and probabilities"


def estimated(session: Session, judged: Judged, evaluation_id: str) -> list[Evaluation]:
    """Estimate the accuracy of teacher and student on held-out texts that both have labelled; nothing on fewer than 50 of them.

    Beside gold whose labels are names of categories it is told as well, so that it can be seen how far it can be believed; gold has no
    part in it. Beside gold with names of its own it is left out: such a figure says how categories and gold group documents, not how
    often a label is right, and the two would be held against each other.
    """
    if judged.gold and not judged.named_alike:
        return []
    texts = [text for text in sorted(judged.held_out & judged.predicted.keys()) if judged.taught.get(text) is not None]
    if not texts:
        return []
    ids = [category.category_id for category in current_taxonomy(session).leaves]
    rows = likeness(session, current_taxonomy(session), texts)
    cosines = np.array([rows[text] for text in texts])
    cards = np.array(ids)[(cosines - LEANING * cosines.mean(axis=0)).argmax(axis=1)]
    said = {name: np.array([labels[text] for text in texts]) for name, labels in (("teacher", judged.taught), ("student", judged.predicted))}
    agreed, found = above_chance(said["teacher"], said["student"]), []
    for subject, labels in said.items():
        sure = [judged.probabilities.get(subject, {}).get(text) for text in texts]
        known = [one for one in sure if one is not None]
        if not known:
            continue
        figure = estimate_accuracy(Signals(agreed, above_chance(labels, cards), float(np.mean(known)), len(texts)))
        if figure is not None:
            found.append(Evaluation(evaluation_id, subject, "estimated_accuracy", "held_out", figure.value, figure.low, figure.high, figure.n, JUDGE))
    return found
