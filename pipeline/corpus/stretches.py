"""Rows of files in stretches: those that are documents without doubt, as columns, and those to look at one by one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.corpus.arrow_cuts import cuts_of_batches
from pipeline.corpus.arrow_files import BATCH_ROWS, read_batches
from pipeline.corpus.blocks import Block, json_block, line_blocks, row_of_json
from pipeline.corpus.candidates import part_of
from pipeline.corpus.columns import wanted_columns
from pipeline.corpus.csv_blocks import csv_blocks
from pipeline.corpus.cut_parts import cut_part
from pipeline.corpus.cuts import Cut, Values
from pipeline.corpus.databases import table_batches
from pipeline.corpus.dialects import dialect_of
from pipeline.corpus.encodings import check_encoding
from pipeline.corpus.lines import Lines
from pipeline.corpus.parts import Part
from pipeline.corpus.rows import RawRow
from pipeline.corpus.templates import Slots, Template, fitting, template_of
from pipeline.settings import Project

__all__ = ["BLOCK_BYTES", "BULK_BYTES", "BULK_ROWS", "COLUMNAR", "Stretch", "gathered", "stretches_of"]

BLOCK_BYTES = 2**20  # what stays in the caches of a processor
COLUMNAR = frozenset({"parquet", "arrow", "duckdb"})  # formats with columns that are known before any row is read
TEMPLATES = 3  # that are tried on one block
BULK_ROWS, BULK_BYTES = 122_880, 2**26  # as many rows as DuckDB keeps together, and 64 MB of text


@dataclass(frozen=True)
class Stretch:
    """Rows that stand close together: documents, and rows to look at one by one."""

    parts: Sequence[Part]
    rows: Sequence[RawRow]

    def __len__(self) -> int:
        """Count the rows."""
        return sum(map(len, self.parts)) + len(self.rows)

    @property
    def size(self) -> int:
        """Count the bytes of the documents' texts."""
        return sum(part.columns["text"].nbytes for part in self.parts)


def stretches_of(path: Path, name: str, kind: str, project: Project) -> Iterator[Stretch]:
    """Read one file.

    :raises CorpusError: where it cannot be read, or is in another encoding than the project file says.
    """
    wanted = wanted_columns(project)
    if kind in COLUMNAR:
        batches = table_batches(path, project.corpus.table, wanted, batch=BATCH_ROWS) if kind == "duckdb" else read_batches(path, kind, wanted)
        return (_of_cut(cut, project) for cut in cuts_of_batches(name, batches, wanted, BLOCK_BYTES))
    if project.corpus.encoding is None:
        check_encoding(path)
    if kind == "jsonl":
        return _json_stretches(path, name, project)
    dialect = dialect_of(path, project.corpus.dialect, delimiter="\t" if kind == "tsv" else None, encoding=project.corpus.encoding)
    found = csv_blocks(path, name, wanted, dialect, BLOCK_BYTES)
    return (_together([*([] if cut is None else [_of_cut(cut, project)]), _of_block(block, project)]) for cut, block in found)


def _together(stretches: Sequence[Stretch]) -> Stretch:
    """Make one of several: rows of the same lines must not come apart, because of two with one id the first is kept."""
    return Stretch([part for one in stretches for part in one.parts], [row for one in stretches for row in one.rows])


def _of_cut(cut: Cut, project: Project) -> Stretch:
    part, left = cut_part(cut, project)
    others = _of_block(cut.parsed(left), project)
    return Stretch([*([] if part is None else [part]), *others.parts], others.rows)


def _of_block(block: Block, project: Project) -> Stretch:
    part, left = part_of(block, project)
    return Stretch([part], [*(block.raw(place) for place in left), *block.others])


def _json_stretches(path: Path, name: str, project: Project) -> Iterator[Stretch]:
    template: Template | None = None
    for first, block in line_blocks(path, BLOCK_BYTES):
        lines = Lines(block)
        found: list[Part] = []
        others = np.arange(len(lines))
        for _ in range(TEMPLATES):
            if template is None and len(others):
                template = template_of(lines.line(int(others[0])).removesuffix(b"\n"), wanted_columns(project))
            if template is None:
                break
            fit = fitting(lines, template, others)
            part, left = cut_part(_cut_of(fit, lines, template, first, name), project)
            if part is None and len(fit.lines):
                break
            found += [] if part is None else [part]
            rest = np.setdiff1d(others, np.delete(fit.lines, left), assume_unique=True)
            if len(rest) < len(others) / 2:
                others = rest
                break
            others, template = rest, None
        stretch = _of_block(json_block((others + first).tolist(), [lines.line(number) for number in others.tolist()], name), project)
        yield Stretch([*found, *stretch.parts], stretch.rows)


def _cut_of(fit: Slots, lines: Lines, template: Template, first: int, name: str) -> Cut:
    def raw(place: int) -> RawRow:
        number = int(fit.lines[place])
        return row_of_json(first + number, lines.line(number), name)

    begins, ends = fit.opens + 1, fit.closes
    values = {column: Values(lines.data, begins[:, number], ends[:, number]) for column, number in template.slots.items()}
    return Cut(name, first + fit.lines, raw, values, constants=template.constants)


def gathered(stretches: Iterable[Stretch]) -> Iterator[list[Stretch]]:
    """Put stretches together until they are worth a write."""
    several: list[Stretch] = []
    rows = size = 0
    for stretch in stretches:
        several.append(stretch)
        rows, size = rows + len(stretch), size + stretch.size
        if rows >= BULK_ROWS or size >= BULK_BYTES:
            yield several
            several, rows, size = [], 0, 0
    if several:
        yield several
