"""Reading and writing a taxonomy file; its ending says the format."""

import codecs
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.errors import TaxonomyFileError
from pipeline.records import Category, Taxonomy
from pipeline.taxonomy_files import delimited, nested
from pipeline.taxonomy_files.contents import RawFile, TaxonomyFile
from pipeline.taxonomy_files.settle import Refuse, settled
from pipeline.taxonomy_files.tidy import tidied
from pipeline.text import name_key

__all__ = ["MOST_CATEGORIES", "read_taxonomy", "write_taxonomy"]

MOST_CATEGORIES = 2000  # a model is offered the leaves by name, and a person has to read them
MOST_BYTES = 8_000_000
MOST_MISTAKES = 40  # listed
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SKOS = {".ttl": "Turtle", ".rdf": "RDF/XML", ".xml": "RDF/XML", ".jsonld": "JSON-LD"}
READERS: Mapping[str, Callable[[str], RawFile]] = {
    ".csv": delimited.read_csv, ".yaml": nested.read_yaml, ".yml": nested.read_yaml, ".json": nested.read_json,
}  # fmt: skip
Writer = Callable[[Sequence[Category], Mapping[str, str], Mapping[str, str]], str]
WRITERS: Mapping[str, Writer] = {
    ".csv": delimited.write_csv, ".yaml": nested.write_yaml, ".yml": nested.write_yaml, ".json": nested.write_json,
}  # fmt: skip
ENDINGS = ", ".join((*READERS, *SKOS))


def accept(_: str) -> None:
    """Refuse no name."""


def read_taxonomy(path: Path, *, before: Taxonomy | None = None, refuse: Refuse = accept) -> TaxonomyFile:
    """Read and check a taxonomy file.

    :param before: the version that the file edits. A category without an id is that of the same name, and what the file has no
        word for stays as it was.
    :param refuse: says why a name is none, or None where it is one.
    :raises TaxonomyFileError: with every mistake of the file, one a line.
    """
    suffix = known_ending(path)
    text = read_text(path)
    try:
        raw = read_raw(text, suffix)
        if len(raw.rows) > MOST_CATEGORIES:
            raise TaxonomyFileError(
                f"holds {len(raw.rows):,} categories, and at most {MOST_CATEGORIES:,} can be labelled; keep its upper levels, "
                "or divide it into projects of their own"
            )
    except TaxonomyFileError as error:
        raise TaxonomyFileError(f"{path} {error}.") from error
    found, mistakes = settled(raw, before=before, refuse=refuse)
    if mistakes:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}"
        listed = [f"  - {mistake}" for mistake in mistakes[:MOST_MISTAKES]]
        more = [f"  - and {len(mistakes) - MOST_MISTAKES} more"] if len(mistakes) > MOST_MISTAKES else []
        raise TaxonomyFileError("\n".join([f"{path} has {count}:", *listed, *more]))
    return found


def known_ending(path: Path) -> str:
    """Give the ending of a file.

    :raises TaxonomyFileError: where it stands for no format.
    """
    suffix = path.suffix.lower()
    if suffix not in READERS and suffix not in SKOS:
        raise TaxonomyFileError(f"The ending of {path} says no format that a taxonomy can have; expected one of {ENDINGS}.")
    return suffix


def read_text(path: Path) -> str:
    """Read a file as UTF-8, without its byte-order mark.

    :raises TaxonomyFileError: where it is not there, too large, or no UTF-8.
    """
    try:
        with path.open("rb") as handle:
            raw = handle.read(MOST_BYTES + 1)
    except OSError as error:
        raise TaxonomyFileError(f"There is no taxonomy file {path} that can be read: {error.strerror or error}.") from error
    if len(raw) > MOST_BYTES:
        raise TaxonomyFileError(
            f"{path} is larger than {MOST_BYTES // 1_000_000} MB, which no taxonomy of {MOST_CATEGORIES:,} categories needs; shorten it."
        )
    if raw.startswith(UTF_16):
        raise TaxonomyFileError(f"{path} is in UTF-16, and UTF-8 was expected; save it as UTF-8, or convert it with `iconv -f UTF-16 -t UTF-8`.")
    try:
        return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise TaxonomyFileError(
            f"{path} is not UTF-8: line {line} holds the byte {raw[error.start]:#04x}. Save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        ) from error


def read_raw(text: str, suffix: str) -> RawFile:
    """Read what a file spells, by its format."""
    if suffix in READERS:
        return READERS[suffix](text)
    from pipeline.taxonomy_files.skos import read_skos  # here, because rdflib takes long to import

    return read_skos(text, SKOS[suffix])


def write_taxonomy(taxonomy: Taxonomy, path: Path, texts: Mapping[str, str]) -> None:
    """Write a taxonomy in the format that the ending of the file says; an existing file is replaced at once.

    :param texts: texts by hash, to show examples by; one that is not there is named by its hash.
    :raises TaxonomyFileError: where the ending says no format, or the file cannot be written.
    """
    suffix = known_ending(path)
    known = {category.category_id for category in taxonomy.categories}
    categories = [category if category.parent_id in known else replace(category, parent_id=None) for category in tidied(taxonomy.categories)]
    if suffix in SKOS:
        from pipeline.taxonomy_files.skos import write_skos

        text = write_skos(categories, taxonomy.use_case, texts, SKOS[suffix])
    else:
        text = WRITERS[suffix](categories, references(categories), texts)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # Spreadsheets take a CSV without a byte-order mark for one in the encoding of their country.
        temporary.write_bytes((codecs.BOM_UTF8 if suffix == ".csv" else b"") + text.encode("utf-8"))
        os.replace(temporary, path)
    except OSError as error:
        raise TaxonomyFileError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def references(categories: Sequence[Category]) -> dict[str, str]:
    """Say how to call each category as a parent: by its name, or by its id where that name is the id of another one or is there twice."""
    ids = {category.category_id for category in categories}
    count = Counter(name_key(category.name) for category in categories)
    return {
        category.category_id: category.category_id if category.name in ids or count[name_key(category.name)] > 1 else category.name
        for category in categories
    }
