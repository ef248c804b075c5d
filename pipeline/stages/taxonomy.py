"""The stages of the taxonomy: generate and update several candidates, review them, select one, describe its categories.

A candidate is one pass over the sample, in an order and with a seed of its own. Every version is saved when it is made and
is found again by the hash of what makes it, so that a killed run goes on at the minibatch where it stopped.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.errors import TaxonomyError
from pipeline.records import Summary, Taxonomy, TaxonomyStage
from pipeline.settings import Project
from pipeline.stages.candidates import (
    candidate_numbers,
    candidate_project,
    candidate_summaries,
    minibatch_starts,
    sample_around,
    sample_of,
    started_from,
    validation_texts,
)  # fmt: skip
from pipeline.stages.exam import carried
from pipeline.stages.kept import current_spec, kept_taxonomy
from pipeline.stages.session import Session
from pipeline.taxonomy import Version, deepen, describe, induction, measure_candidates, relevance, saturated, select, version_id

__all__ = ["generated_taxonomy", "reviewed_taxonomy", "selected_taxonomy", "taxonomy", "updated_taxonomy"]

Made = tuple[int, Taxonomy]
Make = Callable[[str], Version]


def generated_taxonomy(session: Session) -> tuple[int, int]:
    """Make the first version of each candidate from its first minibatch, unless the current taxonomy is kept."""
    return _for_each_candidate(session, "generated", _generated)


def updated_taxonomy(session: Session) -> tuple[int, int]:
    """Update each candidate with each further minibatch, until there is nothing new to see."""
    return _for_each_candidate(session, "updated", _updated)


def reviewed_taxonomy(session: Session) -> tuple[int, int]:
    """Review the last version of each candidate: move, merge and drop until its categories are distinct and each is big enough."""
    return _for_each_candidate(session, "reviewed", _reviewed)


def selected_taxonomy(session: Session) -> tuple[int, int]:
    """Choose among the candidates by what they cover, how far they overlap, and a judge, on documents that made none of them."""
    if (kept := kept_taxonomy(session)) is not None:
        return 0, len(kept.categories)
    candidates = [_pointed(session, f"reviewed_taxonomy_id_{number}") for number in candidate_numbers(session)]
    seen = candidate_summaries(session, 0)

    def make(version: str) -> Version:
        texts, sample, chat = validation_texts(session), sample_of(session, seen), session.generator
        measures = measure_candidates(candidates, texts, sample=sample, chat=chat, embedder=session.embedder, project=session.project)
        number, why = select(candidates, measures)
        session.store.save([measure for of_one in measures for measure in of_one])
        related = relevance(texts, chat=chat, project=session.project, taxonomy_id=version)
        return Version(_next(candidates[number], version, "select", note=why), (), (related,))

    more = [candidate.taxonomy_id for candidate in candidates]
    made, chosen = _version(session, "select", candidates[0], seen, make, project=session.project, more=more)
    session.store.mark_current(selected_taxonomy_id=chosen.taxonomy_id)
    return made, len(chosen.categories)


def taxonomy(session: Session) -> tuple[int, int]:
    """Describe the chosen categories: the result is the taxonomy that labels are given under, until it is no longer kept."""
    if (kept := kept_taxonomy(session)) is not None:
        return 0, len(kept.categories)
    project, seen = session.project, candidate_summaries(session, 0)
    made, final = 0, _pointed(session, "selected_taxonomy_id")
    steps: dict[TaxonomyStage, Callable[..., Version]] = {"deepen": deepen} if project.taxonomy.depth > 1 else {}
    for stage, step in (steps | ({"describe": describe} if project.taxonomy.cards else {})).items():
        parent = final

        def make(version: str, parent: Taxonomy = parent, step: Callable[..., Version] = step) -> Version:
            sample = sample_of(session, seen)
            return step(parent, sample, chat=session.generator, embedder=session.embedder, project=project, version_id=version)

        new, final = _version(session, stage, parent, seen, make, project=project)
        made += new
    if len(final.leaves) < 2:
        raise TaxonomyError(f"The taxonomy has {len(final.leaves)} category; labels need at least 2. Raise taxonomy.sample or taxonomy.size.")
    session.store.mark_current(taxonomy_id=final.taxonomy_id, taxonomy_spec=current_spec(session))
    return made, len(final.categories)


def _generated(session: Session, number: int) -> Made:
    project, seen, parent = candidate_project(session, number), candidate_summaries(session, number), started_from(session, number)
    if parent is not None and project.taxonomy.method == "given":
        return 0, parent
    first = seen[: minibatch_starts(session, len(seen)).step]

    def make(version: str) -> Version:
        chat, embedder = session.generator, session.embedder
        sample = sample_of(session, seen).head(len(first))
        made = induction(project, carried(session)).generate(sample, parent=parent, chat=chat, embedder=embedder, project=project, version_id=version)
        return Version(_numbered(made.taxonomy, session, number), made.changes, made.measures)

    return _version(session, "generate", parent, first, make, project=project)


def _updated(session: Session, number: int) -> Made:
    project, seen, current = candidate_project(session, number), candidate_summaries(session, number), _candidate(session, "generated", number)
    update, made = induction(project, carried(session)).update, 0
    starts = minibatch_starts(session, len(seen))
    ratings: list[float] = []
    added: list[int] = []
    for start in session.progress.track(starts[1:], total=len(starts) - 1, what=f"updates of candidate {number + 1}", size=lambda _: 1):
        if update is None or saturated(ratings, added):
            break
        parent, so_far = current, seen[: start + starts.step]

        def make(version: str, parent: Taxonomy = parent, count: int = len(so_far), start: int = start) -> Version:
            chat, embedder = session.generator, session.embedder
            sample = sample_of(session, seen).head(count)
            return update(parent, sample, start=start, chat=chat, embedder=embedder, project=project, version_id=version)

        new, current = _version(session, "update", parent, so_far, make, project=project)
        made += new
        ratings.append(current.rating if current.rating is not None else 0.0)
        added.append(sum(change.kind in {"add", "split"} for change in session.store.changes(current.taxonomy_id)))
    return made, current


def _reviewed(session: Session, number: int) -> Made:
    project, seen, parent = candidate_project(session, number), candidate_summaries(session, number), _candidate(session, "updated", number)
    review = induction(project, carried(session)).review
    if review is None:
        return 0, parent

    def make(version: str) -> Version:
        chat, embedder = session.generator, session.embedder
        return review(parent, sample_of(session, seen), chat=chat, embedder=embedder, project=project, version_id=version)

    return _version(session, "review", parent, seen, make, project=project)


def _for_each_candidate(session: Session, stage: str, make: Callable[[Session, int], Made]) -> tuple[int, int]:
    """Make one stage's versions; say how many were made and how many categories the candidates have."""
    if (kept := kept_taxonomy(session)) is not None:
        return 0, len(kept.categories)
    made = categories = 0
    for number in candidate_numbers(session):
        new, found = make(session, number)
        pointers = [f"{stage}_taxonomy_id_{number}", *([f"{stage}_taxonomy_id"] if number == 0 else [])]
        session.store.mark_current(**dict.fromkeys(pointers, found.taxonomy_id))
        made, categories = made + new, categories + len(found.categories)
    return made, categories


