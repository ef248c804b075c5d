"""A taxonomy proposed for the corpus as it is now, beside the one in use, which nobody but a person replaces.

It is induced by the same stages as the first one, in a view of the session whose pointers are its own. Half of its sample is what the
present taxonomy may serve badly: documents that came since it was made, those that the student is least sure of, and strangers. The other
half is the beginning of the seeded order, which is a random one. All is kept by its hash: asked again, it costs no call.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import TaxonomyError
from pipeline.intervals import wilson
from pipeline.records import Change, Taxonomy
from pipeline.settings import MAIN
from pipeline.stages.asking import current_taxonomy
from pipeline.stages.check_rules import percent
from pipeline.stages.corpus import embeddings
from pipeline.stages.drift import STRANGE
from pipeline.stages.exam import check_role
from pipeline.stages.kept import kept_taxonomy
from pipeline.stages.session import Session
from pipeline.stages.summaries import facets, summaries
from pipeline.stages.taxonomy import generated_taxonomy, reviewed_taxonomy, selected_taxonomy, taxonomy, updated_taxonomy
from pipeline.stages.taxonomy_edits import Applied
from pipeline.stages.taxonomy_history import compared, find_version
from pipeline.taxonomy.proposing import proposed
from pipeline.taxonomy.versions import Version

__all__ = ["Proposal", "propose", "version_to_use"]

INDUCTION = (embeddings, facets, summaries, generated_taxonomy, updated_taxonomy, reviewed_taxonomy, selected_taxonomy, taxonomy)


@dataclass(frozen=True)
class Proposal:
    """What is proposed: a version, its changes against the present one, and how many documents would be in another category."""

    project: str
    facet: str
    present: Taxonomy
    version: Taxonomy  # the present one where nothing is proposed
    changes: Sequence[Change]
    moved: int  # of the counted documents
    counted: int  # documents chosen at random
    is_new: bool  # False where nothing is proposed, or what was proposed before

    @property
    def command(self) -> str:
        """Give the command that puts it in place."""
        facet = "" if self.facet == MAIN else f" --facet {self.facet}"
        return f"linnaeus taxonomy use {self.project} {self.version.taxonomy_id.removeprefix('tax:')[:12]}{facet}"

    @property
    def words(self) -> str:
        """Say in a few sentences what is proposed."""
        if not self.changes:
            return "Nothing is proposed: a taxonomy made from the corpus as it is now has the same categories."
        kinds = [change.kind if change.kind != "rename" or change.before != change.after else "edit" for change in self.changes]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        said = f"{'A new taxonomy is proposed' if self.is_new else 'The same taxonomy is proposed as before'}, of"
        said += f" {len(self.version.leaves)} categories where the present one has {len(self.present.leaves)}: {counts}."
        if self.counted:
            low, high = wilson(self.moved / self.counted, self.counted)
            share = f"{percent(self.moved / self.counted)} ({percent(low)} to {percent(high)}, n = {self.counted})"
            said += f" About {share} of the documents would be in another category."
        return said


def propose(session: Session) -> Proposal:
    """Induce a taxonomy from the corpus as it is now, and say what it would change; the current one stays.

    :raises TaxonomyError: where there is no taxonomy yet, or the project's is given by a file.
    """
    present, store = current_taxonomy(session), session.store
    if session.project.taxonomy.method == "given":
        raise TaxonomyError(
            "The taxonomy of this project is given by a file (taxonomy.method), so that none is induced. Edit the file, and apply it."
        )
    check_role(session, "generator")
    badly, random = _sample(session, present)
    aside = session.aside(_mixed(random, badly))
    # Pointing at the present one lets its locked categories stay; without its spec it is not kept.
    aside.store.mark_current(taxonomy_id=present.taxonomy_id, taxonomy_spec=None)
    for stage in INDUCTION:
        stage(aside)
    made = aside.store.taxonomy(aside.store.current("taxonomy_id") or "")
    cited = [text for category in made.leaves for text in category.members]
    found = proposed(present, made, _served(session, present, cited), counted=random)
    version = found.version.taxonomy
    is_new = store.find_taxonomy(version.taxonomy_id) is None
    if is_new:
        store.save([version, *found.version.changes])
    store.publish()
    return Proposal(session.project.name, session.facet, present, version, found.version.changes, found.moved, found.counted, is_new)


def version_to_use(session: Session, beginning: str) -> tuple[Applied, list[Change]]:
    """Find a version that is to become the current one, and what it changes; `make_current` puts it in place.

    :raises TaxonomyError: where there is no such version, or it has too few categories to label by.
    """
    store, current = session.store, session.store.current("taxonomy_id")
    version = find_version(store, beginning)
    if len(version.leaves) < 2:
        raise TaxonomyError(f"{version.taxonomy_id} has {len(version.leaves)} category; labels need at least 2. Choose another version.")
    before = store.taxonomy(current) if current else None
    changes = compared(store, before.taxonomy_id, version.taxonomy_id)[2] if before else store.changes(version.taxonomy_id)
    return Applied(before, Version(version), (), kept_taxonomy(session) is not None), list(changes)


def _sample(session: Session, present: Taxonomy) -> tuple[list[str], list[str]]:
    """Choose the documents that the present taxonomy may serve badly, half of the sample at most, and those at random."""
    size, store, student = session.project.taxonomy.sample, session.store, session.store.current("classifier_id")
    kinds = [
        store.came_since(present.taxonomy_id, size),
        store.least_sure(student, size) if student else [],
        store.strangers(student, STRANGE, size) if student else [],
    ]
    in_turn = [text for row in itertools.zip_longest(*kinds) for text in row if text is not None]
    badly = list(dict.fromkeys(in_turn))[: size // 2]
    return badly, store.sample_hashes(first=size - len(badly))


def _mixed(random: Sequence[str], badly: Sequence[str]) -> list[str]:
    """Lay both by turns, so that each minibatch holds some of each."""
    return list(dict.fromkeys(text for pair in itertools.zip_longest(random, badly) for text in pair if text is not None))


def _served(session: Session, present: Taxonomy, texts: Sequence[str]) -> dict[str, str]:
    """Give the present category of some texts: by the student in use, else by which category cites them."""
    cited = {text: category.category_id for category in present.leaves for text in reversed(category.members)}
    student = session.store.current("classifier_id")
    return cited | (session.store.predictions_among(student, texts) if student else {})
