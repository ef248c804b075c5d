"""Opens filled sheets, however a spreadsheet or a tool has left them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.corpus import RawRow
from pipeline.corpus.delimited import read_delimited
from pipeline.corpus.dialects import dialect_of
from pipeline.corpus.encodings import check_encoding, guess_encoding
from pipeline.corpus.json_lines import read_json
from pipeline.corpus.opening import open_lines
from pipeline.corpus_settings import format_of
from pipeline.errors import CorpusError, ReviewError
from pipeline.exports import RawAnswer, raw_answers, sheet_columns

__all__ = ["FilledSheet", "read_sheet"]

LOOK_LINES = 5000
RECORDS = "records.json"  # of a folder that Argilla wrote
KINDS = {"csv", "tsv", "jsonl"}


@dataclass(frozen=True)
class FilledSheet:
    """What a file holds: answers, and records that cannot be read."""

    path: Path
    sha256: str
    encoding: str | None  # None for UTF-8
    answers: Sequence[RawAnswer]
    broken: Sequence[RawRow]
    has_texts: bool

    @property
    def name(self) -> str:
        """Give what the file is called in the tables."""
        return str(self.path)


def read_sheet(path: Path, *, encoding: str | None = None) -> FilledSheet:
    """Read a filled sheet: CSV or TSV of any dialect, JSON of Label Studio or Argilla, or the folder of an Argilla dataset.

    :raises ReviewError: where there is no such file, it is damaged, or it is no sheet.
    """
    file = path / RECORDS if path.is_dir() else path
    if not file.is_file():
        raise ReviewError(f"There is no file {file}; expected a filled sheet.")
    if (kind := format_of(file)) not in KINDS:
        raise ReviewError(f"{file} is no sheet by its ending; expected .csv, .tsv, .json or .jsonl. Save it from the spreadsheet as CSV.")
    try:
        found = encoding or _encoding(file)
        rows = list(_rows(file, kind, found))
    except (CorpusError, LookupError) as error:
        raise ReviewError(f"{file} cannot be read: {error}") from error
    broken = [row for row in rows if row.values is None]
    answers = [answer for row in rows if row.values is not None for answer in raw_answers(row.position, row.values)]
    if kind != "jsonl":
        _check_columns(file, rows)
    return FilledSheet(path, hashlib.sha256(file.read_bytes()).hexdigest(), found, answers, broken, any(one.text for one in answers))


def _rows(file: Path, kind: str | None, encoding: str | None) -> Iterator[RawRow]:
    if kind == "jsonl":
        return read_json(file, str(file), encoding)
    dialect = dialect_of(file, None, delimiter="\t" if kind == "tsv" else None, encoding=encoding)
    return read_delimited(file, str(file), dialect, encoding, ragged=True)


def _encoding(file: Path) -> str | None:
    """Give the encoding that a file looks like where it is not in UTF-8; that of its mark where it has one; None for UTF-8."""
    try:
        check_encoding(file)
    except CorpusError:
        with open_lines(file) as (lines, _):
            looked_at = list(islice(lines, LOOK_LINES))
        start = b"".join(looked_at[:2])
        if start.count(0) > len(start) / 4:
            return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
        guess = guess_encoding([line for line in looked_at if not line.isascii()])
        if guess is None:
            raise
        return guess
    with open_lines(file) as (_, found):
        return None if found == "utf-8" else found


def _check_columns(file: Path, rows: Sequence[RawRow]) -> None:
    """Refuse a table that lacks the columns of a sheet, or has one of them twice."""
    names = next((list(map(str, row.values)) for row in rows if row.values is not None), None)
    if names is None:
        return
    columns = sheet_columns(names)
    there = ", ".join(map(repr, names))
    if missing := [part for part in ("document", "label") if part not in columns]:
        raise ReviewError(f"{file} is no review sheet: it has no column {' and no column '.join(map(repr, missing))}; it has {there}.")
    if twice := [found for found in columns.values() if len(found) > 1]:
        raise ReviewError(f"{file} has {' and '.join(map(repr, twice[0]))}, which may both be one column of a sheet; keep one of them.")
