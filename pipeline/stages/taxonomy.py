"""The stages of the taxonomy: summaries, generated_taxonomy, updated_taxonomy, taxonomy."""

from collections.abc import Callable

from pipeline.errors import BudgetReachedError, TaxonomyError
from pipeline.ids import content_id
from pipeline.records import Summary, Taxonomy
from pipeline.stages.session import Session
from pipeline.taxonomy import Sample, Version, generate, make_sample, review, summarise, summary_spec, taxonomy_spec, update, version_id

__all__ = ["generated_taxonomy", "kept_taxonomy", "sampled_summaries", "summaries", "taxonomy", "updated_taxonomy"]

AROUND = 20_000  # documents whose vectors say what lies around a sampled one
KEPT = 0.5  # share of the documents cited by a taxonomy that must still be there for it to be kept


def summaries(session: Session) -> tuple[int, int]:
    """Summarise the sampled documents that have no summary yet, unless the current taxonomy is kept and needs none."""
    project, spec = session.project, summary_spec(session.project, session.model_of("generator"))
    wanted = [document.text_hash for document in session.store.sample_texts(first=project.taxonomy.sample)]
    if kept_taxonomy(session) is not None:
        return 0, len(session.store.summaries(spec, wanted))
    pending = session.store.pending("summaries", {"summary_spec": spec}, among=wanted)
    outcomes = summarise(session.store.texts(pending), chat=session.generator, project=project)
    made = 0
    try:
        for outcome in session.progress.track(outcomes, total=len(pending), what="summaries", size=lambda o: len(o.records) + len(o.failures)):
            answered = [summary.text_hash for summary in outcome.records]
            with session.store.writer():
                session.store.save(list(outcome.records))
                session.store.save_failures("summaries", spec, outcome.failures, answered=answered)
            made += len(outcome.records) + len(outcome.failures)
    except BudgetReachedError as reached:
        raise BudgetReachedError(f"{reached} Left: {len(pending) - made} of {len(wanted)} summaries, and all that follows.") from reached
    session.store.mark_current(summary_spec=spec)
    return len(pending), len(session.store.summaries(spec, wanted))


def generated_taxonomy(session: Session) -> tuple[int, int]:
    """Make the first version from the first minibatch, unless the current taxonomy is kept."""
    if (kept := kept_taxonomy(session)) is not None:
        return 0, len(kept.categories)
    project, given = session.project, sampled_summaries(session)[: session.project.taxonomy.minibatch]

    def make() -> Version:
        return generate(_sample(session).head(len(given)), chat=session.generator, embedder=session.embedder, project=project)

    made, first = _version(session, "generate", None, given, make)
    session.store.mark_current(generated_taxonomy_id=first.taxonomy_id)
    return made, len(first.categories)


def updated_taxonomy(session: Session) -> tuple[int, int]:
    """Update the first version with each further minibatch, unless the current taxonomy is kept."""
    if (kept := kept_taxonomy(session)) is not None:
        return 0, len(kept.categories)
    project, given, current = session.project, sampled_summaries(session), _pointed(session, "generated_taxonomy_id")
    made = 0
    starts = range(project.taxonomy.minibatch, len(given), project.taxonomy.minibatch)
    for start in session.progress.track(starts, total=len(starts), what="updates", size=lambda _: 1):
        seen, parent = given[: start + project.taxonomy.minibatch], current

        def make(parent: Taxonomy = parent, count: int = len(seen), start: int = start) -> Version:
            sample = _sample(session).head(count)
            return update(parent, sample, start=start, chat=session.generator, embedder=session.embedder, project=project)

        new, current = _version(session, "update", parent, seen, make)
        made += new
    session.store.mark_current(updated_taxonomy_id=current.taxonomy_id)
    return made, len(current.categories)


def taxonomy(session: Session) -> tuple[int, int]:
    """Review the last version: the result is the taxonomy that labels are given under, until it is no longer kept."""
    if (kept := kept_taxonomy(session)) is not None:
        return 0, len(kept.categories)
    parent = _pointed(session, "updated_taxonomy_id")

    def make() -> Version:
        return review(parent, _sample(session), chat=session.generator, embedder=session.embedder, project=session.project)

    made, final = _version(session, "review", parent, sampled_summaries(session), make)
    if len(final.categories) < 2:
        raise TaxonomyError(f"The taxonomy has {len(final.categories)} category; labels need at least 2. Raise taxonomy.sample or taxonomy.size.")
    session.store.mark_current(taxonomy_id=final.taxonomy_id, taxonomy_spec=_spec(session))
    return made, len(final.categories)


def kept_taxonomy(session: Session) -> Taxonomy | None:
    """Give the current taxonomy where it still holds, so that a corpus that only grew is labelled under it.

    It holds while use case, prompts, model and settings are those it was made with, and half of the documents that its
    categories cite are still in the corpus.
    """
    current = session.store.current("taxonomy_id")
    if current is None or session.store.current("taxonomy_spec") != _spec(session):
        return None
    present = session.store.taxonomy(current)
    cited = {text for category in present.categories for text in category.members}
    there = cited.intersection(session.store.active_hashes(sorted(cited)))
    return present if len(there) >= KEPT * len(cited) else None


def _spec(session: Session) -> str:
    model = session.model_of("generator")
    return taxonomy_spec(session.project, model=model, summary_spec=summary_spec(session.project, model))


def _version(session: Session, stage: str, parent: Taxonomy | None, given: list[Summary], make: Callable[[], Version]) -> tuple[int, Taxonomy]:
    """Give a version from the store, or make and save it; say how many were made."""
    step, parent_id = (parent.step + 1, parent.taxonomy_id) if parent else (0, None)
    seen = [(summary.text_hash, summary.phrase) for summary in given]
    key = version_id(stage, step, parent_id, seen, around=_around(session)[0], project=session.project, model=session.model_of("generator"))
    if (known := session.store.find_taxonomy(key)) is not None:
        return 0, known
    session.progress.status(f"{stage} a taxonomy from {len(given)} documents")
    version = make()
    session.store.save([version.taxonomy, *version.changes])
    return 1, version.taxonomy


def _pointed(session: Session, key: str) -> Taxonomy:
    found = session.store.current(key)
    if found is None:
        raise TaxonomyError(f"There is no {key.removesuffix('_id').replace('_', ' ')} yet; run the stages before this one first.")
    return session.store.taxonomy(found)


def sampled_summaries(session: Session) -> list[Summary]:
    """Read the summaries in the sample's order."""
    spec = session.store.current("summary_spec")
    if spec is None:
        raise TaxonomyError("There are no summaries yet; run the stage summaries first.")
    return session.store.summaries(spec, session.store.sample_hashes(first=session.project.taxonomy.sample))


def _sample(session: Session) -> Sample:
    """Represent the summarised documents; embedding them takes seconds, so that it is done once, and only to make a version."""
    given = sampled_summaries(session)
    around, hashes = _around(session)
    key = ("sample", around, tuple((summary.text_hash, summary.phrase) for summary in given))

    def make() -> Sample:
        neighbours = session.store.vectors(session.embedder.embedder_id, hashes)
        return make_sample(given, embedder=session.embedder, neighbours=neighbours, around=around)

    return session.remember(key, make)


def _around(session: Session) -> tuple[str, list[str]]:
    """Give the documents that lie around the sampled ones, and the hash of their list."""
    hashes = session.store.sample_hashes(first=AROUND)
    return content_id("around", hashes), hashes
