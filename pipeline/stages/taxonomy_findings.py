"""What is found of a taxonomy by itself, for the evaluation: by single definitions, by its names, and by other taxonomies of the same texts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.evaluation import Figure, Finding, clustering_figures
from pipeline.evaluation.definitions import confusable, definition_findings
from pipeline.records import Measure, Taxonomy
from pipeline.settings import MAIN
from pipeline.stages.asking import current_taxonomy
from pipeline.stages.definition_checks import told_of
from pipeline.stages.kept_vectors import KeptEmbedder
from pipeline.stages.repeated_labels import flips_of
from pipeline.stages.session import Session
from pipeline.taxonomy import distances
from pipeline.taxonomy.figures import mean_of

__all__ = ["definition_table", "finding_table", "flip_table", "taxonomy_findings"]

SUBJECT = "taxonomy"
MEASURED = ("stability", "told_apart")  # of the candidate that became the taxonomy, or of the version whose categories were described
FEWEST = 10  # documents that two versions have both to have labelled
NONE = "(none)"


def taxonomy_findings(session: Session) -> list[Finding]:
    """Give what is found of each facet's taxonomy; slices of other facets than the first begin with their name."""
    found: list[Finding] = []
    for name in session.project.facet_names:
        view = session.view(name)
        if view.store.current("taxonomy_id") is not None:
            of_facet = _of_facet(view)
            found += of_facet if name == MAIN else [replace(one, slice=_within(name, one.slice)) for one in of_facet]
    return found


def definition_table(session: Session) -> list[dict[str, Any]]:
    """List the categories of the session's facet with what single definitions say of each; nothing where nothing was asked."""
    told = told_of(session)
    if told is None:
        return []
    present = current_taxonomy(session)
    names = {category.category_id: category.name for category in present.leaves}
    found = {(one.metric, one.slice): one.figure for one in definition_findings(told, names)}
    taken = {pair.category_id: pair for pair in reversed(confusable(told))}
    rows = []
    for category, name in names.items():
        recall, spill = (found.get((metric, f"category={name}")) for metric in ("definition_recall", "spill_over"))
        with_, share = (names[taken[category].other_id], taken[category].figure.value) if category in taken else (None, None)
        rows.append({"category": name, **_row("recall", recall), **_row("spill_over", spill), "fits_too": with_, "of_its_documents": _short(share)})
    return rows


def finding_table(session: Session) -> list[dict[str, Any]]:
    """List the figures of the session's taxonomy as a whole by single definitions."""
    told = told_of(session)
    found = definition_findings(told, {one.category_id: one.name for one in current_taxonomy(session).leaves}) if told else []
    return [_told(one) for one in found if one.slice == "all"]


def flip_table(session: Session) -> list[dict[str, Any]]:
    """List how often labels of the session's facet come out otherwise."""
    return [_told(one) for one in flips_of(session)]


def _told(one: Finding) -> dict[str, Any]:
    figure = {name: _short(value) for name, value in vars(one.figure).items()}
    return {"metric": one.metric, "slice": one.slice, **figure, "judge": one.judge}


def _row(name: str, figure: Figure | None) -> dict[str, Any]:
    if figure is None:
        return {name: None, f"{name}_interval": None, f"{name}_n": 0}
    return {name: _short(figure.value), f"{name}_interval": f"{figure.low:.2f} to {figure.high:.2f}", f"{name}_n": figure.n}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _of_facet(session: Session) -> list[Finding]:
    present, told = current_taxonomy(session), told_of(session)
    names = {category.category_id: category.name for category in present.leaves}
    checked = definition_findings(told, names) if told else []
    return [*checked, *_distinctness(session, present), *_measured(session, present), *_versions(session, present), *flips_of(session)]


def _within(facet: str, slice_: str) -> str:
    return f"facet={facet}" if slice_ == "all" else f"facet={facet} {slice_}"


def _distinctness(session: Session, present: Taxonomy) -> list[Finding]:
    """Measure how far each category is from its nearest other one, by name and description, and the mean and the least of it."""
    judge, values = session.embedder.embedder_id, distances(present, KeptEmbedder(session))
    if not values:
        return []
    n = len(values)
    mean = [_finding(one) for one in mean_of(present.taxonomy_id, "distinctness", values, judge=judge)]
    least = Finding(SUBJECT, "distinctness", "least", _exact(min(values), n), judge)
    each = [
        Finding(SUBJECT, "distinctness", f"category={one.name}", _exact(value, n), judge) for one, value in zip(present.leaves, values, strict=True)
    ]
    return [*mean, least, *each]


def _measured(session: Session, present: Taxonomy) -> list[Finding]:
    """Give what was measured when the taxonomy was made, of the nearest of the versions that it came from."""
    found: dict[str, Measure] = {}
    version: Taxonomy | None = present
    while version is not None and len(found) < len(MEASURED):
        for measure in session.store.measures(version.taxonomy_id):
            if measure.metric in MEASURED:
                found.setdefault(measure.metric, measure)
        version = session.store.find_taxonomy(version.parent_id) if version.parent_id else None
    return [_finding(found[metric]) for metric in MEASURED if metric in found]


def _versions(session: Session, present: Taxonomy) -> list[Finding]:
    """Hold the labels of the taxonomy against those of the version that was labelled before it, on the documents that both labelled."""
    teacher = session.store.current("teacher_annotator_id")
    given = {label.text_hash: label.category_id for label in session.store.labels(present.taxonomy_id, teacher)} if teacher else {}
    version, before = session.store.labelled_before(present.taxonomy_id, sorted(given))
    texts = sorted(before)
    if len(texts) < FEWEST:
        return []
    project = session.project
    old: Sequence[str] = [before[text] or NONE for text in texts]
    figures = clustering_figures(old, [given[text] for text in texts], resamples=project.evaluation.resamples, seed=project.seed)
    return [Finding(SUBJECT, "ari", "version before", figures["ari"], f"labels under {version}")]


def _finding(measure: Measure) -> Finding:
    low, high = (measure.value if end is None else end for end in (measure.low, measure.high))
    return Finding(SUBJECT, measure.metric, "all", Figure(measure.value, low, high, measure.n), measure.judge)


def _exact(value: float, n: int) -> Figure:
    """Make a figure of what is computed of all categories, not estimated."""
    return Figure(value, value, value, n)
