"""What the stages that ask the annotator share: whom they ask, in which manner, about which documents, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.annotation import Manner, annotate, annotate_by_level, held_out, llm_annotator, rule_annotator
from pipeline.embedding import Matrix
from pipeline.errors import BudgetReachedError, TaxonomyError
from pipeline.records import Annotator, Document, Label, Outcome, Taxonomy
from pipeline.rules import load_rules
from pipeline.serving import Chat
from pipeline.settings import Role
from pipeline.stages.duplicates import cluster_of, shared_copies
from pipeline.stages.manner import besides, manner_of
from pipeline.stages.selection import POOL, asked_texts, held_out_sample
from pipeline.stages.session import Session

__all__ = [
    "annotation_sample",
    "answers",
    "ask",
    "current_taxonomy",
    "first_annotator",
    "fresh_sample",
    "given_labels",
    "in_scope",
    "is_held_out",
    "pool_of",
    "rule_labels",
    "vote_annotators",
]


def annotation_sample(session: Session) -> list[Document]:
    """Give the documents that the model is to label: others than the taxonomy came from, as far as there are enough.

    Where they are chosen actively, they are the held-out ones and those that were asked about so far. The first ones of each partition
    are there beside, where the project asks for that.
    """
    chosen = _chosen(session)
    parted = session.project.partitions
    if parted is None or not parted.labelled:
        return chosen
    there = {document.text_hash for document in chosen} | shared_copies(session).keys()
    return chosen + session.store.texts([text for text in session.store.first_of_partitions(parted.labelled) if text not in there])


def _chosen(session: Session) -> list[Document]:
    wanted = session.project.annotation.sample
    if session.project.annotation.selection == "active":
        present = current_taxonomy(session)
        asked = asked_texts(session, present, first_annotator(session, present)[0])
        pool, held = pool_of(session)
        return session.store.texts([*held, *(text for text in pool if text in asked)])
    return fresh_sample(session, wanted)


def fresh_sample(session: Session, wanted: int) -> list[Document]:
    """Give the first documents of the seeded order that the taxonomy did not come from, and after these, where there are too few, the others."""
    sampled = session.project.taxonomy.sample
    fresh = session.store.sample_texts(first=wanted, skip=sampled)
    return fresh + session.store.sample_texts(first=min(wanted - len(fresh), sampled)) if len(fresh) < wanted else fresh


def in_scope(session: Session, documents: Sequence[Document]) -> list[str]:
    """Give the texts of those documents that belong to the partitions that the run is about."""
    texts = [document.text_hash for document in documents]
    return session.store.in_partitions(texts, session.partitions) if session.partitions else texts


def current_taxonomy(session: Session) -> Taxonomy:
    """Give the taxonomy that labels are given under."""
    with session.store.reader():
        found = session.store.current("taxonomy_id")
        if found is None:
            raise TaxonomyError("There is no taxonomy yet; run the stage taxonomy first.")
        return session.store.taxonomy(found)


def first_annotator(session: Session, present: Taxonomy, role: Role = "annotator") -> tuple[Annotator, Manner]:
    """Give the annotator that labels every sampled document, or another role's model as one, and its manner."""
    manner = manner_of(session, present)
    source = besides(session, present, manner, []).source
    return llm_annotator(session.project, session.model_of(role), manner, source), manner


def vote_annotators(session: Session, present: Taxonomy) -> list[tuple[Annotator, Manner]]:
    """Give those that vote beside the first: the same model, with the categories in other orders; one at least, but none level by level."""
    _, manner = first_annotator(session, present)
    source, model = besides(session, present, manner, []).source, session.model_of("annotator")
    if manner.top_down:
        return []
    manners = [replace(manner, order=order) for order in range(1, max(1, session.project.annotation.votes) + 1)]
    return [(llm_annotator(session.project, model, one, source), one) for one in manners]


