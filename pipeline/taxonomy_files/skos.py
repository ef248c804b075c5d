"""Taxonomies as SKOS, the thesaurus vocabulary of the W3C, in Turtle, RDF/XML or JSON-LD.

A category is a `skos:Concept`: prefLabel is its name, definition its description, altLabel its cues, scopeNote its exclusions,
example its examples; broader and narrower say what lies below what. What SKOS has no word for has one in `urn:linnaeus:term:`.
RDF knows no order, so that the place of a concept, and the order of a list where it is not that of the alphabet, are said too.
Nothing is ever fetched: what a file names elsewhere is refused.
"""

import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urljoin

from rdflib import DCTERMS, RDF, SKOS, BNode, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from pipeline.errors import TaxonomyFileError
from pipeline.records import Category
from pipeline.taxonomy_files.contents import RawCategory, RawFile
from pipeline.taxonomy_files.tidy import shown_example, tidy_name

__all__ = ["SERIALIZATIONS", "read_skos", "write_skos"]

SERIALIZATIONS = {"Turtle": "turtle", "RDF/XML": "xml", "JSON-LD": "json-ld"}
BASE = "https://taxonomy.invalid/"  # what a name is relative to; a host that there can never be
CATEGORY, TERM = "urn:linnaeus:category:", Namespace("urn:linnaeus:term:")
KEPT_IRI = re.compile(r"(?!urn:linnaeus:|https://taxonomy\.invalid)(?:https?://|urn:)[\w.~:/?#@!$&()*+,;=%-]+", re.ASCII)
WORDS = {
    "name": SKOS.prefLabel,
    "description": SKOS.definition,
    "status": TERM.status,
    "merged_into": DCTERMS.isReplacedBy,
    "split_from": TERM.splitFrom,
}
LISTS = {"cues": SKOS.altLabel, "exclusions": SKOS.scopeNote, "examples": SKOS.example, "near_misses": TERM.nearMiss}
ENTITY = re.compile(r"<!ENTITY\s+(?:%\s*)?\S+\s+(\"[^\"]*\"|'[^']*'|\S+)")
OUTSIDE = re.compile(r"<!(?:DOCTYPE[^>\[]{1,300}?|ENTITY[^>]{1,300}?)\b(?:SYSTEM|PUBLIC)\b")


def read_skos(text: str, kind: str) -> RawFile:
    """Read the concepts of a file, each once.

    :param kind: a key of SERIALIZATIONS.
    :raises TaxonomyFileError: where the text is not of this kind, holds no concept, or names something to be fetched.
    """
    refuse_references(text, kind)
    graph = Graph(bind_namespaces="none")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # rdflib's reader of JSON-LD uses what rdflib has deprecated
            graph.parse(data=text, format=SERIALIZATIONS[kind], publicID=BASE)
    except Exception as error:  # the parsers let through whatever comes up in them
        raise TaxonomyFileError(f"is not valid {kind}: {' '.join(str(error).split())[:300]}") from error
    concepts = sorted(set(graph.subjects(RDF.type, SKOS.Concept)), key=lambda concept: place_of(graph, concept))
    if not concepts:
        raise TaxonomyFileError("holds no skos:Concept; each category must be one, with a skos:prefLabel")
    index = {concept: place for place, concept in enumerate(concepts)}
    rows, mistakes = [], []
    for concept in concepts:
        parents = sorted(broader(graph, concept), key=str)
        if len(parents) > 1:
            names = ", ".join(shown(graph, parent) for parent in parents)
            mistakes.append(f"{shown(graph, concept)}: lies below {len(parents)} concepts ({names}); name one")
        rows.append(make_row(graph, concept, parents[:1], index))
    said = {key for key, predicate in (WORDS | LISTS).items() if any(graph.subjects(predicate, None))}
    return RawFile(rows, frozenset({"id", "parent", *said}), mistakes)


def refuse_references(text: str, kind: str) -> None:
    """Refuse what would have to be fetched, or would grow without bounds.

    :raises TaxonomyFileError: naming it.
    """
    if kind == "RDF/XML":
        if OUTSIDE.search(text):
            raise TaxonomyFileError("names a document type or entity of another file (SYSTEM or PUBLIC), which is not fetched; take it out")
        if any("&" in value or "%" in value for value in ENTITY.findall(text)):
            raise TaxonomyFileError("has an entity that is made of other entities; write out what they stand for")
    elif kind == "JSON-LD":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise TaxonomyFileError(f"is not valid JSON: {error}") from error
        if outside := next(fetched_contexts(value), None):
            raise TaxonomyFileError(f"names the context {outside!r}, which is not fetched; write the context into the file")


