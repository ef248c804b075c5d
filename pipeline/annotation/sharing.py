"""Labels that near copies take from their original, said to be so by an annotator of their own."""

from collections.abc import Mapping, Sequence

from pipeline.ids import content_id
from pipeline.records import Annotator, Label

__all__ = ["shared_annotator", "shared_labels"]


def shared_annotator(copies: Mapping[str, str], given: Mapping[str, Label], *, spec: str) -> Annotator:
    """Describe whoever hands labels on; its id hashes which texts are copies of which and what their originals were given.

    :param copies: the original of each copy, by text hash.
    :param given: the labels of originals, by text hash.
    :param spec: what found the copies.
    """
    made_of = [
        [copy, original, given[original].annotator_id, given[original].category_id, given[original].probability, list(given[original].also)]
        for copy, original in sorted(copies.items())
        if original in given
    ]
    settings = {"near_duplicates": spec, "from": sorted({label.annotator_id for label in given.values()})}
    return Annotator(content_id("annotator", ["shared", settings, made_of]), "shared", None, None, settings)


def shared_labels(copies: Mapping[str, str], given: Mapping[str, Label], annotator: Annotator) -> Sequence[Label]:
    """Give each copy of a labelled original its category; evidence is not handed on, since the copy may lack the words."""
    found = ((copy, given[original]) for copy, original in sorted(copies.items()) if original in given)
    return [
        Label(copy, label.taxonomy_id, annotator.annotator_id, label.category_id, label.probability, also=label.also, calibration=label.calibration)
        for copy, label in found
        if label.category_id is not None
    ]
