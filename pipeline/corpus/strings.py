"""The documents among rows whose columns are all text: written one after the other with quotes around each value, and cut as lines are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.blocks import Strings
from pipeline.corpus.parts import Part
from pipeline.corpus.template_parts import template_part
from pipeline.corpus.templates import Lines, Template
from pipeline.settings import Project

__all__ = ["strings_part"]

OPENS, BETWEEN, CLOSES = '"', '""', '"\n'


def strings_part(rows: Strings, project: Project) -> tuple[Sequence[Part], Sequence[int]]:
    """Make the documents of rows, and give the places of those that have to be looked at one by one."""
    every = np.arange(len(rows.positions))
    if not len(every):
        return [], []
    fine = np.ones(len(every), dtype=bool)
    for column in rows.columns.values():
        for odd in (pc.is_null(column), pc.match_substring(column, "\n")) if column.null_count else (pc.match_substring(column, "\n"),):
            fine &= ~odd.fill_null(True).to_numpy(zero_copy_only=False)
    kept = np.flatnonzero(fine)
    columns = [column if fine.all() else column.filter(pa.array(fine)) for column in rows.columns.values()]
    made = template_part(
        Lines(_written(columns)), _template(list(rows.columns)), np.arange(len(kept)), project,
        source=rows.source, positions=rows.positions[kept], raw=lambda place: rows.raw(int(kept[place])),
    ) if len(kept) else None  # fmt: skip
    if made is None:
        return [], every.tolist()
    part, rest = made
    return [part], np.setdiff1d(every, np.delete(kept, rest), assume_unique=True).tolist()


def _written(columns: Sequence[pa.StringArray]) -> bytes:
    parts: list[Any] = [OPENS]
    for column in columns:
        parts += [column, BETWEEN]
    lines = pc.binary_join_element_wise(*parts[:-1], CLOSES, "")
    whole: bytes = lines.buffers()[2].to_pybytes()
    return whole[: pc.sum(pc.binary_length(lines)).as_py()]


def _template(names: Sequence[str]) -> Template:
    """Give what stands around the values; keys are not written, because which value is which is known."""
    between = [BETWEEN.encode()] * (len(names) - 1)
    return Template((OPENS.encode(), *between, OPENS.encode()), {name: number for number, name in enumerate(names)}, {})