def fetched_contexts(value: Any) -> Iterator[str]:
    """Find the contexts that a JSON-LD file names instead of holding them."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            named = part.get("@context"), part.get("@import")
            flat = [inner for context in named for inner in (context if isinstance(context, list) else [context])]
            yield from (context for context in flat if isinstance(context, str))
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def place_of(graph: Graph, concept: Node) -> tuple[float, str, str]:
    """Give the place of a concept in the file: the one it says, else after those by name."""
    said = graph.value(concept, TERM.position, any=True)
    number = said.toPython() if isinstance(said, Literal) else None
    return float(number) if isinstance(number, int) else math.inf, word(graph, concept, SKOS.prefLabel), str(concept)


def broader(graph: Graph, concept: Node) -> set[Node]:
    """Give what a concept lies below, whichever of the two says so."""
    return {*graph.objects(concept, SKOS.broader), *graph.subjects(SKOS.narrower, concept)}


def make_row(graph: Graph, concept: Node, parents: Sequence[Node], index: Mapping[Node, int]) -> RawCategory:
    """Make the category of a concept."""
    words = {key: word(graph, concept, predicate) for key, predicate in WORDS.items()}
    words["id"] = category_id(concept)
    if parents and parents[0] not in index:
        words["parent"] = category_id(parents[0])
    lists = {key: ordered(graph, concept, key, predicate) for key, predicate in LISTS.items()}
    above = index.get(parents[0]) if parents else None
    return RawCategory(shown(graph, concept), {key: value for key, value in words.items() if value}, lists, above)


def category_id(concept: Node) -> str:
    """Give the id that an IRI stands for; a blank node has none."""
    iri = "" if isinstance(concept, BNode) else str(concept)
    return unquote(iri.removeprefix(CATEGORY)) if iri.startswith(CATEGORY) else iri.removeprefix(BASE).removeprefix("#")


def shown(graph: Graph, concept: Node) -> str:
    """Name a concept for a message."""
    return category_id(concept) or word(graph, concept, SKOS.prefLabel) or "a concept without a name"


def word(graph: Graph, concept: Node, predicate: URIRef) -> str:
    """Give the one value of a property, in the language of the concept's name."""
    found = values(graph, concept, predicate)
    return found[0] if found else ""


def values(graph: Graph, concept: Node, predicate: URIRef) -> list[str]:
    """Give the values of a property in the language of the name and in none, by the alphabet; references by the id that they stand for."""
    language = language_of(graph, concept)
    found = set()
    for value in graph.objects(concept, predicate):
        if not isinstance(value, Literal):
            found.add(category_id(value))
        elif value.language is None or language is None or value.language == language:
            found.add(str(value))
    return sorted(found)


def language_of(graph: Graph, concept: Node) -> str | None:
    """Give the language to read a concept in: none or English where its name has that, else the first by the alphabet."""
    names = graph.objects(concept, SKOS.prefLabel)
    languages = {value.language for value in names if isinstance(value, Literal)}
    tagged = sorted(language for language in languages if language)
    return None if None in languages or not tagged else next((language for language in tagged if language.split("-")[0] == "en"), tagged[0])


def ordered(graph: Graph, concept: Node, key: str, predicate: URIRef) -> list[str]:
    """Give the values of a list in the order that is said of them; those of which none is said come after."""
    found = values(graph, concept, predicate)
    said = graph.value(concept, TERM[f"{key}_order"], any=True)
    try:
        order = json.loads(str(said)) if said is not None else []
    except (ValueError, RecursionError):
        order = []
    place = {value: number for number, value in enumerate(order) if isinstance(value, str)} if isinstance(order, list) else {}
    return sorted(found, key=lambda value: place.get(value, len(place)))


def write_skos(categories: Sequence[Category], scheme: str, texts: Mapping[str, str], kind: str) -> str:
    """Write a concept scheme.

    :param scheme: its title.
    """
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in {"rdf": RDF, "skos": SKOS, "dcterms": DCTERMS, "linnaeus": TERM}.items():
        graph.bind(prefix, namespace)
    top = URIRef("urn:linnaeus:taxonomy")
    graph.add((top, RDF.type, SKOS.ConceptScheme))
    graph.add((top, DCTERMS.title, Literal(tidy_name(scheme))))
    for position, category in enumerate(categories):
        concept = iri(category.category_id)
        graph.add((concept, RDF.type, SKOS.Concept))
        graph.add((concept, SKOS.inScheme, top))
        graph.add((concept, TERM.position, Literal(position)))
        if category.parent_id:
            graph.add((concept, SKOS.broader, iri(category.parent_id)))
        for predicate, value in said_of(category, texts):
            graph.add((concept, predicate, Literal(value)))
    return graph.serialize(format=SERIALIZATIONS[kind], encoding="utf-8", auto_compact=True).decode("utf-8")


def iri(category_id: str) -> URIRef:
    """Give the IRI that stands for an id: the id itself where it came from a thesaurus elsewhere."""
    kept = KEPT_IRI.fullmatch(category_id) and urljoin(BASE, category_id) == category_id  # which readers of RDF/XML do to it
    return URIRef(category_id if kept else CATEGORY + quote(category_id, safe=""))


def said_of(category: Category, texts: Mapping[str, str]) -> Iterator[tuple[URIRef, str]]:
    """Spell what a category says of itself."""
    yield from ((WORDS[key], getattr(category, key)) for key in ("name", "description", "status") if getattr(category, key))
    for key, predicate in LISTS.items():
        found = [shown_example(value, texts) if key in {"examples", "near_misses"} else value for value in getattr(category, key)]
        yield from ((predicate, value) for value in found)
        if found != sorted(found):
            yield TERM[f"{key}_order"], json.dumps(found, ensure_ascii=False)
