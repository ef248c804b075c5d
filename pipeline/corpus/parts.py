"""Documents as columns of the table `documents`, with what tells whether they came before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring

import numpy as np
import pyarrow as pa

from pipeline.corpus.cuts import Flags, Places
from pipeline.corpus.digests import digests_of, ids_of, order_keys
from pipeline.corpus.occurrences import Keys, keys_of_digests
from pipeline.corpus.rows import RawRow
from pipeline.ids import canonical_json

__all__ = ["DOCUMENT_SCHEMA", "Part", "Raw", "make_part", "unnamed_pieces"]

TEXT_COLUMNS = ("doc_id", "text_hash", "text", "source", "metadata", "gold", "order_key", "partition", "title", "language")
DOCUMENT_SCHEMA = pa.schema([*((name, pa.string()) for name in TEXT_COLUMNS), ("words", pa.int64()), ("written_at", pa.timestamp("us"))])
Raw = Callable[[int], RawRow]


@dataclass(frozen=True)
class Part:
    """Documents of one file, none of which is known to be there already."""

    positions: Places
    columns: Mapping[str, pa.Array]  # of DOCUMENT_SCHEMA; what is not there is null
    keys: Keys  # of their ids, or of their texts where the corpus has no ids
    raw: Raw  # gives the row of a document, by its place here, as the row reader does

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.positions)

    def only(self, kept: Flags) -> "Part":
        """Give some of the documents."""
        places, chosen = np.flatnonzero(kept), pa.array(kept)
        columns = {name: column.filter(chosen) for name, column in self.columns.items()}
        return Part(self.positions[kept], columns, self.keys[kept], lambda place: self.raw(int(places[place])))


def make_part(
    positions: Places, columns: Mapping[str, pa.Array], pieces: Sequence[bytes], named: Keys | Sequence[bytes], raw: Raw, *, seed: int
) -> Part:
    """Make the hashes of documents.

    :param columns: all but the hashes; `doc_id` among them where the corpus has ids.
    :param pieces: the JSON of each normalised text without the quote that opens it, and `]`.
    :param named: keys of the ids, or what ids are made from where the corpus has none, as `unnamed_pieces` gives it.
    """
    texts = digests_of("text", pieces, b'"')
    made = {"text_hash": ids_of("text", texts), "order_key": order_keys(texts, seed)}
    if isinstance(named, np.ndarray):
        return Part(positions, {**columns, **made}, named, raw)
    digests = digests_of("doc", named)
    return Part(positions, {**columns, **made, "doc_id": ids_of("doc", digests)}, keys_of_digests(digests), raw)


def unnamed_pieces(texts: Sequence[str], partitions: Sequence[str | None]) -> list[bytes]:
    """Spell what the ids of texts are made of that did not come before: text, number, and the partition where there is one, and `]`."""
    ends = {one: f",1,{canonical_json(one)}]]" if one else ",1]]" for one in set(partitions)}
    return [f"[{encode_basestring(text)}{ends[partition]}".encode() for text, partition in zip(texts, partitions, strict=True)]
