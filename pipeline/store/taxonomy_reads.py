"""What a store can give of taxonomies: versions with their categories, edits, figures and facets."""

from collections.abc import Sequence
from typing import Any

from pipeline.errors import StoreError
from pipeline.records import Category, Change, Facet, Measure, Taxonomy
from pipeline.store.tables import from_json
from pipeline.store.warehouse import Warehouse

__all__ = ["TaxonomyReads"]


class TaxonomyReads(Warehouse):
    """Read versions and what belongs to them."""

    def taxonomy(self, taxonomy_id: str) -> Taxonomy:
        """Give a version of the taxonomy; StoreError where there is none."""
        with self.reader():
            found = self.rows(TAXONOMY, [taxonomy_id])
            categories = self.rows(CATEGORIES, [taxonomy_id])
        if not found:
            raise StoreError(f"There is no taxonomy {taxonomy_id!r} in {self.path}.")
        return taxonomy_version(found[0], tuple(category(row) for row in categories))

    def find_taxonomy(self, taxonomy_id: str) -> Taxonomy | None:
        """Give a version with its categories, or None where it has not been made."""
        return self.taxonomy(taxonomy_id) if self.rows("select 1 from taxonomies where taxonomy_id = ?", [taxonomy_id]) else None

    def latest_taxonomy(self, stage: str | None = None) -> Taxonomy | None:
        """Give the version that was first saved last, of any stage or of one; None where there is none."""
        sql = "select taxonomy_id from taxonomies where ? is null or stage = ? order by seq desc limit 1"
        found = self.rows(sql, [stage, stage])
        return self.taxonomy(found[0][0]) if found else None

    def versions(self) -> list[Taxonomy]:
        """List the versions of the store's facet without their categories, in the order of their making."""
        return [taxonomy_version(row, ()) for row in self.rows(VERSIONS, [self.facet or "main"])]

    def measures(self, taxonomy_id: str) -> list[Measure]:
        """Give the figures about a version, by name and size."""
        sql = "select taxonomy_id, metric, value, n, size, low, high, judge from taxonomy_measures where taxonomy_id = ? order by metric, size"
        return [Measure(*row) for row in self.rows(sql, [taxonomy_id])]

    def find_facet(self, facet_id: str) -> Facet | None:
        """Give a facet, or None where it has not been written."""
        sql = "select facet_id, name, use_case, question, examples, source from facets where facet_id = ?"
        found = self.rows(sql, [facet_id])
        if not found:
            return None
        key, name, use_case, question, examples, source = found[0]
        return Facet(key, name, use_case, question, tuple(from_json(examples)), source)

    def changes(self, taxonomy_id: str) -> list[Change]:
        """Give the edits that led to a version, in order."""
        sql = "select taxonomy_id, kind, category_id, before, after, reason from taxonomy_changes where taxonomy_id = ? order by position"
        return [Change(*row) for row in self.rows(sql, [taxonomy_id])]


VERSIONS = """
select taxonomy_id, stage, step, parent_id, use_case, method, rating, facet, candidate, guide, note
from taxonomies where facet = ? and stage <> 'baseline' order by seq
"""
TAXONOMY = "select taxonomy_id, stage, step, parent_id, use_case, method, rating, facet, candidate, guide, note from taxonomies where taxonomy_id = ?"
CATEGORIES = """
select category_id, name, description, parent_id, members, cues, exclusions, examples, near_misses, status
from categories where taxonomy_id = ? order by position
"""


def category(row: Sequence[Any]) -> Category:
    """Make a category of a row of CATEGORIES."""
    category_id, name, description, parent_id, *lists, status = row
    members, cues, exclusions, examples, near_misses = (tuple(values or ()) for values in lists)
    return Category(category_id, name, description, parent_id, members, cues, exclusions, examples, near_misses, status)


def taxonomy_version(row: Sequence[Any], categories: Sequence[Category]) -> Taxonomy:
    """Make a version of a row of TAXONOMY and its categories."""
    taxonomy_id, stage, step, parent_id, use_case, method, rating, facet, candidate, guide, note = row
    return Taxonomy(taxonomy_id, stage, step, parent_id, use_case, method, categories, rating, facet, candidate, guide, note)
