"""What yes and no to single definitions say of a taxonomy: gaps, overlap, definitions that refuse their own or take the others' documents.

All are measured on a sample, by a model that is shown one definition at a time: it cannot choose the lesser evil, as it does when it labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.definition_design import Design, Group, Known, groups
from pipeline.evaluation.group_shares import Part, group_share
from pipeline.evaluation.judged import Finding
from pipeline.evaluation.metrics import Figure, share

__all__ = ["Confusable", "Told", "confusable", "definition_findings"]

FEWEST_PAIR = 2  # documents that one of a pair of categories shares with the other, so that the pair is named
MOST_PAIRS = 10
SUBJECT = "taxonomy"


@dataclass(frozen=True)
class Told:
    """The answers of one model about a design, and the labels that they are held against."""

    design: Design
    known: Known
    labels: Mapping[str, str | None]  # by text; texts without one are not in it
    judge: str
    seed: int

    @property
    def groups(self) -> tuple[Group, ...]:
        """Part the sample by the number of near definitions that fit."""
        return groups(self.design, self.known)


@dataclass(frozen=True)
class Confusable:
    """The share of a category's documents that the definition of another fits as well."""

    category_id: str
    other_id: str
    figure: Figure


def definition_findings(told: Told, names: Mapping[str, str]) -> list[Finding]:
    """Measure the taxonomy as a whole and each category, in the taxonomy's order; what nothing stands behind is left out.

    `gap` and `overlap` are the shares of documents that no definition and that several fit. `definition_recall` is the share of the
    documents with a label that its definition fits, `spill_over` that of the documents without it; for all categories together, the
    mean share of the other definitions that fit a document. `spilled_on` says it for the pairs that are most alike. `unanswered` is the
    share of the questions without a usable answer.
    """
    found = [*_whole(told), *_each(told, names)]
    pairs = (
        ("spilled_on", f"category={names[pair.category_id]} other={names[pair.other_id]}", pair.figure) for pair in confusable(told)[:MOST_PAIRS]
    )
    return [Finding(SUBJECT, metric, slice_, figure, told.judge) for metric, slice_, figure in (*found, *pairs) if figure is not None]


def confusable(told: Told) -> list[Confusable]:
    """List the pairs of categories of which one's documents fit the other's definition too, the most alike first."""
    found: list[Confusable] = []
    for category in told.design.categories:
        texts = [text for text in told.design.texts if told.labels.get(text) == category]
        for other in told.design.categories:
            hits = sum(told.known.get((text, other)) is True for text in texts)
            figure = _accepted(told, texts, other) if other != category and hits >= FEWEST_PAIR else None
            found += [Confusable(category, other, figure)] if figure else []
    places = {category: place for place, category in enumerate(told.design.categories)}
    return sorted(found, key=lambda pair: (-pair.figure.value, -pair.figure.n, places[pair.category_id], places[pair.other_id]))


def _whole(told: Told) -> Iterator[tuple[str, str, Figure | None]]:
    none, one, several = told.groups
    counted = {text: _count(told, text) for text in told.design.texts}
    gaps = [counted[text] == (0, True) for text in told.design.texts if counted[text][0] or counted[text][1]]
    yield "gap", "all", share(gaps) if gaps else None
    parts = [
        Part(len(group.texts), [float(counted[text][0] > 1) for text in group.whole if counted[text][0] > 1 or counted[text][1]])
        for group in (none, one)
    ]
    yield "overlap", "all", group_share([*parts, Part(len(several.texts), [1.0] * len(several.texts))], seed=told.seed)
    labelled = [text for text in told.design.texts if told.labels.get(text) in told.design.categories]
    own = [fits for text in labelled if (fits := told.known.get((text, told.labels[text] or ""))) is not None]
    yield "definition_recall", "all", share(own) if own else None
    spilled = [
        Part(
            len([text for text in group.texts if text in told.labels]), [spilt for text in group.whole if (spilt := _spilled(told, text)) is not None]
        )
        for group in told.groups
    ]
    yield "spill_over", "all", group_share(spilled, seed=told.seed)
    asked = list(told.known.values())
    yield "unanswered", "all", share([fits is None for fits in asked]) if asked else None


def _each(told: Told, names: Mapping[str, str]) -> Iterator[tuple[str, str, Figure | None]]:
    for category in told.design.categories:
        slice_ = f"category={names[category]}"
        own = [text for text, label in told.labels.items() if label == category]
        fits = [known for text in own if (known := told.known.get((text, category))) is not None]
        yield "definition_recall", slice_, share(fits) if fits else None
        others = [text for text in told.design.texts if told.labels.get(text, category) != category]
        yield "spill_over", slice_, _accepted(told, others, category)


def _count(told: Told, text: str) -> tuple[int, bool]:
    """Count the definitions that are known to fit a text, and say whether all others are known not to."""
    said = [told.known.get((text, category)) for category in told.design.categories]
    return sum(fits is True for fits in said), None not in said


def _spilled(told: Told, text: str) -> float | None:
    """Give the share of the definitions beside that of its label that fit a text; None where it has no label or they are not known."""
    others = [category for category in told.design.categories if text in told.labels and category != told.labels[text]]
    said = [fits for category in others if (fits := told.known.get((text, category))) is not None]
    return sum(said) / len(said) if said and len(said) == len(others) else None


def _accepted(told: Told, texts: Sequence[str], category: str) -> Figure | None:
    """Measure the share of some sampled texts that a definition fits: those it is near to, and by group those it is not."""
    wanted = set(texts)
    near = [text for text in texts if category in told.design.near[text]]
    parts = [Part(len(near), _said(told, near, category))]
    for group in told.groups:
        far = [text for text in group.texts if text in wanted and category not in told.design.near[text]]
        parts.append(Part(len(far), _said(told, [text for text in group.whole if text in set(far)], category)))
    return group_share(parts, seed=told.seed)


def _said(told: Told, texts: Sequence[str], category: str) -> list[float]:
    return [float(fits) for text in texts if (fits := told.known.get((text, category))) is not None]
