"""The part of a project file that says where the documents are, how they are read, and which columns hold what."""

import codecs
import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from pipeline.document_settings import NearSettings
from pipeline.engine_settings import Settings, Text

__all__ = [
    "COMPRESSED",
    "FORMATS",
    "CorpusSettings",
    "DialectSettings",
    "Place",
    "SampleSettings",
    "format_of",
    "missing_files",
]

FORMATS = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".arrow": "arrow", ".txt": "text", ".duckdb": "duckdb",
}  # fmt: skip
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
LINE_FORMATS = {"csv", "tsv", "jsonl", "text"}


def format_of(path: str | PurePath) -> str | None:
    """Tell the format of a file by its ending, that of its compression aside; None where it is not known."""
    name = PurePath(str(path).lower())
    compressed = name.suffix in COMPRESSED
    found = FORMATS.get(name.with_suffix("").suffix if compressed else name.suffix)
    return None if compressed and found not in LINE_FORMATS else found


@dataclass(frozen=True)
class Place:
    """A path of the corpus as the project file gives it: a file, a folder or a pattern, as data/*.csv."""

    given: str
    folder: Path  # of the project file

    @property
    def path(self) -> Path:
        """Give the path, resolved against the project file's folder."""
        return self.folder / Path(self.given).expanduser()

    @property
    def is_pattern(self) -> bool:
        """Tell whether it is a pattern: it looks like one, and nothing is called so."""
        return glob.has_magic(self.given) and not self.path.exists()

    @property
    def base(self) -> Path:
        """Give the path, or of a pattern the folder below which all its files lie."""
        parts = Path(self.given).expanduser().parts
        plain = takewhile(lambda part: not glob.has_magic(part), parts) if self.is_pattern else parts
        return self.folder.joinpath(*plain)

    def matches(self) -> list[Path]:
        """List the files that a pattern finds, in order."""
        found = glob.iglob(str(Path(self.given).expanduser()), root_dir=self.folder or None, recursive=True)
        return sorted(path for path in map(self.folder.joinpath, found) if path.is_file())


def _encoding(given: str) -> str:
    try:
        "a".encode(given)
        codecs.getincrementaldecoder(given)
    except (LookupError, UnicodeError) as error:
        raise ValueError("is no encoding that Python reads; give one as utf-8, cp1252 or utf-16") from error
    return given


def _one_character(given: str) -> str:
    named = {"tab": "\t", "\\t": "\t", "space": " "}.get(given, given)
    if len(named) != 1 or named in "\r\n":
        raise ValueError("must be one character, or tab")
    return named


Character = Annotated[str, AfterValidator(_one_character)]


class DialectSettings(Settings):
    """How the fields of a CSV file are told apart."""

    delimiter: Character | None = Field(None, description="Character between two fields, or tab; found by looking at the file when absent.")
    quote: Literal[""] | Character = Field('"', description="Character around fields that hold the delimiter; '' where no field is quoted.")
    escape: Character | None = Field(None, description="Character before a quote that is part of a field, as \\; doubled quotes are always read.")
    skip_spaces: bool = Field(False, description="Pass over spaces after a delimiter.")


class SampleSettings(Settings):
    """Which part of the corpus is read; the same documents for the same seed, in whatever order they come."""

    rows: int | None = Field(None, gt=0, le=5_000_000, description="About this many documents; when the corpus grows, some give way to new ones.")
    share: float | None = Field(None, gt=0, lt=1, description="This share of the documents, as 0.1; when the corpus grows, all that were in stay.")
    seed: int = Field(42, description="Seed of the choice.")

    @model_validator(mode="after")
    def _one_measure(self) -> "SampleSettings":
        if (self.rows is None) == (self.share is None):
            raise ValueError("give either rows, as 100000, or share, as 0.1")
        return self


