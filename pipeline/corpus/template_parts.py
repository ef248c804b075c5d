"""The documents among the lines that fit a template."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.candidates import UncertainError, json_of, normal_pieces, partition_in
from pipeline.corpus.columns import gold_of, id_of
from pipeline.corpus.occurrences import Keys, keys_of_slices
from pipeline.corpus.parts import Part, Places, Raw, make_part
from pipeline.corpus.templates import SPACE, Lines, Template, words_of
from pipeline.ids import canonical_json
from pipeline.settings import Project

__all__ = ["template_part"]

Flags = np.ndarray[Any, np.dtype[np.bool_]]


def template_part(
    lines: Lines, template: Template, among: Places, project: Project, *, source: str, positions: Places, raw: Raw
) -> tuple[Part, Places] | None:
    """Make the documents of the lines that fit a template, and give the numbers of the others; None where a row needs more than cutting.

    :param among: numbers of the lines to look at.
    :param positions: of all lines in the file.
    :param raw: gives the row of a line, by its number, as the row reader does.
    """
    corpus = project.corpus
    if corpus.title is not None or corpus.time is not None or not {corpus.text, corpus.id or corpus.text} <= template.slots.keys():
        return None
    slots = lines.fitting(template, among)
    cut = _Cut(lines, template, slots.opens, slots.closes)
    kept, fine = slots.lines, cut.fine(project)
    if not fine.all():
        kept, cut = kept[fine], cut.only(fine)
    pieces, words, empty = cut.texts(project.corpus.text)
    columns, unparted = cut.columns(source, project)
    columns["words"] = pa.array(words)
    if drop := sorted({*empty, *unparted}):
        keep = np.ones(len(kept), dtype=bool)
        keep[drop] = False
        kept, cut, pieces = kept[keep], cut.only(keep), list(compress(pieces, keep.tolist()))
        columns = {name: column.filter(pa.array(keep)) for name, column in columns.items()}
    named = cut.keys(project.corpus.id) if project.corpus.id is not None else cut.unnamed(project.corpus.text, columns.get("partition"))
    part = make_part(positions[kept], columns, pieces, named, lambda place: raw(int(kept[place])), seed=project.seed)
    return part, np.setdiff1d(among, kept, assume_unique=True)


class _Cut:
    """Lines that fit a template, and where their values stand."""

    def __init__(self, lines: Lines, template: Template, opens: Places, closes: Places) -> None:
        self.lines, self.template, self.opens, self.closes = lines, template, opens, closes

    def only(self, kept: Flags) -> "_Cut":
        """Give some of the lines."""
        return _Cut(self.lines, self.template, self.opens[kept], self.closes[kept])

    def places(self, name: str) -> tuple[Places, Places]:
        """Give the places of the quotes around the values of a column."""
        number = self.template.slots[name]
        return self.opens[:, number], self.closes[:, number]

    def values(self, name: str) -> pa.StringArray:
        """Give the values of a column."""
        opens, closes = self.places(name)
        return self.lines.between(opens + 1, closes)

    def fine(self, project: Project) -> Flags:
        """Tell which lines have ids and known labels that stripping leaves as they are."""
        fine = np.ones(len(self.opens), dtype=bool)
        for name in (project.corpus.id, project.corpus.gold, project.corpus.language):
            if name in self.template.slots:
                opens, closes = self.places(name)
                fine &= closes - opens > 1
                for ends in (self.lines.codes[opens + 1], self.lines.codes[closes - 1]):
                    fine &= (ends > SPACE) & (ends < 0x7F)
        return fine

    def texts(self, name: str) -> tuple[list[bytes], Places, Sequence[int]]:
        """Spell what the hashes of the texts are made of, count their words, and give the places of empty texts."""
        opens, closes = self.places(name)
        codes, block = self.lines.codes, self.lines.block
        spaces = codes == SPACE
        words = _counted(np.flatnonzero(spaces), opens, closes) + 1
        odd = (closes - opens < 2) | (codes[opens + 1] == SPACE) | (codes[closes - 1] == SPACE)
        odd |= _counted(np.flatnonzero(spaces[1:] & spaces[:-1]), opens, closes) > 0
        odd |= _counted(np.flatnonzero(codes >= 0x80), opens, closes) > 0
        pieces = [block[start:end] + b"]" for start, end in zip(opens.tolist(), (closes + 1).tolist(), strict=True)]
        places = np.flatnonzero(odd).tolist()
        left: set[int] = set()
        made, counts = normal_pieces([pieces[place][1:-2].decode() for place in places], [False] * len(places), left)
        for place, piece in zip(places, made, strict=True):
            pieces[place] = piece
        words[places] = counts
        return pieces, words, [places[place] for place in left]

    def columns(self, source: str, project: Project) -> tuple[dict[str, pa.Array], Sequence[int]]:
        """Give the columns but the hashes, and the places of the lines that belong to no partition."""
        corpus, columns = project.corpus, dict[str, pa.Array]()
        unparted: Sequence[int] = ()
        columns["text"] = self.values(corpus.text)
        columns["metadata"] = self._metadata(project)
        if corpus.id is not None:
            columns["doc_id"] = self.values(corpus.id)
        for column, name, make in (("gold", corpus.gold, gold_of), ("language", corpus.language, lambda value: id_of(value) or None)):
            if name is not None:
                columns[column] = self.values(name) if name in self.template.slots else self._same(make(self.template.constants[name]))
        if project.partitions is not None:
            columns["partition"], unparted = self._partitions(partial(partition_in, project, source), project.partitions.column)
        return columns, unparted

    def keys(self, name: str) -> Keys:
        """Make keys of the ids."""
        opens, closes = self.places(name)
        return keys_of_slices(words_of(self.lines.data), opens + 1, closes - opens - 1)

    def unnamed(self, name: str, partitions: pa.Array | None) -> list[bytes]:
        """Spell what the ids of texts are made of that did not come before, as `unnamed_pieces` does."""
        opens, closes = self.places(name)
        block = self.lines.block
        parts = [None] * len(opens) if partitions is None else partitions.to_pylist()
        ends = {one: (f",1,{canonical_json(one)}]]" if one else ",1]]").encode() for one in set(parts)}
        return [b"[" + block[start:end] + ends[one] for start, end, one in zip(opens.tolist(), (closes + 1).tolist(), parts, strict=True)]

    def _same(self, value: str | None) -> pa.Array:
        return pa.array([value] * len(self.opens), pa.string())

    def _metadata(self, project: Project) -> pa.Array:
        """Spell the metadata as `canonical_json` does: values without quotes, backslashes and control characters stand as they are."""
        if not (names := sorted(project.corpus.metadata)):
            return self._same("{}")
        joined: list[Any] = []
        text = "{"
        for number, name in enumerate(names):
            text += f"{',' if number else ''}{canonical_json(name)}:"
            if name in self.template.slots:
                opens, closes = self.places(name)
                joined += [pa.scalar(text), self.lines.between(opens, closes + 1)]
                text = ""
            else:
                text += json_of(self.template.constants[name])
        joined.append(pa.scalar(text + "}"))
        return pc.binary_join_element_wise(*joined, "") if len(joined) > 1 else self._same(text + "}")

    def _partitions(self, find: Callable[[Any], str], column: str | None) -> tuple[pa.Array, Sequence[int]]:
        if column not in self.template.slots:
            found = _found(find, [None if column is None else self.template.constants[column]])[0]
            return self._same(found), range(len(self.opens)) if found is None else ()
        values = self.values(column).dictionary_encode()
        parted = pa.array(_found(find, values.dictionary.to_pylist()), pa.string()).take(values.indices)
        return parted, np.flatnonzero(parted.is_null().to_numpy(zero_copy_only=False)).tolist()


def _found(find: Callable[[Any], str], values: Sequence[Any]) -> list[str | None]:
    found: list[str | None] = []
    for value in values:
        try:
            found.append(find(value))
        except UncertainError:
            found.append(None)
    return found


def _counted(found: Places, begins: Places, ends: Places) -> Places:
    """Count how many of some places, in order, lie within others."""
    return np.searchsorted(found, ends) - np.searchsorted(found, begins) if len(found) else np.zeros(len(begins), dtype=np.int64)
