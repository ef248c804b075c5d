"""The stages of the taxonomy: summaries, generated_taxonomy, updated_taxonomy, taxonomy."""

from collections.abc import Callable

from pipeline.errors import TaxonomyError
from pipeline.records import Taxonomy
from pipeline.stages.session import Session
from pipeline.taxonomy import Sample, Version, generate, make_sample, review, summarise, summary_spec, update, version_id

__all__ = ["generated_taxonomy", "summaries", "taxonomy", "updated_taxonomy"]


def summaries(session: Session) -> tuple[int, int]:
    """Summarise the sampled documents that have no summary yet."""
    project, spec = session.project, summary_spec(session.project, session.chat.model)
    wanted = [document.text_hash for document in session.store.sample_texts(first=project.taxonomy.sample)]
    pending = session.store.pending("summaries", {"summary_spec": spec}, among=wanted)
    outcomes = summarise(session.store.texts(pending), chat=session.chat, project=project)
    for outcome in session.progress.track(outcomes, total=len(pending), what="summaries", size=lambda o: len(o.records) + len(o.failures)):
        session.store.save(list(outcome.records))
        answered = [summary.text_hash for summary in outcome.records]
        session.store.save_failures("summaries", spec, outcome.failures, answered=answered)
    session.store.mark_current(summary_spec=spec)
    return len(pending), len(session.store.summaries(spec, wanted))


def generated_taxonomy(session: Session) -> tuple[int, int]:
    """Make the first version from the first minibatch."""
    sample = _sample(session).head(session.project.taxonomy.minibatch)
    made, first = _version(
        session, "generate", 0, None, sample, lambda: generate(sample, chat=session.chat, embedder=session.embedder, project=session.project)
    )
    session.store.mark_current(generated_taxonomy_id=first.taxonomy_id)
    return made, len(first.categories)


def updated_taxonomy(session: Session) -> tuple[int, int]:
    """Update the first version with each further minibatch."""
    sample, project = _sample(session), session.project
    current = _pointed(session, "generated_taxonomy_id")
    made = 0
    starts = range(project.taxonomy.minibatch, len(sample), project.taxonomy.minibatch)
    for start in session.progress.track(starts, total=len(starts), what="updates", size=lambda _: 1):
        seen, parent = sample.head(start + project.taxonomy.minibatch), current

        def make(parent: Taxonomy = parent, seen: Sample = seen, start: int = start) -> Version:
            return update(parent, seen, start=start, chat=session.chat, embedder=session.embedder, project=project)

        new, current = _version(session, "update", parent.step + 1, parent.taxonomy_id, seen, make)
        made += new
    session.store.mark_current(updated_taxonomy_id=current.taxonomy_id)
    return made, len(current.categories)


def taxonomy(session: Session) -> tuple[int, int]:
    """Review the last version: the result is the taxonomy that labels are given under."""
    sample = _sample(session)
    parent = _pointed(session, "updated_taxonomy_id")
    made, final = _version(
        session,
        "review",
        parent.step + 1,
        parent.taxonomy_id,
        sample,
        lambda: review(parent, sample, chat=session.chat, embedder=session.embedder, project=session.project),
    )
    if len(final.categories) < 2:
        raise TaxonomyError(f"The taxonomy has {len(final.categories)} category; labels need at least 2. Raise taxonomy.sample or taxonomy.size.")
    session.store.mark_current(taxonomy_id=final.taxonomy_id)
    return made, len(final.categories)


def _version(session: Session, stage: str, step: int, parent_id: str | None, sample: Sample, make: Callable[[], Version]) -> tuple[int, Taxonomy]:
    """Give a version from the store, or make and save it; say how many were made."""
    key = version_id(stage, step, parent_id, sample, project=session.project, model=session.chat.model)
    if (known := session.store.find_taxonomy(key)) is not None:
        return 0, known
    session.progress.status(f"{stage} a taxonomy from {len(sample)} documents")
    version = make()
    session.store.save([version.taxonomy, *version.changes])
    return 1, version.taxonomy


def _pointed(session: Session, key: str) -> Taxonomy:
    found = session.store.current(key)
    if found is None:
        raise TaxonomyError(f"There is no {key.removesuffix('_id').replace('_', ' ')} yet; run the stages before this one first.")
    return session.store.taxonomy(found)


def _sample(session: Session) -> Sample:
    """Read the summaries in the sample's order, and represent them."""
    spec = session.store.current("summary_spec")
    if spec is None:
        raise TaxonomyError("There are no summaries yet; run the stage summaries first.")
    wanted = [document.text_hash for document in session.store.sample_texts(first=session.project.taxonomy.sample)]
    return session.remember(("sample", spec, tuple(wanted)), lambda: make_sample(session.store.summaries(spec, wanted), embedder=session.embedder))