def given_labels(session: Session, present: Taxonomy, annotator: Annotator, wanted: Sequence[str]) -> list[Label]:
    """Give the labels of an annotator for some texts, in their order, missing ones left out."""
    known = {label.text_hash: label for label in session.store.labels(present.taxonomy_id, annotator.annotator_id)}
    return [known[text] for text in wanted if text in known]


def is_held_out(session: Session, text_hash: str) -> bool:
    """Say whether a labelled document is kept from the students; near copies are kept or taught together."""
    return held_out(cluster_of(session, text_hash), share=session.project.annotation.held_out, seed=session.project.seed)


def pool_of(session: Session) -> tuple[list[str], list[str]]:
    """Give the texts that may be chosen actively, and the held-out ones that are asked about whatever is chosen."""
    texts = session.store.sample_hashes(first=POOL)
    texts = texts[session.project.taxonomy.sample :] or texts
    kept = [text for text in texts if is_held_out(session, text)]
    open_ones = [text for text in texts if not is_held_out(session, text)]
    return open_ones, held_out_sample(session, kept)


def rule_labels(session: Session, present: Taxonomy, wanted: Sequence[str]) -> list[Label]:
    """Give what the project's labelling functions, as they are now, say of some texts."""
    rules = load_rules(session.project.annotation.rules, session.project.folder)
    present_rules = {rule_annotator(rule).annotator_id for rule in rules}
    return [label for label in session.store.labels_by_kind(present.taxonomy_id, "rule", wanted) if label.annotator_id in present_rules]


def answers(
    session: Session,
    present: Taxonomy,
    annotator: Annotator,
    manner: Manner,
    documents: Sequence[Document],
    chat: Chat,
    vectors: Matrix | None = None,
) -> Iterator[Outcome[Label]]:
    """Let an annotator label documents in its manner; nothing is saved.

    Where prompts list what a document is offered alone, documents with like shortlists are asked about one after the other,
    so that a server computes anew only what differs.

    :param vectors: of the documents (n, d); those of the store when absent.
    """
    if manner.top_down:
        return annotate_by_level(documents, taxonomy=present, annotator=annotator, chat=chat, project=session.project)
    beside = besides(session, present, manner, [document.text_hash for document in documents], vectors)
    if not manner.list_all:
        place = {category.category_id: number for number, category in enumerate(present.leaves)}
        documents = sorted(documents, key=lambda document: [place[one.category_id] for one in beside.offered[document.text_hash]])
    return annotate(documents, taxonomy=present, annotator=annotator, chat=chat, project=session.project, manner=manner, beside=beside)


def ask(
    session: Session,
    present: Taxonomy,
    annotator: Annotator,
    manner: Manner,
    wanted: Sequence[str],
    what: str,
    *,
    needed: bool,
    role: Role = "annotator",
) -> int:
    """Let an annotator label those of some texts that it has not labelled; a budget that is reached stops the run where the labels are not needed.

    :return: number of texts that were asked about.
    """
    key, made = {"taxonomy_id": present.taxonomy_id, "annotator_id": annotator.annotator_id}, 0
    pending = session.store.pending("labels", key, among=wanted)
    outcomes = answers(session, present, annotator, manner, session.store.texts(pending), session.chat_of(role))
    spec = f"{present.taxonomy_id} {annotator.annotator_id}"
    try:
        for outcome in session.progress.track(outcomes, total=len(pending), what=what, size=lambda o: len(o.records) + len(o.failures)):
            with session.store.writer():
                session.store.save(list(outcome.records))
                session.store.save_failures("annotations", spec, outcome.failures, answered=[label.text_hash for label in outcome.records])
            made += len(outcome.records) + len(outcome.failures)
    except BudgetReachedError as reached:  # what is labelled teaches a student all the same
        if needed and not made and len(pending) == len(wanted):
            raise
        session.stop(f"{reached} Left: {len(pending) - made} of {len(wanted)} documents to label ({what}).")
    return made
