"""Candidate taxonomies over eight documents."""

import numpy as np

from pipeline.ids import text_hash
from pipeline.records import Category, Taxonomy
from pipeline.taxonomy.sample import Sample

__all__ = [
    "SAMPLE",
    "candidate",
]
DOCUMENTS = tuple(f"document {place}" for place in range(8))
SAMPLE = Sample(tuple(map(text_hash, DOCUMENTS)), DOCUMENTS, ("phrase",) * 8, np.eye(8, dtype=np.float32))


def candidate(*names: str, number: int = 0, cited: int = 8, **described: str) -> Taxonomy:
    """Make a candidate that cites the first documents of the sample in turn."""
    members = [SAMPLE.hashes[place : cited : len(names)] for place in range(len(names))]
    categories = tuple(
        Category(f"cat:{number}:{place}", name, described.get(name.split()[0], f"About {name}."), members=members[place])
        for place, name in enumerate(names)
    )
    return Taxonomy(f"tax:{number}", "review", 2, None, "what", "tnt", categories, candidate=number)
