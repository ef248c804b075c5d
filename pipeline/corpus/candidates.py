"""The documents of a block, column by column.

Each column is made as `make_document` makes its field, by the same functions where a value is anything but simple. A row is left to
`make_document` itself where it has no text or no id, or where its numbers may have lost digits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import compress
from json.encoder import encode_basestring
from typing import Any
from unicodedata import normalize

import numpy as np
import pyarrow as pa

from pipeline.corpus.blocks import Block
from pipeline.corpus.columns import gold_of, id_of, plain, titled_text
from pipeline.corpus.occurrences import Keys, keys_of_texts
from pipeline.corpus.partitions import Unparted, partition_of
from pipeline.corpus.parts import DOCUMENT_SCHEMA, Part, Raw, make_part, unnamed_pieces
from pipeline.corpus.times import read_time
from pipeline.corpus_settings import CorpusSettings
from pipeline.ids import canonical_json
from pipeline.settings import Project

__all__ = ["UncertainError", "json_of", "normal_pieces", "part_of", "partition_in", "time_of"]

EDGES = ("", " ")
EXACT = 1e15  # from here on a float may stand for a whole number that it cannot hold
KNOWN = 100_000  # values of a column that are remembered


class UncertainError(ValueError):
    """Say that a value may not be what the row reader gives."""


def part_of(block: Block, project: Project) -> tuple[Part, Sequence[int]]:
    """Make the documents of a block, and give the places of the rows that `make_document` has to look at."""
    corpus, values = project.corpus, block.columns
    left: set[int] = set()
    texts, titles = (values[corpus.text], None) if corpus.title is None else _titled(values, corpus, left)
    simple = block.plain if titles is None and block.plain else list(map(_is_plain, texts))
    pieces, words = normal_pieces(texts, simple, left)
    found: dict[str, Sequence[Any]] = {"text": texts, "words": words, "metadata": _metadata(values, corpus.metadata, left, len(texts))}
    if titles is not None:
        found["title"] = titles
    if corpus.time is not None:
        found["written_at"] = _each(values[corpus.time], time_of, left)
    if corpus.id is not None:
        found["doc_id"] = _ids(values[corpus.id], left)
    if corpus.gold is not None:
        found["gold"] = _each(values[corpus.gold], gold_of, left)
    if corpus.language is not None:
        found["language"] = _each(values[corpus.language], lambda value: id_of(value) or None, left)
    if project.partitions is not None:
        found["partition"] = _partitions(block, project, left)
    places: Sequence[int] = range(len(texts))
    if left:
        keep = [place not in left for place in places]
        places, pieces = list(compress(places, keep)), list(compress(pieces, keep))
        found = {name: list(compress(column, keep)) for name, column in found.items()}
    named: Keys | list[bytes]
    if corpus.id is not None:
        named = keys_of_texts([one.encode() for one in found["doc_id"]])
    else:
        named = unnamed_pieces(found["text"], found.get("partition") or [None] * len(places))
    columns = {name: pa.array(column, DOCUMENT_SCHEMA.field(name).type) for name, column in found.items()}
    positions = np.asarray([block.positions[place] for place in places] if left else block.positions, dtype=np.int64)
    raw: Raw = lambda place: block.raw(places[place])  # noqa: E731
    return make_part(positions, columns, pieces, named, raw, seed=project.seed), sorted(left)


def _titled(values: Mapping[str, Sequence[Any]], corpus: CorpusSettings, left: set[int]) -> tuple[list[str], list[str | None]]:
    """Put titles above the texts, as `titled_text` does."""
    texts, titles, column = [], [], str(corpus.title)
    for place, (text, title) in enumerate(zip(values[corpus.text], values[column], strict=True)):
        made, above, fault = titled_text({corpus.text: text, column: title}, corpus)
        if fault is not None or not all(one is None or type(one) is str for one in (text, title)):
            left.add(place)
        texts.append(made)
        titles.append(above)
    return texts, titles


def time_of(value: Any) -> Any:
    """Read a time.

    :raises UncertainError: where it is none.
    """
    try:
        return read_time(value)
    except ValueError as error:
        raise UncertainError(str(error)) from error


def _is_plain(value: object) -> bool:
    return type(value) is str and value.isascii() and value.isprintable() and '"' not in value and "\\" not in value


def normal_pieces(texts: Sequence[Any], plain: Sequence[bool], left: set[int]) -> tuple[list[bytes], list[int]]:
    """Spell what the hashes of texts are made of, without the first quote, and count their words, as `text_hash` and `Document.words` do.

    :param left: takes the places of what is no text, or an empty one.
    """
    pieces, words = [], []
    for place, (text, simple) in enumerate(zip(texts, plain, strict=True)):
        if type(text) is not str or (not simple and "\0" in text):
            left.add(place)
            text = ""
        if simple and text.isascii() and "  " not in text and text[:1] not in EDGES and text[-1:] != " ":
            pieces.append(f'{text}"]'.encode())
            words.append(text.count(" ") + 1)
            continue
        parts = (text if text.isascii() else normalize("NFC", text)).split()
        if not parts:
            left.add(place)
        pieces.append(f"{encode_basestring(' '.join(parts))[1:]}]".encode())
        words.append(len(parts))
    return pieces, words


def _ids(values: Sequence[Any], left: set[int]) -> list[str]:
    found = [value.strip() if type(value) is str else str(value) if type(value) is int else "" for value in values]
    left.update(place for place, one in enumerate(found) if not one or "\0" in one)
    return found


def _each(values: Sequence[Any], make: Callable[[Any], Any], left: set[int]) -> list[Any]:
    """Make something of each value, of the same text once."""
    known, found = _Known(lambda value: make(_certain(value))), list[Any]()
    for place, value in enumerate(values):
        try:
            found.append(known[value] if type(value) is str or value is None else known.make(value))
        except UncertainError:
            left.add(place)
            found.append(None)
    return found


class _Known(dict[str | None, Any]):
    """Remembers what was made of some texts."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, value: str | None) -> Any:
        made = self.make(value)
        if len(self) < KNOWN:
            self[value] = made
        return made


