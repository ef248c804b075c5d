"""Taxonomies as texts in files of every format, and the mistakes that reading them tells."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import TaxonomyFileError
from pipeline.records import Category, Taxonomy
from pipeline.taxonomy.editing import why_no_name
from pipeline.taxonomy_files import TaxonomyFile, read_taxonomy

__all__ = [
    "EDITED",
    "ENDINGS",
    "PREFIXES",
    "RDF",
    "mistakes",
    "of",
    "read",
    "write",
]

ENDINGS = ["csv", "yaml", "json", "ttl", "rdf", "jsonld"]
PREFIXES = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n@prefix : <https://example.org/> .\n"
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">'


def of(*categories: Category) -> Taxonomy:
    return Taxonomy("tax:1", "given", 0, None, "what is it about", "given", categories)


def write(folder: Path, ending: str, text: str | bytes) -> Path:
    path = folder / f"categories.{ending}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def read(folder: Path, ending: str, text: str | bytes, **options: Any) -> TaxonomyFile:
    return read_taxonomy(write(folder, ending, text), **options)


def mistakes(folder: Path, ending: str, text: str | bytes, **options: Any) -> str:
    with pytest.raises(TaxonomyFileError) as caught:
        read(folder, ending, text, refuse=why_no_name, **options)
    assert f"categories.{ending}" in str(caught.value)
    return str(caught.value)


EDITED = of(
    Category("c1", "Billing", "About money.", status="locked", cues=("invoice",)),
    Category("c2", "Refunds", "Money back.", "c1", examples=("text:" + "0" * 32,)),
    Category("c3", "Parcels", "Things sent."),
)
