"""The stages before the taxonomy: facets (the questions asked of each text) and summaries (the answers)."""

from pipeline.errors import BudgetReachedError, TaxonomyError
from pipeline.records import Facet, Outcome, Summary
from pipeline.stages.kept import kept_taxonomy
from pipeline.stages.session import Session
from pipeline.taxonomy import SHOWN_TEXTS, facet_id, summarise, summary_spec, write_facet

__all__ = ["facets", "sampled_summaries", "summaries", "written_facets"]


def facets(session: Session) -> tuple[int, int]:
    """Write the question of each facet that has none yet; it stays as it is while use case, prompt and model do."""
    model, made = session.model_of("generator"), 0
    for name in session.whole.facet_names:
        project = session.whole.facet(name)
        key = facet_id(name, project, model)
        if session.store.find_facet(key) is None:
            texts = [document.text for document in session.store.sample_texts(first=SHOWN_TEXTS)]
            session.store.save([write_facet(name, texts, chat=session.generator, project=project)])
            made += 1
        session.view(name).store.mark_current(facet_id=key)
    return made, len(session.whole.facet_names)


def summaries(session: Session) -> tuple[int, int]:
    """Summarise the sampled documents that have no summary yet, unless every current taxonomy is kept and needs none."""
    project, model = session.whole, session.model_of("generator")
    specs = {name: summary_spec(project, model, facet=name) for name in project.facet_names}
    wanted = [document.text_hash for document in session.store.sample_texts(first=project.taxonomy.sample)]
    if all(kept_taxonomy(session.view(name)) is not None for name in specs):
        return 0, len(session.store.summaries(specs[session.facet], wanted))
    spec = specs[session.facet]
    pending = session.store.pending("summaries", {"summary_spec": spec}, among=wanted)
    asked = written_facets(session) if pending else []
    outcomes = summarise(session.store.texts(pending), facets=asked, chat=session.generator, project=project) if pending else iter(())

    def size(outcome: Outcome[Summary]) -> int:
        return len(outcome.records) // len(specs) + len(outcome.failures)

    made = 0
    try:
        for outcome in session.progress.track(outcomes, total=len(pending), what="summaries", size=size):
            answered = sorted({summary.text_hash for summary in outcome.records})
            with session.store.writer():
                session.store.save(list(outcome.records))
                session.store.save_failures("summaries", spec, outcome.failures, answered=answered)
            made += len(answered) + len(outcome.failures)
    except BudgetReachedError as reached:
        raise BudgetReachedError(f"{reached} Left: {len(pending) - made} of {len(wanted)} summaries, and all that follows.") from reached
    for name, key in specs.items():
        session.view(name).store.mark_current(summary_spec=key)
    return len(pending), len(session.store.summaries(spec, wanted))


def written_facets(session: Session) -> list[Facet]:
    """Give the facets of a project in its order.

    :raises TaxonomyError: where one has not been written.
    """
    model = session.model_of("generator")
    with session.store.reader():
        found = [session.store.find_facet(facet_id(name, session.whole.facet(name), model)) for name in session.whole.facet_names]
    if any(facet is None for facet in found):
        raise TaxonomyError("The facets of this project have no questions yet; run the stage facets first.")
    return [facet for facet in found if facet is not None]


def sampled_summaries(session: Session) -> list[Summary]:
    """Read the summaries of the session's facet in the sample's order."""
    with session.store.reader():
        spec = session.store.current("summary_spec")
        if spec is None:
            raise TaxonomyError("There are no summaries yet; run the stage summaries first.")
        return session.store.summaries(spec, session.store.sample_hashes(first=session.project.taxonomy.sample))