def _certain(value: Any) -> Any:
    """Give a value back.

    :raises UncertainError: where it is or holds a number that may have lost digits.
    """
    if isinstance(value, float) and abs(value) >= EXACT:
        raise UncertainError
    if isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            _certain(part)
    return value


def _metadata(values: Mapping[str, Sequence[Any]], names: Iterable[str], left: set[int], size: int) -> list[str]:
    """Spell the metadata of each row as `canonical_json` does."""
    if not (ordered := sorted(names)):
        return ["{}"] * size
    template = "{" + ",".join(f"{canonical_json(name).replace('%', '%%')}:%s" for name in ordered) + "}"
    columns = [_each(values[name], json_of, left) for name in ordered]
    return [template % row for row in zip(*columns, strict=True)]


def json_of(value: Any) -> str:
    """Spell a value of the metadata as the tables hold it."""
    return canonical_json(plain(value))


def _partitions(block: Block, project: Project, left: set[int]) -> list[str]:
    """Give the partition of each row, as `partition_of` does."""
    column = project.partitions.column if project.partitions else None
    values = [None] * len(block.positions) if column is None else block.columns[column]
    return _each(values, partial(partition_in, project, block.source), left)


def partition_in(project: Project, source: str, value: Any) -> str:
    """Give the partition of a row by the value of its column, or by its file where no column says it.

    :raises UncertainError: where it has none.
    """
    wanted = project.partitions
    if wanted is None:
        raise ValueError("the project has no partitions")
    try:
        return partition_of(source, {} if wanted.column is None else {wanted.column: value}, wanted, project.schedule.timezone)
    except Unparted as error:
        raise UncertainError(str(error)) from error
