"""Which taxonomy is current, and whether it still holds: what is kept is not made again."""

from pipeline.records import Taxonomy
from pipeline.stages.exam import carried
from pipeline.stages.session import Session
from pipeline.taxonomy import summary_spec, taxonomy_spec

__all__ = ["current_spec", "kept_taxonomy"]

KEPT = 0.5  # share of the documents cited by a taxonomy that must still be there for it to be kept


def kept_taxonomy(session: Session) -> Taxonomy | None:
    """Give the current taxonomy where it still holds, so that a corpus that only grew is labelled under it.

    It holds while use case, prompts, model and settings are those it was made with, and half of the documents that its
    categories cite are still in the corpus. One that cites none was given by a person, and holds.
    """
    current = session.store.current("taxonomy_id")
    if current is None or session.store.current("taxonomy_spec") != current_spec(session):
        return None
    present = session.store.taxonomy(current)
    cited = {text for category in present.categories for text in category.members}
    there = cited.intersection(session.store.active_hashes(sorted(cited)))
    return present if len(there) >= KEPT * len(cited) else None


def current_spec(session: Session) -> str:
    """Hash what determines a taxonomy now, apart from the texts of its sample."""
    model = session.model_of("generator")
    return taxonomy_spec(session.project, model=model, summary_spec=summary_spec(session.whole, model, facet=session.facet), carries=carried(session))
