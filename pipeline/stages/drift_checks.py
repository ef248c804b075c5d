"""The warnings about what arrives: labels in another mix than before, and documents like nothing that the student learnt from.

They look at the parts that the run is about, or at the latest one; none alarms that chance alone would pass once in a thousand.
"""

from pipeline.stages.check_rules import Finding, Rule, percent
from pipeline.stages.drift import drift_of
from pipeline.stages.session import Session
from pipeline.trust_records import Drift

__all__ = ["DRIFT_CHECKS", "few_strangers", "labels_are_as_before"]

NAMED = 3  # categories, and parts


def labels_are_as_before(session: Session) -> Finding:
    """Say whether the labels of each part are near those before it."""
    limit, found = session.project.checks.drift, [part for part in _parts(session) if part.distance is not None]
    if not found:
        return Finding(True, "nothing to compare: there are too few documents before")
    far = [part for part in found if _beyond(part.distance, part.distance_by_chance, limit)]
    worst = max(far or found, key=lambda part: part.distance or 0.0)
    said = f"{worst.part}: a distance of {percent(worst.distance or 0.0)} on {worst.documents} documents"
    said += f", of which {percent(worst.distance_by_chance or 0.0)} may be chance{_changes(session, worst)}"
    return Finding(not far, said + _more(far), {"distance": worst.distance or 0.0, "distance_by_chance": worst.distance_by_chance or 0.0})


def few_strangers(session: Session) -> Finding:
    """Say whether few documents of each part look like nothing that the student learnt from."""
    limit, found = session.project.checks.strangers, [part for part in _parts(session) if part.strangers_by_chance is not None]
    if not found:
        return Finding(True, "nothing to compare: there are too few documents before")
    far = [part for part in found if _beyond(part.strangers, part.strangers_by_chance, limit)]
    worst = max(far or found, key=lambda part: part.strangers or 0.0)
    said = f"{worst.part}: {percent(worst.strangers or 0.0)} of {worst.documents} documents are strangers"
    said += f"; before {percent(worst.strangers_before or 0.0)}"
    return Finding(not far, said + _more(far), {"strangers": worst.strangers or 0.0, "strangers_by_chance": worst.strangers_by_chance or 0.0})


def _parts(session: Session) -> list[Drift]:
    """Give the parts that the run is about, or the latest one."""
    found = drift_of(session)
    return [part for part in found if part.part in session.partitions] if session.partitions else found[-1:]


def _beyond(value: float | None, by_chance: float | None, limit: float) -> bool:
    return value is not None and by_chance is not None and value > max(by_chance, limit)


def _changes(session: Session, part: Drift) -> str:
    """Name the categories that changed most, each with its share before and now."""
    taxonomy = session.store.taxonomy(session.store.student(part.classifier_id).taxonomy_id)
    names = {category.category_id: category.name for category in taxonomy.categories}
    changes = [f"{names.get(key, key)} {percent(was)} to {percent(now)}" for key, (was, now) in list(part.changes.items())[:NAMED]]
    return f"; {', '.join(changes)}" if changes else ""


def _more(far: list[Drift]) -> str:
    return f"; and {len(far) - 1} more" if len(far) > 1 else ""


DRIFT_CHECKS = (
    Rule(
        "labels_are_as_before",
        "The labels of a day or batch differ from those before by a total variation distance of at most {drift}, or by no more than chance.",
        "Look at the categories that changed (drift_now, label_counts). If the documents are new in kind: linnaeus taxonomy propose.",
        labels_are_as_before,
    ),
    Rule(
        "few_strangers",
        "At most {strangers} of a day or batch look like nothing that the student learnt from, or no more than chance.",
        "Read some of them (predictions.novelty from 0.95 on). Where they belong here: linnaeus taxonomy propose; else see where they come from.",
        few_strangers,
    ),
)
