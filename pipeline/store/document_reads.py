"""What a store can be asked about what was found out of texts: signatures, pairs that are alike, copies, languages, lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.document_records import NearPair, TextLengths, TextSize
from pipeline.store.label_reads import numbered
from pipeline.store.warehouse import Warehouse

__all__ = ["DocumentReads", "FoundPairs", "Signed"]


@dataclass(frozen=True)
class Signed:
    """The signatures of texts in the order in which they were made; a text is named by its place in it."""

    hashes: Any  # a column of strings
    bands: npt.NDArray[np.uint32]
    fresh: npt.NDArray[np.bool_]

    def names(self, places: npt.NDArray[np.int64]) -> list[str]:
        """Give the text hashes at some places."""
        found: list[str] = self.hashes.take(pa.array(places)).to_pylist()
        return found


@dataclass(frozen=True)
class FoundPairs:
    """The pairs that are alike, by the places of the texts (later, earlier), with the hashes of all texts that are in one, by place."""

    pairs: npt.NDArray[np.int64]
    similarities: npt.NDArray[np.float64]
    hashes: Mapping[int, str]


class DocumentReads(Warehouse):
    """Read near copies, languages and lengths."""

    def plain_texts(self, hashes: Sequence[str]) -> dict[str, str]:
        """Give a text of each hash that a document has; those that no document has are left out."""
        return dict(self.rows(PLAIN_TEXTS, wanted=numbered(hashes)))

    def signatures(self, spec: str) -> Signed:
        """Give all signatures of a spec, those of texts that are no longer in the corpus included."""
        with self.reader() as connection:
            found = connection.sql(SIGNATURES, params=[spec]).to_arrow_table()
        flat = [chunk.flatten().to_numpy() for chunk in found["bands"].chunks]
        bands = np.concatenate(flat) if flat else np.zeros(0, dtype=np.uint32)
        fresh = found["fresh"].to_numpy()
        return Signed(found["text_hash"], bands.reshape(len(fresh), -1 if len(fresh) else 0), np.asarray(fresh, dtype=bool))

    def near_pairs(self, spec: str, *, at: float) -> FoundPairs:
        """Give the pairs of active texts that are alike at least by `at`, by the later text."""
        with self.reader() as connection:
            found = connection.sql(PAIRS, params=[spec, spec, spec, at]).to_arrow_table()
            names = connection.execute(NAMES_IN_PAIRS, [spec, spec, at, spec, at]).fetchall()
        pairs = np.stack([found["later"].to_numpy(), found["earlier"].to_numpy()], axis=1)
        return FoundPairs(pairs, found["similarity"].to_numpy(), dict(names))

    def pairs_around(self, spec: str, threshold: float, count: int) -> tuple[list[NearPair], list[NearPair]]:
        """Give the pairs of active texts just at or above a threshold, and those just below it, the nearest first."""
        above = [NearPair(*row) for row in self.rows(JUST_ABOVE, [spec, threshold, count])]
        return above, [NearPair(*row) for row in self.rows(JUST_BELOW, [spec, threshold, count])]

    def near_duplicates(self, spec: str) -> list[tuple[str, str, str, float]]:
        """Give each text with near copies, with its original, its cluster and its likeness to the original, by text hash."""
        return self.rows(NEAR_DUPLICATES, [spec])

    def near_clusters(self, spec: str) -> dict[str, str]:
        """Give the cluster of each text that has near copies, by text hash."""
        return dict(self.rows("select text_hash, cluster_hash from near_duplicates where spec = ?", [spec]))

    def copies(self, spec: str) -> dict[str, str]:
        """Give the original of each text that is a copy of another, by text hash."""
        return dict(self.rows("select text_hash, original_hash from near_duplicates where spec = ? and text_hash <> original_hash", [spec]))

    def whole_current(self, key: str) -> str | None:
        """Give the id that a key points to for the whole project, whatever the store's facet."""
        found = self.rows("select value from current where key = ?", [key])
        return found[0][0] if found else None

    def languages(self, among: Sequence[str]) -> dict[str, str]:
        """Give the language of some texts: as the corpus names it, else as the current detector found it; unknown ones are left out."""
        return dict(self.rows(LANGUAGES, wanted=numbered(among)))

    def text_sizes(self, among: Sequence[str]) -> dict[str, TextSize]:
        """Give the words of some texts, and when they were first written, as far as the corpus says; a text that is gone is missing."""
        return {text: TextSize(words, written_at) for text, words, written_at in self.rows(SIZES, wanted=numbered(among))}

    def unnamed_texts(self) -> list[str]:
        """List the active texts of which no document says its language, in the seeded order."""
        sql = "select text_hash from documents where active group by text_hash having count(language) = 0 order by min(order_key)"
        return [row[0] for row in self.rows(sql)]

    def text_lengths(self, max_words: int) -> TextLengths:
        """Measure the distinct active texts: how many there are, how long in words and characters, and how many exceed so many words."""
        return TextLengths(*self.rows(LENGTHS, [max_words, max_words])[0])

    def count_longer(self, characters: int) -> int:
        """Count the distinct active texts that are longer than so many characters."""
        sql = "select count(distinct text_hash) from documents where active and length(text) > ?"
        return int(self.rows(sql, [characters])[0][0])