class CorpusSettings(Settings):
    """Where the documents are and which columns hold what."""

    path: Text | tuple[Text, ...] = Field(
        description="File, folder or pattern of the documents, as data/*.csv.gz, or a list, relative to this file; or a data set name of a hub."
    )
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet", "arrow", "text", "duckdb", "hub"] = Field(
        "auto", description="Format of the file; auto goes by its ending."
    )
    table: Text | None = Field(None, description="Table or view of a DuckDB file.")
    encoding: Annotated[Text, AfterValidator(_encoding)] | None = Field(
        None, description="Encoding of text files, as cp1252; UTF-8, or UTF-16 with a byte-order mark, when absent."
    )
    dialect: DialectSettings | None = Field(
        None, description="How fields of a CSV file are told apart, as {delimiter: ';', quote: '\"'}; found by looking when absent."
    )
    text: Text = Field("text", description="Column that holds the text.")
    title: Text | None = Field(None, description="Column with a title, which is put before the text.")
    id: Text | None = Field(None, description="Column that holds a unique id; without one, ids are made from the content.")
    language: Text | None = Field(None, description="Column with the language of the text.")
    time: Text | None = Field(None, description="Column with the time of writing: ISO 8601, a date, or seconds since 1970.")
    gold: Text | None = Field(
        None, description="Column with known labels, one or a list. Evaluation reads it, and calibration where annotation.known lets it."
    )
    metadata: tuple[Text, ...] = Field((), description="Columns to keep beside the text.")
    split: Text = Field("train", description="Split of a hub data set.")
    limit: int | None = Field(None, gt=0, description="Read only this many rows.")
    sample: SampleSettings | None = Field(None, description="Read only a random part, as {rows: 100000, seed: 42} or {share: 0.1}.")
    near_duplicates: NearSettings | None = Field(
        None, description="What is done about texts that are nearly the same, as {threshold: 0.8, act: share}; nothing when absent."
    )
    detect_language: bool = Field(False, description="Detect the language of each text that corpus.language does not name.")
    licence: Text | None = Field(None, description="Under which terms the texts may be used; the report says it, and nothing else reads it.")
    limits: Text | None = Field(None, description="What is known to be wrong or missing in the texts; the report says it.")

    @field_validator("path", mode="before")
    @classmethod
    def _paths(cls, given: object) -> object:
        several = given if isinstance(given, list | tuple) else [given]
        if not several or not all(isinstance(one, str) and one.strip() for one in several):
            raise ValueError("must be a file, folder or pattern, as data/*.csv, or a list of them")
        return given

    @model_validator(mode="after")
    def _only_what_is_read_so(self) -> "CorpusSettings":
        if self.sample is not None and self.limit is not None:
            raise ValueError("give limit, which takes the first rows, or sample, which takes any; not both")
        if len(self.paths) > 1 and self.format in {"hub", "duckdb"}:
            raise ValueError(f"path lists {len(self.paths)} paths, and the format {self.format} reads one; give one path")
        kind = format_of(self.paths[0]) if self.format == "auto" else self.format
        if self.table is not None and kind != "duckdb":
            raise ValueError(
                f"table names a table of a DuckDB file, and the format is {kind or 'not known'}; set format to duckdb, or leave table out"
            )
        if self.dialect is not None and kind not in {None, "csv", "tsv"}:
            raise ValueError(f"dialect says how CSV files are read, and the format is {kind}; set format to csv, or leave dialect out")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """List the paths."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def where(self) -> str:
        """Name the paths in one line."""
        return ", ".join(self.paths)

    @property
    def columns(self) -> tuple[str, ...]:
        """List the columns that are named, each once."""
        named = (self.text, self.title, self.id, self.language, self.time, self.gold, *self.metadata)
        return tuple(dict.fromkeys(name for name in named if name is not None))


def missing_files(corpus: object, folder: Path) -> Iterator[str]:
    """Say which paths of a corpus, as the project file in a folder gives them, are not there.

    What may be the name of a data set on a hub, and what only looks like a pattern, is found out when it is read.
    """
    given = corpus.get("path") if isinstance(corpus, Mapping) else None
    paths = given if isinstance(given, list) else [given]
    for name in [one for one in paths if isinstance(one, str) and one.strip()]:
        place, kind = Place(name, folder), corpus.get("format", "auto") if isinstance(corpus, Mapping) else "auto"
        looks_like_a_file = len(paths) > 1 or kind not in {"auto", "hub"} or format_of(name) or name.startswith((".", "/", "~"))
        if place.is_pattern and not place.base.exists():
            yield f"corpus.path: there is no folder {place.base}"
        elif looks_like_a_file and not place.is_pattern and not place.path.exists():
            yield f"corpus.path: there is no file or folder {place.path}"
