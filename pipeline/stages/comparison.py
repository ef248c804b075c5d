"""Holds two states of a project, or figures of two projects, against one another: what differs, and by how much."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.side_by_side import Named, SideBySide, side_by_side
from pipeline.records import Change, Evaluation
from pipeline.settings import Project
from pipeline.stages.comparison_sides import Side, find_side
from pipeline.stages.taxonomy_history import compared
from pipeline.store import Store

__all__ = ["Comparison", "Difference", "FigurePair", "hold_together"]

NOT_KEPT = "(not known)"  # of evaluations of before runs were noted, and of what a side has none of
MOST = 100_000  # documents of which students are compared, in the seeded order


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides; empty where a side has none."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class FigurePair:
    """One figure of both sides; None where a side lacks it."""

    subject: str
    metric: str
    slice: str
    judge: str
    before: Evaluation | None
    after: Evaluation | None

    @property
    def difference(self) -> float | None:
        """Give by how much the second is higher."""
        return None if self.before is None or self.after is None else self.after.value - self.before.value

    @property
    def apart(self) -> bool:
        """Say whether the two intervals have nothing in common; that they overlap does not show that nothing changed."""
        first, second = self.before, self.after
        if first is None or second is None or None in {first.low, first.high, second.low, second.high}:
            return False
        return (first.high or 0.0) < (second.low or 0.0) or (second.high or 0.0) < (first.low or 0.0)


@dataclass(frozen=True)
class Comparison:
    """Two sides, what differs, their figures, and what their labels say of the same texts, by who gave these."""

    before: Side
    after: Side
    differences: Sequence[Difference]
    figures: Sequence[FigurePair]
    changes: Sequence[Change]
    labels: Mapping[str, SideBySide]


def hold_together(store: Store, project: Project, first: str, second: str, *, other: tuple[Store, Project] | None = None) -> Comparison:
    """Compare two sides of a project, or one of it with one of another project, of which the figures alone can be compared.

    :raises ProjectError: where one of them is not found.
    """
    before, after = find_side(store, first), find_side(other[0] if other else store, second)
    figures = list(_figures(store.evaluations_of(before.evaluation_id), (other[0] if other else store).evaluations_of(after.evaluation_id)))
    differences = list(_differences(before, after, figures))
    if other is not None:
        told = Difference("project", project.name, other[1].name)
        return Comparison(before, after, [told, *differences], figures, (), {})
    return Comparison(before, after, differences, figures, _changes(store, before, after), _labels(store, project, before, after))


def _differences(before: Side, after: Side, figures: Sequence[FigurePair]) -> Iterator[Difference]:
    ids = (("taxonomy", "taxonomy_id"), ("labels by", "annotator_id"), ("student", "classifier_id"), ("evaluation", "evaluation_id"))
    for what, key in ids:
        if getattr(before, key) != getattr(after, key):
            yield Difference(what, getattr(before, key) or NOT_KEPT, getattr(after, key) or NOT_KEPT)
    for what, one, two in (("model", before.models, after.models), ("prompt", before.prompts, after.prompts)):
        for name in sorted({*(one or {}), *(two or {})}) if one is not None and two is not None else ():
            if (one or {}).get(name) != (two or {}).get(name):
                yield Difference(f"{what}: {name}", (one or {}).get(name, ""), (two or {}).get(name, ""))
    for pair in figures:
        if pair.metric == "coverage" and pair.slice == "all" and pair.before and pair.after and pair.before.n != pair.after.n:
            yield Difference("documents asked about", f"{pair.before.n:,}", f"{pair.after.n:,}")


def _figures(before: Sequence[Evaluation], after: Sequence[Evaluation]) -> Iterator[FigurePair]:
    one, two = ({(each.subject, each.metric, each.slice, each.judge): each for each in side} for side in (before, after))
    for key in sorted({*one, *two}):
        yield FigurePair(*key, one.get(key), two.get(key))


def _changes(store: Store, before: Side, after: Side) -> Sequence[Change]:
    if not before.taxonomy_id or not after.taxonomy_id or before.taxonomy_id == after.taxonomy_id:
        return ()
    return compared(store, before.taxonomy_id, after.taxonomy_id)[2]


def _labels(store: Store, project: Project, before: Side, after: Side) -> dict[str, SideBySide]:
    """Compare the labels of the models, and those of the students, where both sides have any and they are not the same ones."""
    texts = store.sample_hashes(MOST)
    gold, found = store.gold(texts), dict[str, SideBySide]()
    for who, key, read in (("model", "annotator_id", _by_model), ("student", "classifier_id", _by_student)):
        if (before.taxonomy_id, getattr(before, key)) == (after.taxonomy_id, getattr(after, key)):
            continue
        one, two = read(store, before, texts), read(store, after, texts)
        if one is None or two is None:
            continue
        held = side_by_side(one, two, gold, resamples=project.evaluation.resamples, seed=project.seed)
        if held is not None:
            found[who] = held
    return found


def _by_model(store: Store, side: Side, _: Sequence[str]) -> Named | None:
    if not side.annotator_id or not side.taxonomy_id:
        return None
    labels = {label.text_hash: label.category_id for label in store.labels(side.taxonomy_id, side.annotator_id)}
    return Named(labels, _names(store, side)) if labels else None


def _by_student(store: Store, side: Side, texts: Sequence[str]) -> Named | None:
    if not side.classifier_id:
        return None
    labels: dict[str, str | None] = dict(store.predictions_among(side.classifier_id, texts))
    return Named(labels, _names(store, side)) if labels else None


def _names(store: Store, side: Side) -> dict[str, str]:
    return {category.category_id: category.name for category in store.taxonomy(side.taxonomy_id).categories}
