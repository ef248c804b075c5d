"""A taxonomy that has moved on since a student was trained: what became of its categories, and the names they have now.

Categories keep their ids through edits. So the labels of an older student still hold where its categories are still there, by whatever
name; where one was merged, dropped or parted further, they do not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pipeline.errors import StudentError
from pipeline.records import Taxonomy
from pipeline.stages.asking import current_taxonomy
from pipeline.stages.session import Session
from pipeline.stages.taxonomy_history import compared
from pipeline.store import Store
from pipeline.students import LoadedStudent

__all__ = ["Fates", "fates", "named_at_present"]


@dataclass(frozen=True)
class Fates:
    """What became of the categories that labels are given in, from one version of a taxonomy to another; by name."""

    same: tuple[str, ...]
    renamed: Mapping[str, str]
    lost: Mapping[str, str]  # to what became of it
    new: tuple[str, ...]

    @property
    def words(self) -> str:
        """Say it in a sentence or two."""
        there = len(self.same) + len(self.renamed)
        said = f"Of its {there + len(self.lost)} categories {there} are still there{_listed(self.renamed, ' is now called ')}"
        said += f", and {len(self.lost)} lost{_listed(self.lost, ' was ')}." if self.lost else "."
        return f"{said} It knows nothing of {', '.join(self.new)}." if self.new else said


def fates(store: Store, before: Taxonomy, after: Taxonomy, *, among: Collection[str] | None = None) -> Fates:
    """Say what became of the leaves of one version in another, by their ids.

    :param among: ids of the categories that count; all of `before` when absent.
    """
    changes = compared(store, before.taxonomy_id, after.taxonomy_id)[2]
    merged = {change.category_id: change.after for change in changes if change.kind == "merge"}
    leaves = {category.category_id: category.name for category in after.leaves}
    below: dict[str | None, list[str]] = {}
    for category in after.categories:
        below.setdefault(category.parent_id, []).append(category.name)
    same: list[str] = []
    renamed: dict[str, str] = {}
    lost: dict[str, str] = {}
    counting = [category for category in before.leaves if among is None or category.category_id in among]
    for category in counting:
        key, name = category.category_id, category.name
        if key not in leaves:
            lost[name] = f"merged into {merged[key]}" if key in merged else f"parted into {', '.join(below[key])}" if key in below else "dropped"
        elif leaves[key] == name:
            same.append(name)
        else:
            renamed[name] = leaves[key]
    known = {category.category_id for category in counting}
    return Fates(tuple(same), renamed, lost, tuple(name for key, name in leaves.items() if key not in known))


def named_at_present(session: Session, student: LoadedStudent) -> LoadedStudent:
    """Give the categories of a student the names that they have in the present version of the taxonomy.

    A student of the present version stays as it is. Ids and probabilities stay in any case.

    :raises StudentError: where a category of it is lost, so that its labels would be of no version.
    """
    store, present = session.store, current_taxonomy(session)
    if student.card["taxonomy_id"] == present.taxonomy_id:
        return student
    found = fates(store, store.taxonomy(student.card["taxonomy_id"]), present, among=student.categories)
    if found.lost:
        raise StudentError(
            f"The taxonomy has moved on since the student in use was trained. {found.words}"
            f" Train one of the present version: linnaeus run {session.project.name}"
        )
    session.progress.status(f"The taxonomy has moved on since the student in use was trained. {found.words} `linnaeus run` trains a new one.")
    categories = {category.category_id: category for category in present.categories}
    names, parents = [categories[key].name for key in student.categories], []
    for key in student.categories:
        path, above = list[str](), categories[key].parent_id
        while above is not None:
            path.insert(0, categories[above].name)
            above = categories[above].parent_id
        parents.append(path)
    return replace(student, card={**student.card, "names": names, "parents": parents})


def _listed(parts: Mapping[str, str], between: str) -> str:
    return f" ({', '.join(name + between + other for name, other in parts.items())})" if parts else ""