PLAIN_TEXTS = """
select text_hash, any_value(text) from wanted join documents using (text_hash) group by text_hash
"""
SIGNATURES = "select text_hash, bands, not compared as fresh from near_signatures where signature_spec = ? order by position"
PAIRS = """
select later.position as later, earlier.position as earlier, near_pairs.similarity as similarity
from near_pairs
join near_signatures as later on later.text_hash = near_pairs.text_hash and later.signature_spec = ?
join near_signatures as earlier on earlier.text_hash = near_pairs.other_hash and earlier.signature_spec = ?
where near_pairs.signature_spec = ? and near_pairs.similarity >= ?
    and near_pairs.text_hash in (select text_hash from documents where active)
    and near_pairs.other_hash in (select text_hash from documents where active)
order by later.position, earlier.position
"""
NAMES_IN_PAIRS = """
select position, text_hash from near_signatures
where signature_spec = ? and (
    text_hash in (select text_hash from near_pairs where signature_spec = ? and similarity >= ?)
    or text_hash in (select other_hash from near_pairs where signature_spec = ? and similarity >= ?)
)
"""
ACTIVE_PAIRS = """
select text_hash, other_hash, similarity from near_pairs
where signature_spec = ? and text_hash in (select text_hash from documents where active)
    and other_hash in (select text_hash from documents where active)
"""
JUST_ABOVE = f"{ACTIVE_PAIRS} and similarity >= ? order by similarity, text_hash, other_hash limit ?"
JUST_BELOW = f"{ACTIVE_PAIRS} and similarity < ? order by similarity desc, text_hash, other_hash limit ?"
NEAR_DUPLICATES = "select text_hash, original_hash, cluster_hash, similarity from near_duplicates where spec = ? order by text_hash"
LANGUAGES = """
select wanted.text_hash, coalesce(named.language, found.language) as language
from wanted
left join (select text_hash, arg_min(language, doc_id) as language from documents where active and language is not null group by text_hash) as named
    on named.text_hash = wanted.text_hash
left join languages as found
    on found.text_hash = wanted.text_hash and found.detector = (select value from current where key = 'language_detector')
where coalesce(named.language, found.language) is not null
"""
SIZES = """
select text_hash, any_value(words), min(written_at) from wanted join documents using (text_hash) where active group by text_hash
"""
LENGTHS = """
select count(*), coalesce(sum(words), 0), coalesce(sum(characters), 0), coalesce(quantile_disc(words, 0.95), 0), coalesce(max(words), 0),
    count(*) filter (where words > ?), coalesce(sum(greatest(words - ?, 0)), 0)
from (select any_value(words) as words, any_value(length(text)) as characters from documents where active group by text_hash)
"""
