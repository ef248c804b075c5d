"""Taxonomy files that people edit: CSV, YAML, JSON and SKOS, read with every mistake at once and written without loss."""

from pipeline.taxonomy_files.contents import TaxonomyFile
from pipeline.taxonomy_files.files import MOST_CATEGORIES, read_taxonomy, write_taxonomy
from pipeline.taxonomy_files.tidy import tidied

__all__ = ["MOST_CATEGORIES", "TaxonomyFile", "read_taxonomy", "tidied", "write_taxonomy"]
