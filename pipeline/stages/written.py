"""The stage of examples that a model writes for categories with few labels; it does nothing where the project asks for none."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from pipeline.annotation import MOST_SHOWN, Subject, WantedExample, example_documents, judge_examples, wanted_examples, write_examples
from pipeline.errors import BudgetReachedError
from pipeline.ids import order_key
from pipeline.stages.asking import answers, first_annotator
from pipeline.stages.session import Session
from pipeline.stages.taught import Taught, taught_of
from pipeline.student_records import WrittenExample

__all__ = ["examples_of", "missing_examples", "written_examples"]

SHARE_SHOWN = 0.5  # of a category's labels, that the writer sees at most: the others say whether its examples help
OTHERS_EACH = 3  # texts of each other category, for the style


def written_examples(session: Session) -> tuple[int, int]:
    """Let the model write examples of the categories with few labels, and the annotator say what they are; nothing where none are asked for."""
    if not session.project.rare.written:
        return 0, 0
    taught, store = taught_of(session), session.store
    wanted = _wanted(session, taught)
    ids = [one.example_id for one in wanted]
    made = set(_write(session, taught, wanted))
    if not session.stopped:
        made |= set(_judge(session, taught, store.written_examples(ids)))
    return len(made), len(store.written_examples(ids))


def missing_examples(session: Session) -> tuple[int, int]:
    """Count the examples that are still to be written, and those that the annotator has still to be asked about."""
    taught = taught_of(session)
    ids = [one.example_id for one in _wanted(session, taught)]
    return len(session.store.missing_examples(ids)), len(_unjudged(session, taught, session.store.written_examples(ids)))


def examples_of(session: Session, taught: Taught) -> list[WrittenExample]:
    """Give the examples there are of the categories that are rare at present, as far as they have a text."""
    if not session.project.rare.written:
        return []
    found = session.store.written_examples([one.example_id for one in _wanted(session, taught)])
    return [one for one in found if one.text]


def _wanted(session: Session, taught: Taught) -> list[WantedExample]:
    rare = session.project.rare
    names = [category.category_id for category in taught.rare(rare)]
    return wanted_examples(taught.present.taxonomy_id, names, rare.written, project=session.project, model=session.model_of("generator"))


def _write(session: Session, taught: Taught, wanted: Sequence[WantedExample]) -> list[str]:
    missing = set(session.store.missing_examples([one.example_id for one in wanted]))
    pending = [one for one in wanted if one.example_id in missing]
    if not pending:
        return []
    subjects = _subjects(session, taught, {one.category_id for one in pending})
    batches = write_examples(pending, subjects, taxonomy_id=taught.present.taxonomy_id, chat=session.generator, project=session.project)
    return _saved(session, batches, len(pending), "written examples")


def _judge(session: Session, taught: Taught, examples: Sequence[WrittenExample]) -> list[str]:
    pending, present = _unjudged(session, taught, examples), taught.present
    documents = example_documents(pending)
    if not documents:
        return []
    annotator, manner = first_annotator(session, present)
    vectors = session.embedder.embed([document.text for document in documents])
    outcomes = answers(session, present, annotator, manner, documents, session.annotator, vectors)
    return _saved(session, judge_examples(pending, outcomes, annotator.annotator_id), len(pending), "labels of written examples")


def _unjudged(session: Session, taught: Taught, examples: Sequence[WrittenExample]) -> list[WrittenExample]:
    """List the examples with a text that the present annotator has not been asked about."""
    written = [one for one in examples if one.text]
    if not written:
        return []
    annotator, _ = first_annotator(session, taught.present)
    return [one for one in written if one.annotator_id != annotator.annotator_id]


def _saved(session: Session, batches: Iterable[list[WrittenExample]], total: int, what: str) -> list[str]:
    """Save batch by batch; a budget that is reached ends it, as students learn without the rest too."""
    made: list[str] = []
    size: Callable[[list[WrittenExample]], int] = len
    try:
        for batch in session.progress.track(batches, total=total, what=what, size=size):
            session.store.save(batch)
            made += [one.example_id for one in batch]
    except BudgetReachedError as reached:
        session.stop(f"{reached} Left: {total - len(made)} of {total} {what}.")
    return made


def _subjects(session: Session, taught: Taught, category_ids: set[str]) -> dict[str, Subject]:
    """Choose what the writer sees: of the category at most four documents and half of its labels, and of the others a few texts each."""
    labelled, cited = (_by_category(texts, session.project.seed) for texts in (taught.categories(), taught.cited))
    # Cited documents judge nothing, so that all of them may be shown.
    shown = {one: [*cited.get(one, ()), *_part(labelled.get(one, ()))][:MOST_SHOWN] for one in category_ids}
    style = {category: texts[:OTHERS_EACH] for category, texts in labelled.items()}
    wanted = sorted({text for texts in [*shown.values(), *style.values()] for text in texts})
    documents = dict(zip(wanted, session.store.texts(wanted), strict=True))
    # One text of each category after the other, so that neighbours in the list differ.
    turns = [(category, texts[turn]) for turn in range(OTHERS_EACH) for category, texts in style.items() if turn < len(texts)]
    return {
        category.category_id: Subject(
            category,
            [documents[text] for text in shown[category.category_id]],
            [documents[text].text for other, text in turns if other != category.category_id],
        )
        for category in taught.present.leaves
        if category.category_id in category_ids
    }


def _by_category(texts: Mapping[str, str], seed: int) -> dict[str, list[str]]:
    """Sort texts into their categories, each in the seeded order."""
    found: dict[str, list[str]] = {}
    for text in sorted(texts, key=lambda text: order_key(text, seed)):
        found.setdefault(texts[text], []).append(text)
    return found


def _part(texts: Sequence[str]) -> Sequence[str]:
    return texts[: int(SHARE_SHOWN * len(texts))]
