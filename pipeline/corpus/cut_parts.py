"""The documents among rows that were cut: made with arithmetic on their bytes, and left to `make_document` where that proves nothing."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from json.encoder import encode_basestring
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.candidates import UncertainError, json_of, normal_pieces, partition_in, time_of
from pipeline.corpus.columns import gold_of, id_of
from pipeline.corpus.cuts import Cut, Flags, Places, Values, words_of
from pipeline.corpus.occurrences import Keys, keys_of_slices
from pipeline.corpus.parts import DOCUMENT_SCHEMA, Part, make_part
from pipeline.ids import canonical_json
from pipeline.settings import Project

__all__ = ["cut_part"]

SPACE, LAST = 0x20, 0x7E  # of the characters that stripping leaves as they are, the first is behind SPACE


def cut_part(cut: Cut, project: Project) -> tuple[Part | None, Sequence[int]]:
    """Make the documents of rows, and give the places of those that have to be looked at one by one."""
    corpus, every = project.corpus, np.arange(len(cut))
    if corpus.title is not None or not {corpus.text, corpus.id or corpus.text} <= cut.values.keys() or not len(cut):
        return None, every.tolist()
    fine = _fine(cut, project)
    kept = every if fine.all() else np.flatnonzero(fine)
    rows = _Rows(cut if fine.all() else cut.only(fine), project)
    pieces, words, empty = _texts(rows.cut.values[corpus.text])
    columns = rows.columns()
    columns["words"] = pa.array(words)
    if drop := sorted({*empty, *rows.uncertain}):
        keep = np.ones(len(kept), dtype=bool)
        keep[drop] = False
        kept, rows, pieces = kept[keep], _Rows(rows.cut.only(keep), project), list(compress(pieces, keep.tolist()))
        columns = {name: column.filter(pa.array(keep)) for name, column in columns.items()}
    named = rows.keys() if corpus.id is not None else rows.unnamed(columns.get("partition"))
    part = make_part(rows.cut.positions, columns, pieces, named, rows.cut.raw, seed=project.seed)
    return part, np.setdiff1d(every, kept, assume_unique=True).tolist()


def _fine(cut: Cut, project: Project) -> Flags:
    """Tell which rows have a text, and ids and known labels that stripping and JSON leave as they are."""
    corpus, fine = project.corpus, np.ones(len(cut), dtype=bool)
    for name in {corpus.text, corpus.id or corpus.text} & cut.typed.keys():
        fine &= cut.typed[name].is_valid().to_numpy(zero_copy_only=False)
    for name, column in cut.values.items():
        if name != corpus.id and (name in cut.typed or name not in {corpus.gold, corpus.language, *corpus.metadata}):
            continue
        if column.escaped is not None:
            fine &= ~column.escaped
        if name in {corpus.id, corpus.gold, corpus.language}:
            fine &= column.ends > column.begins
            for ends in (column.codes[column.begins], column.codes[column.ends - 1]):
                fine &= (ends > SPACE) & (ends <= LAST)
    return fine


def _texts(column: Values) -> tuple[list[bytes], Places, Sequence[int]]:
    """Spell what the hashes of the texts are made of, count their words, and give the places of those that are none."""
    begins, ends, codes, data = column.begins, column.ends, column.codes, column.data
    spaces = codes == SPACE
    words = _counted(np.flatnonzero(spaces), begins, ends) + 1
    odd = (ends == begins) | (codes[begins] == SPACE) | (codes[ends - 1] == SPACE)
    odd |= _counted(np.flatnonzero(spaces[1:] & spaces[:-1]), begins, ends) > 0
    odd |= _counted(np.flatnonzero(codes >= 0x80), begins, ends) > 0
    if column.escaped is not None:
        odd |= column.escaped
    pieces = [data[begin:end] + b'"]' for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
    places = np.flatnonzero(odd).tolist()
    left: set[int] = set()
    made, counts = normal_pieces([pieces[place][:-2].decode() for place in places], [False] * len(places), left)
    for place, piece in zip(places, made, strict=True):
        pieces[place] = piece
    words[places] = counts
    return pieces, words, [places[place] for place in left]


class _Rows:
    """Rows of which the texts and ids are known to be fine."""

    def __init__(self, cut: Cut, project: Project) -> None:
        self.cut, self.project = cut, project
        self.uncertain: set[int] = set()  # places of rows that have to be looked at

    def columns(self) -> dict[str, pa.Array]:
        """Give the columns but the hashes and the counts of words."""
        corpus, values = self.project.corpus, self.cut.values
        columns = {"text": values[corpus.text].array(), "metadata": self._metadata()}
        if corpus.id is not None:
            columns["doc_id"] = values[corpus.id].array()
        makes = (("gold", corpus.gold, gold_of), ("language", corpus.language, lambda value: id_of(value) or None))
        for column, name, make in makes:
            if name is not None:
                columns[column] = self.cut.values[name].array() if self._is_plain(name) else self._each(name, make, pa.string())
        if corpus.time is not None:
            columns["written_at"] = self._each(corpus.time, time_of, DOCUMENT_SCHEMA.field("written_at").type)
        if self.project.partitions is not None:
            find = partial(partition_in, self.project, self.cut.source)
            columns["partition"] = self._each(self.project.partitions.column, find, pa.string())
        return columns

    def keys(self) -> Keys:
        """Make keys of the ids."""
        column = self.cut.values[str(self.project.corpus.id)]
        return keys_of_slices(words_of(column.data), column.begins, column.ends - column.begins)

    def unnamed(self, partitions: pa.Array | None) -> list[bytes]:
        """Spell what the ids of texts are made of that did not come before, as `unnamed_pieces` does."""
        column = self.cut.values[self.project.corpus.text]
        parts = [None] * len(self.cut) if partitions is None else partitions.to_pylist()
        tails = {one: (f'",1,{canonical_json(one)}]]' if one else '",1]]').encode() for one in set(parts)}
        bounds = zip(column.begins.tolist(), column.ends.tolist(), parts, strict=True)
        pieces = [b'["' + column.data[begin:end] + tails[one] for begin, end, one in bounds]
        for place in [] if column.escaped is None else np.flatnonzero(column.escaped).tolist():
            pieces[place] = b"[" + encode_basestring(column.text(place)).encode() + tails[parts[place]][1:]
        return pieces

    def _is_plain(self, name: str) -> bool:
        return name in self.cut.values and name not in self.cut.typed

    def _each(self, name: str | None, make: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
        """Make something of each value of a column, of the same value once; without a column, of nothing."""
        if name is None or name not in {*self.cut.values, *self.cut.typed}:
            made, faults = _made(make, [None if name is None else self.cut.constants[name]])
            self.uncertain.update(range(len(self.cut)) if faults else ())
            return pa.array(made * len(self.cut), kind)
        column = self.cut.typed[name] if name in self.cut.typed else self.cut.values[name].array()
        if pa.types.is_nested(column.type) or isinstance(column.type, pa.BaseExtensionType):
            made, faults = _made(make, column.to_pylist())
            self.uncertain.update(faults)
            return pa.array(made, kind)
        known = column.dictionary_encode(null_encoding="encode")
        made, faults = _made(make, known.dictionary.to_pylist())
        if faults:
            self.uncertain.update(np.flatnonzero(np.isin(known.indices.to_numpy(), faults)).tolist())
        return pa.array(made, kind).take(known.indices)

    def _metadata(self) -> pa.Array:
        """Spell the metadata as `canonical_json` does: values without quotes, backslashes and control characters stand as they are."""
        joined, text = list[Any](), "{"
        for number, name in enumerate(sorted(self.project.corpus.metadata)):
            text += f"{',' if number else ''}{canonical_json(name)}:"
            if self._is_plain(name):
                joined += [pa.scalar(f'{text}"'), self.cut.values[name].array()]
                text = '"'
            elif name in self.cut.typed:
                joined += [pa.scalar(text), self._spelled(name)]
                text = ""
            else:
                text += json_of(self.cut.constants[name])
        joined.append(pa.scalar(text + "}"))
        return pc.binary_join_element_wise(*joined, "") if len(joined) > 1 else pa.array([text + "}"] * len(self.cut), pa.string())

    def _spelled(self, name: str) -> pa.Array:
        column = self.cut.typed[name]
        if pa.types.is_integer(column.type):
            return pc.fill_null(column.cast(pa.string()), "null")
        return self._each(name, json_of, pa.string())


def _made(make: Callable[[Any], Any], values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Make something of values, and give the places of those that are uncertain."""
    made, faults = list[Any](), list[int]()
    for place, value in enumerate(values):
        try:
            made.append(make(value))
        except UncertainError:
            made.append(None)
            faults.append(place)
    return made, faults


def _counted(found: Places, begins: Places, ends: Places) -> Places:
    """Count how many of some places, in order, lie within others."""
    return np.searchsorted(found, ends) - np.searchsorted(found, begins) if len(found) else np.zeros(len(begins), dtype=np.int64)
