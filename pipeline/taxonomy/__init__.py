"""Taxonomies: ask each document the facet's question, generate categories, update, review, select and describe them."""

from pipeline.taxonomy.candidates import distances, measure_candidates, saturated, select
from pipeline.taxonomy.cards import describe
from pipeline.taxonomy.editing import apply_edits, diff, seeded
from pipeline.taxonomy.facets import SHOWN as SHOWN_TEXTS
from pipeline.taxonomy.facets import facet_id, write_facet
from pipeline.taxonomy.hierarchy import deepen
from pipeline.taxonomy.methods import Induction, induction
from pipeline.taxonomy.relevance import relevance, relevance_warning
from pipeline.taxonomy.sample import Group, Sample, make_sample
from pipeline.taxonomy.summarise import summarise, summary_spec
from pipeline.taxonomy.tie_breaks import Confusion, ProposedTie, propose_ties
from pipeline.taxonomy.versions import Version, taxonomy_spec, version_id

__all__ = [
    "SHOWN_TEXTS",
    "Confusion",
    "Group",
    "Induction",
    "ProposedTie",
    "Sample",
    "Version",
    "apply_edits",
    "deepen",
    "describe",
    "diff",
    "distances",
    "facet_id",
    "induction",
    "make_sample",
    "measure_candidates",
    "propose_ties",
    "relevance",
    "relevance_warning",
    "saturated",
    "seeded",
    "select",
    "summarise",
    "summary_spec",
    "taxonomy_spec",
    "version_id",
    "write_facet",
]
