"""Labels that are known to be right: what people said, and what the corpus knows where the project lets it be used."""

from itertools import chain

from pipeline.gold import gold_labels
from pipeline.records import Taxonomy
from pipeline.stages.asking import annotation_sample, is_held_out
from pipeline.stages.session import Session

__all__ = ["known_labels"]


def known_labels(session: Session, present: Taxonomy) -> dict[str, tuple[str, ...]]:
    """Give the right categories of documents that the teacher may learn from: what people said, and so many gold labels as the project allows.

    Gold labels count where each of the corpus is the exact name of a category, for the first documents of the sample
    that are not held out. Evaluation leaves these documents out. Documents on a review sheet that measures teach nothing, whoever knows
    their label.
    """
    store, most = session.store, session.project.annotation.known
    with store.reader():
        said, known = store.human_labels(present.taxonomy_id), store.gold() if most else {}
        reserved = store.reserved_texts()
    people: dict[str, tuple[str, ...]] = {text: (category,) if category else () for text, category in said.items() if text not in reserved}
    names = {category.name: category.category_id for category in present.leaves}
    gold = {text: gold_labels(one) for text, one in known.items()}
    if not gold or not set(chain.from_iterable(gold.values())) <= set(names):
        return people
    sample = [document.text_hash for document in annotation_sample(session)]
    first = [text for text in sample if text in gold and text not in reserved and not is_held_out(session, text)][:most]
    return {**{text: tuple(names[name] for name in gold[text]) for text in first}, **people}
