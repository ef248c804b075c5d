"""Holds the methods against one another on a project's own corpus: the same sample, the same judge, the same texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.ids import content_id
from pipeline.records import Measure, Taxonomy
from pipeline.settings import Project
from pipeline.stages.candidates import candidate_summaries, sample_around, sample_of, started_from, validation_texts
from pipeline.stages.exam import carried
from pipeline.stages.session import Session
from pipeline.taxonomy import induction, measure_candidates, version_id

__all__ = ["METHODS", "Compared", "compare"]

METHODS = ("tnt", "clusters", "topics")


@dataclass(frozen=True)
class Compared:
    """What one method made, what was measured of it, and what making it took; 0 calls where it was there already."""

    taxonomy: Taxonomy
    measures: Sequence[Measure]
    calls: int
    tokens_in: int
    tokens_out: int


def compare(session: Session, methods: Sequence[str] = METHODS) -> list[Compared]:
    """Make a taxonomy by each method and measure them beside one another; none becomes the current one.

    :raises TaxonomyError: where the corpus has not been summarised yet.
    """
    seen = candidate_summaries(session, 0)
    made: list[Taxonomy] = []
    spent: list[tuple[int, int, int]] = []
    for method in methods:
        before = session.store.spent(session.run_id)
        session.progress.status(f"making a taxonomy by {method}")
        settings = session.project.taxonomy.model_copy(update={"method": method})
        made.append(_made(session, session.project.model_copy(update={"taxonomy": settings})))
        after = session.store.spent(session.run_id)
        spent.append((int(after[0] - before[0]), int(after[1] - before[1]), int(after[2] - before[2])))
    sample, texts = sample_of(session, seen), validation_texts(session)
    measures = measure_candidates(made, texts, sample=sample, chat=session.generator, embedder=session.embedder, project=session.project)
    session.store.save([one for of_one in measures for one in of_one])
    session.store.publish()
    return [Compared(taxonomy, found, *took) for taxonomy, found, took in zip(made, measures, spent, strict=True)]


def _made(session: Session, project: Project) -> Taxonomy:
    """Make one version by a project's method, or find it in the store."""
    seen, way = candidate_summaries(session, 0), induction(project, carried(session))
    pairs, around, model = [(summary.text_hash, summary.phrase) for summary in seen], sample_around(session)[0], session.model_of("generator")
    parent = started_from(session, 0) if project.taxonomy.method == "tnt" else None
    key = version_id("generate", 0, None, pairs, project=project, model=model, around=around, more=[session.facet, str(carried(session)), "compare"])
    if (known := session.store.find_taxonomy(key)) is not None:
        return known
    sample, chat, embedder = sample_of(session, seen), session.generator, session.embedder
    first_id = key if way.review is None else content_id("tax", ["compare", key])
    made = [way.generate(sample, parent=parent, chat=chat, embedder=embedder, project=project, version_id=first_id)]
    if way.review is not None:
        made.append(way.review(made[0].taxonomy, sample, chat=chat, embedder=embedder, project=project, version_id=key))
    taxonomies = [replace(version.taxonomy, facet=session.facet, note="made to be compared") for version in made]
    session.store.save([*taxonomies, *(change for version in made for change in version.changes)])
    return taxonomies[-1]
