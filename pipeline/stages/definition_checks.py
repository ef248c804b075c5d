"""The stage that holds single definitions against sampled documents, and what came of it."""

from collections.abc import Sequence

from pipeline.check_records import DefinitionCheck
from pipeline.errors import BudgetReachedError
from pipeline.evaluation.definition_checks import BESIDE, check_definitions, definition_checker
from pipeline.evaluation.definition_design import Design, Pair, expected_questions, first_pairs, make_design, second_pairs
from pipeline.evaluation.definitions import Told
from pipeline.records import Annotator, Taxonomy
from pipeline.stages.asking import annotation_sample, current_taxonomy, fresh_sample
from pipeline.stages.manner import likeness
from pipeline.stages.session import Session

__all__ = ["definition_checks", "expected_checks", "missing_checks", "told_of"]


def definition_checks(session: Session) -> tuple[int, int]:
    """Ask about sampled documents whether each definition by itself fits them, so that gaps and overlap of the taxonomy are known."""
    if not session.project.evaluation.definition_sample:
        return 0, 0
    present, checker = current_taxonomy(session), _checker(session)
    session.store.save([checker])
    design = _design(session, present)
    made = _ask(session, present, checker, first_pairs(design))
    if not session.stopped:
        made += _ask(session, present, checker, second_pairs(design, _known(session, present)))
    return made, len(session.store.definition_checks(present.taxonomy_id, checker.annotator_id))


def told_of(session: Session) -> Told | None:
    """Give what was said of the current taxonomy's definitions, and the labels to hold it against; None where nothing was asked."""
    if not session.project.evaluation.definition_sample or session.store.current("taxonomy_id") is None:
        return None
    present = current_taxonomy(session)
    known = _known(session, present)
    if not known:
        return None
    design = _design(session, present)
    asked = {*first_pairs(design), *second_pairs(design, known)}
    relevant = {pair: fits for pair, fits in known.items() if pair in asked}
    return Told(design, relevant, _labels(session, present), f"self-judged: {session.model_of('annotator')}", session.project.seed)


def missing_checks(session: Session) -> int:
    """Count the questions that are still to be asked of the current taxonomy; those of the second phase are estimated before the first."""
    count = session.project.evaluation.definition_sample
    if not count:
        return 0
    present = current_taxonomy(session)
    if session.store.pending("embeddings", {"embedder_id": session.embedder.embedder_id}, among=_sampled(session)):
        return expected_checks(count, len(present.leaves))  # what is near to new documents is not known yet
    known, design = _known(session, present), _design(session, present)
    first = [pair for pair in first_pairs(design) if known.get(pair) is None]
    if not first:
        return sum(known.get(pair) is None for pair in second_pairs(design, known))
    later = expected_questions(len(design.near), len(present.leaves)) - len(first_pairs(design))
    return len(first) + max(0, later) + BESIDE * len({category for _, category in first})


def expected_checks(texts: int, categories: int) -> int:
    """Estimate how many questions a sample takes, those that set the bounds of each definition included."""
    return expected_questions(texts, categories) + BESIDE * categories if texts else 0


def _checker(session: Session) -> Annotator:
    return definition_checker(session.project, session.model_of("annotator"))


def _sampled(session: Session) -> list[str]:
    return [document.text_hash for document in fresh_sample(session, session.project.evaluation.definition_sample)]


def _known(session: Session, present: Taxonomy) -> dict[Pair, bool | None]:
    said = session.store.definition_checks(present.taxonomy_id, _checker(session).annotator_id)
    return {(check.text_hash, check.category_id): check.fits for check in said}


def _labels(session: Session, present: Taxonomy) -> dict[str, str | None]:
    teacher = session.store.current("teacher_annotator_id")
    given = session.store.labels(present.taxonomy_id, teacher) if teacher else []
    return {label.text_hash: label.category_id for label in given}


def _design(session: Session, present: Taxonomy) -> Design:
    """Choose what is asked: by the sample, the vectors and the labels, which all have seeds or hashes of their own."""
    texts = _sampled(session)
    labels = _labels(session, present)
    more = [document.text_hash for document in annotation_sample(session)] if labels else []
    categories = [category.category_id for category in present.leaves]
    return make_design(texts, likeness(session, present, texts), labels, categories=categories, more=more)


def _ask(session: Session, present: Taxonomy, checker: Annotator, pairs: Sequence[Pair]) -> int:
    """Ask what was not answered yet, and save it category by category; what a reached budget leaves out is left for another run."""
    known = _known(session, present)
    pending, made = [pair for pair in pairs if known.get(pair) is None], 0
    texts = {document.text_hash: document.text for document in session.store.texts(sorted({text for text, _ in pending}))}
    checks = check_definitions(pending, texts, taxonomy=present, annotator=checker, chat=session.annotator, project=session.project)
    try:
        for of_one in session.progress.track(checks, total=len(pending), what="definitions", size=_size):
            session.store.save(list(of_one))
            made += len(of_one)
    except BudgetReachedError as reached:
        session.stop(f"{reached} Left: {len(pending) - made} of {len(pairs)} questions about the definitions of categories.")
    return made


def _size(checks: Sequence[DefinitionCheck]) -> int:
    return len(checks)
