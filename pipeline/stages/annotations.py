"""The stage of the model's own answers: each sampled document once, some in another order, the unsure ones by further votes."""

from collections.abc import Sequence

from pipeline.annotation import Manner, apply_rules, find_evidence, rule_annotator, unsure_texts
from pipeline.errors import BudgetReachedError
from pipeline.records import Annotator, Taxonomy
from pipeline.rules import load_rules
from pipeline.stages.asking import annotation_sample, ask, current_taxonomy, first_annotator, given_labels, in_scope, pool_of, vote_annotators
from pipeline.stages.selection import active_batches
from pipeline.stages.session import Session
from pipeline.stages.trial import try_demonstrations

__all__ = ["annotations", "expected_calls", "reordered_count"]

MOST_REORDERED = 100
UNSURE_SHARE = 0.3  # of the documents, as a plan takes it to be


def annotations(session: Session) -> tuple[int, int]:
    """Let the model label the sampled documents that it has not labelled under this taxonomy, and vote where it is unsure."""
    present = current_taxonomy(session)
    made = try_demonstrations(session)
    annotator, manner = first_annotator(session, present)
    session.store.save([annotator])
    session.store.mark_current(llm_annotator_id=annotator.annotator_id)
    made += _first_answers(session, present, annotator, manner)
    wanted = in_scope(session, annotation_sample(session))
    _apply_rules(session, present, wanted)
    if not session.stopped:
        made += _votes(session, present, annotator, wanted)
        made += _evidence(session, present, annotator, wanted)
    return made, len(given_labels(session, present, annotator, wanted))


def expected_calls(session: Session, count: int) -> int:
    """Say how many questions so many documents take beside the first of each: in another order, as votes, for evidence."""
    wanted = session.project.annotation
    asked = reordered_count(session, count) + round(UNSURE_SHARE * count * wanted.votes)
    return asked + count * (wanted.evidence + wanted.rationale * wanted.evidence)


def reordered_count(session: Session, count: int) -> int:
    """Say how many of so many documents are asked with the categories in reverse as well: the first of the sample."""
    return min(MOST_REORDERED, int(session.project.annotation.reordered * count))


def _first_answers(session: Session, present: Taxonomy, annotator: Annotator, manner: Manner) -> int:
    if session.project.annotation.selection == "random":
        return ask(session, present, annotator, manner, in_scope(session, annotation_sample(session)), "labels", needed=True)
    pool, held = pool_of(session)
    made = ask(session, present, annotator, manner, held, "held-out labels", needed=True)
    for batch in active_batches(session, present, annotator, pool, held):
        if session.stopped:
            break
        made += ask(session, present, annotator, manner, batch, "labels", needed=False)
    return made


def _votes(session: Session, present: Taxonomy, annotator: Annotator, wanted: Sequence[str]) -> int:
    made = 0
    for number, (voter, manner) in enumerate(vote_annotators(session, present)):
        reordered = wanted[: reordered_count(session, len(wanted))] if number == 0 else []
        unsure = _unsure(session, present, annotator, wanted) if number < session.project.annotation.votes else []
        if heard := list(dict.fromkeys([*reordered, *unsure])):
            session.store.save([voter])
            made += ask(session, present, voter, manner, heard, f"votes {number + 1}", needed=False)
    return made


def _apply_rules(session: Session, present: Taxonomy, wanted: Sequence[str]) -> None:
    """Let the project's labelling functions label the sample; what they said before is replaced, since they cost nothing."""
    rules = load_rules(session.project.annotation.rules, session.project.folder)
    if not rules:
        return
    outcome = apply_rules(session.store.texts(wanted), rules=rules, taxonomy=present)
    with session.store.writer():
        session.store.save([*map(rule_annotator, rules), *outcome.records])
        session.store.save_failures("rules", present.taxonomy_id, outcome.failures, answered=list(wanted))


def _unsure(session: Session, present: Taxonomy, annotator: Annotator, wanted: Sequence[str]) -> list[str]:
    labels = given_labels(session, present, annotator, wanted)
    categories = [category.category_id for category in present.leaves]
    return unsure_texts(labels, categories=categories, below=session.project.annotation.unsure)


def _evidence(session: Session, present: Taxonomy, annotator: Annotator, wanted: Sequence[str]) -> int:
    """Find the words that support each label that has none yet."""
    if not session.project.annotation.evidence:
        return 0
    bare = [label for label in given_labels(session, present, annotator, wanted) if label.category_id is not None and label.evidence is None]
    found = find_evidence(
        bare, session.store.texts([label.text_hash for label in bare]), taxonomy=present, chat=session.annotator, project=session.project
    )
    spec, made = f"{present.taxonomy_id} {annotator.annotator_id}", 0
    try:
        for outcome in session.progress.track(found, total=len(bare), what="evidence", size=lambda o: len(o.records)):
            with session.store.writer():
                session.store.save([label for label in outcome.records if label.evidence is not None])
                failed = {failure.text_hash for failure in outcome.failures}
                answered = [label.text_hash for label in outcome.records if label.text_hash not in failed]
                session.store.save_failures("evidence", spec, outcome.failures, answered=answered)
            made += len(outcome.records)
    except BudgetReachedError as reached:
        session.stop(f"{reached} Left: the evidence of {len(bare) - made} labels.")
    return made
