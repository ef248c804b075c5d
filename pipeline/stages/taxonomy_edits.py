"""What people do with the taxonomy of a project: write it to a file, apply an edited file, start from a file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import TaxonomyError, TaxonomyFileError
from pipeline.records import Category, Taxonomy
from pipeline.stages.kept import current_spec, kept_taxonomy
from pipeline.stages.session import Session
from pipeline.stages.taxonomy_history import EXAMPLES, example_hashes, find_version, present_texts
from pipeline.store import Store
from pipeline.taxonomy.editing import apply_edits, seeded, why_no_name
from pipeline.taxonomy.versions import Version
from pipeline.taxonomy_files import TaxonomyFile, read_taxonomy, write_taxonomy
from pipeline.text import name_key

__all__ = ["Applied", "apply_file", "export_taxonomy", "make_current", "starting_categories"]


@dataclass(frozen=True)
class Applied:
    """What applying a file comes to: the version it edits, where there is one, the version it makes, and what was passed over.

    `kept` says whether the version that it edits is one that the pipeline keeps, because the project has not changed since.
    """

    before: Taxonomy | None
    version: Version
    notes: Sequence[str]
    kept: bool


def export_taxonomy(store: Store, path: Path, *, version: str | None = None, replacing: bool = False) -> Taxonomy:
    """Write a version to a file for people, in the format of the file's ending.

    :raises TaxonomyFileError: where the file is there already and is not to be replaced, or cannot be written.
    """
    taxonomy = find_version(store, version)
    if path.exists() and not replacing:
        raise TaxonomyFileError(f"{path} is there already, and may hold somebody's edits; name another file, or replace it with --force.")
    write_taxonomy(taxonomy, path, present_texts(store, taxonomy.categories))
    return taxonomy


def apply_file(session: Session, path: Path) -> Applied:
    """Work out which version a file leads to from the current one, or to begin with; nothing is changed.

    :raises TaxonomyFileError: with every mistake of the file.
    """
    store, current = session.store, session.store.current("taxonomy_id")
    before = store.taxonomy(current) if current else None
    found = read_taxonomy(path, before=before, refuse=why_no_name)
    categories, left_out = _with_known_examples(store, found, before)
    note = f"from {path.name}"
    if before is None:
        version = seeded(categories, project=session.project, facet=session.facet, status="open", note=note)
    else:
        version = apply_edits(before, categories, merged=found.merged, split=found.split, note=note)
    return Applied(before, version, (*found.notes, *left_out), kept_taxonomy(session) is not None)


def make_current(session: Session, applied: Applied) -> None:
    """Save the version that a file leads to and make it the current one, which the pipeline then keeps.

    :raises TaxonomyError: where another version has become current in the meantime.
    """
    store, taxonomy = session.store, applied.version.taxonomy
    with store.writer():
        if store.current("taxonomy_id") != (applied.before.taxonomy_id if applied.before else None):
            raise TaxonomyError("Another version has become current in the meantime; apply the file again, to see what it changes now.")
        store.save([taxonomy, *applied.version.changes])
        store.mark_current(taxonomy_id=taxonomy.taxonomy_id, taxonomy_spec=current_spec(session))
    store.publish()


def starting_categories(session: Session) -> list[Category]:
    """Give what a taxonomy is to start from: the categories of the project's file of seeds, and those that a person locked.

    Locked and frozen ones come with what they lie below, and with their members; a seed of the same id or name is one of them.
    """
    current = session.store.current("taxonomy_id")
    locked = _locked(session.store.taxonomy(current).categories) if current else {}
    if session.project.taxonomy.seeds is None:
        return list(locked.values())
    found = read_taxonomy(session.project.folder / Path(session.project.taxonomy.seeds).expanduser(), refuse=why_no_name)
    seeds, left_out = _with_known_examples(session.store, found, None)
    for note in left_out:
        session.progress.status(note)
    named = {name_key(category.name): key for key, category in locked.items()}
    ids = {seed.category_id: named.get(name_key(seed.name), seed.category_id) for seed in seeds}
    renumbered = {ids[seed.category_id]: replace(seed, category_id=ids[seed.category_id], parent_id=ids.get(seed.parent_id or "")) for seed in seeds}
    return list((renumbered | locked).values())


def _locked(categories: Sequence[Category]) -> dict[str, Category]:
    present = {category.category_id: category for category in categories}
    wanted: set[str] = set()
    for category in categories:
        key: str | None = category.category_id if category.kept else None
        while key in present and key not in wanted:
            wanted.add(key)
            key = present[key].parent_id
    return {key: category for key, category in present.items() if key in wanted}


def _with_known_examples(store: Store, found: TaxonomyFile, before: Taxonomy | None) -> tuple[list[Category], list[str]]:
    """Leave out examples that are no texts of the corpus, which nothing could show to a model; say which."""
    known = present_texts(store, found.categories).keys() | set(example_hashes(before.categories if before else ()))
    kept, notes = [], []
    for category in found.categories:
        missing = [text for text in example_hashes([category]) if text not in known]
        if missing:
            shown = "; ".join(found.texts.get(text, text)[:60] for text in missing[:3])
            notes.append(f"{category.name}: {len(missing)} of its examples and near misses are no texts of the corpus, and are left out: {shown}")
        kept.append(replace(category, **{key: tuple(text for text in getattr(category, key) if text in known) for key in EXAMPLES}))  # type: ignore[arg-type]
    return kept, notes
