"""What there is to teach a student: the teacher's labels that are not held out, those known to be right, and the documents that categories cite."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.records import Category, Label, Taxonomy
from pipeline.settings import RareSettings
from pipeline.stages.asking import current_taxonomy, is_held_out
from pipeline.stages.known import known_labels
from pipeline.stages.labels import cited_members
from pipeline.stages.session import Session

__all__ = ["Taught", "taught_of"]


@dataclass(frozen=True)
class Taught:
    """The labels of one facet's teacher, by text hash."""

    present: Taxonomy
    teacher_id: str
    labels: Sequence[Label]  # with a category, and not held out
    held_out: Sequence[str]  # documents that students are measured on
    known: Mapping[str, str]  # documents of `labels` whose category is known to be right
    cited: Mapping[str, str]  # documents that categories cite, and that the model was not asked about
    asked: frozenset[str]

    def categories(self) -> dict[str, str]:
        """Give the category that is taught of each labelled document."""
        return {label.text_hash: self.known.get(label.text_hash, label.category_id or "") for label in self.labels}

    def rare(self, settings: RareSettings) -> list[Category]:
        """List the categories with few labels, of those that students learn: they have labels enough for that, or at least a citation."""
        counts, cited = Counter(self.categories().values()), set(self.cited.values()) if settings.fewest < 2 else set()
        rare = [one for one in self.present.leaves if counts[one.category_id] < settings.least]
        return [one for one in rare if counts[one.category_id] >= settings.fewest or one.category_id in cited]

    def left_out(self, settings: RareSettings) -> frozenset[str]:
        """Name the categories that have too few labels for students to learn them."""
        counts = Counter(self.categories().values())
        return frozenset(one.category_id for one in self.present.leaves if counts[one.category_id] < settings.fewest and settings.fewest > 1)


def taught_of(session: Session) -> Taught:
    """Read what the student of the session's facet may learn from."""
    store = session.store
    with store.reader():
        present, teacher = current_taxonomy(session), store.current("teacher_annotator_id") or ""
        given = store.labels(present.taxonomy_id, teacher) if teacher else []
    held = [label.text_hash for label in given if is_held_out(session, label.text_hash)]
    kept_out = set(held)
    taught = [label for label in given if label.category_id is not None and label.text_hash not in kept_out]
    asked = {label.text_hash for label in given}
    there = {label.text_hash for label in taught}
    known = {text: categories[0] for text, categories in known_labels(session, present).items() if text in there and len(categories) == 1}
    return Taught(present, teacher, taught, held, known, cited_members(session, present, asked), frozenset(asked))
