"""What an export is about: the project, the taxonomy that its labels belong to, and who gave them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.records import Category, Taxonomy

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """What every format says of itself, as far as it has a place for it."""

    project: str
    facet: str
    use_case: str
    taxonomy: Taxonomy | None
    none_name: str  # what is chosen where no category fits
    several: bool = False  # whether more than one category may apply
    labellers: Mapping[str, str] = field(default_factory=dict)  # a name with its version, by kind (human, llm, shared, student)

    @property
    def categories(self) -> Sequence[Category]:
        """List the categories that labels are given in, in the order of the taxonomy."""
        return self.taxonomy.leaves if self.taxonomy else ()

    def described(self) -> dict[str, Any]:
        """Give the project and the taxonomy as JSON can hold them; the same for the same version, whenever it is written."""
        found = self.taxonomy
        keys = ("category_id", "parent_id", "name", "description")
        return {
            "project": self.project,
            "facet": self.facet,
            "use_case": self.use_case,
            "taxonomy_id": found.taxonomy_id if found else None,
            "categories": [{key: getattr(category, key) for key in keys} for category in (found.categories if found else ())],
        }
