"""Taxonomies: summarise documents, generate categories, update them, review them."""

from pipeline.taxonomy.grouping import first_size
from pipeline.taxonomy.induce import generate, review, update
from pipeline.taxonomy.naming import Namer
from pipeline.taxonomy.sample import Group, Sample, make_sample
from pipeline.taxonomy.summarise import summarise, summary_spec
from pipeline.taxonomy.versions import Version, taxonomy_spec, version_id

__all__ = [
    "Group",
    "Namer",
    "Sample",
    "Version",
    "first_size",
    "generate",
    "make_sample",
    "review",
    "summarise",
    "summary_spec",
    "taxonomy_spec",
    "update",
    "version_id",
]