def _version(
    session: Session,
    stage: TaxonomyStage,
    parent: Taxonomy | None,
    seen: Sequence[Summary],
    make: Make,
    *,
    project: Project,
    more: Sequence[str] = (),
) -> Made:
    """Give a version from the store, or make and save it; say how many were made."""
    step, parent_id = (parent.step + 1, parent.taxonomy_id) if parent else (0, None)
    pairs, model = [(summary.text_hash, summary.phrase) for summary in seen], session.model_of("generator")
    with session.store.reader():
        around, beside = sample_around(session)[0], [session.facet, str(carried(session)), *more]
        key = version_id(stage, step, parent_id, pairs, project=project, model=model, around=around, more=beside)
        known = session.store.find_taxonomy(key)
    if known is not None:
        return 0, known
    session.progress.status(f"{stage} a taxonomy from {len(seen)} documents")
    version = make(key)
    session.store.save([version.taxonomy, *version.changes, *version.measures])
    return 1, version.taxonomy


def _next(parent: Taxonomy, taxonomy_id: str, stage: TaxonomyStage, *, note: str) -> Taxonomy:
    return replace(parent, taxonomy_id=taxonomy_id, stage=stage, step=parent.step + 1, parent_id=parent.taxonomy_id, rating=None, note=note)


def _numbered(made: Taxonomy, session: Session, number: int) -> Taxonomy:
    return replace(made, candidate=number, facet=session.facet)


def _candidate(session: Session, stage: str, number: int) -> Taxonomy:
    return _pointed(session, f"{stage}_taxonomy_id_{number}")


def _pointed(session: Session, key: str) -> Taxonomy:
    with session.store.reader():
        found = session.store.current(key)
        if found is None:
            what = key.rstrip("0123456789_").removesuffix("_id").replace("_", " ")
            raise TaxonomyError(f"There is no {what} yet; run the stages before this one first.")
        return session.store.taxonomy(found)
