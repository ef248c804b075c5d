"""What each word comes to in a table of token vectors, kept from text to text.

Parting a word into tokens takes far longer than adding vectors, and most words of a text were in the texts before it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from pipeline.batches import in_batches
from pipeline.embedding.contract import Matrix

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["WordSums"]

Ints = npt.NDArray[np.intp]
WORDS_AT_ONCE = 512
MOST_WORDS, MOST_CHARACTERS = 32_768, 1 << 20  # that are kept; beyond, all are forgotten, and the frequent ones are soon back


class WordSums:
    """Adds up the token vectors of words, and of texts; not for several threads at once."""

    def __init__(self, tokenizer: "Tokenizer", vectors: Matrix) -> None:
        """Know no word yet.

        :param vectors: (tokens, d), with zeros for what does not count.
        """
        self._tokenizer, self._vectors = tokenizer, vectors
        self._forget()

    def of_texts(self, texts: Sequence[Sequence[str]]) -> Matrix:
        """Add up the vectors of each text's words, (n, d)."""
        self._learn(texts)
        places = self._places
        return _sums([places[word] for words in texts for word in words], [len(words) for words in texts], self._table)

    def _forget(self) -> None:
        self._places: dict[str, int] = {}
        self._table: Matrix = np.zeros((0, self._vectors.shape[1]), dtype=np.float32)
        self._characters = 0

    def _learn(self, texts: Sequence[Sequence[str]]) -> None:
        fresh = self._unknown(texts)
        if not fresh:
            return
        if len(self._places) + len(fresh) > MOST_WORDS or self._characters + sum(map(len, fresh)) > MOST_CHARACTERS:
            self._forget()
            fresh = self._unknown(texts)
        start, end = len(self._places), len(self._places) + len(fresh)
        if end > len(self._table):
            table = np.zeros((max(2 * len(self._table), end), self._vectors.shape[1]), dtype=np.float32)
            table[:start] = self._table[:start]
            self._table = table
        self._table[start:end] = self._word_sums(fresh)
        self._places.update(zip(fresh, range(start, end), strict=True))
        self._characters += sum(map(len, fresh))

    def _word_sums(self, words: list[str]) -> Matrix:
        parts = list(in_batches(words, WORDS_AT_ONCE))  # a call for each would take twice the time
        encoded = self._tokenizer.encode_batch(parts, is_pretokenized=True, add_special_tokens=False)
        counts = [np.bincount(np.array(one.word_ids, dtype=np.intp), minlength=len(part)) for one, part in zip(encoded, parts, strict=True)]
        return _sums([token for one in encoded for token in one.ids], np.concatenate(counts), self._vectors)

    def _unknown(self, texts: Sequence[Sequence[str]]) -> list[str]:
        return list({word: None for words in texts for word in words if word not in self._places})


def _sums(places: Sequence[int], counts: Sequence[int] | Ints, vectors: Matrix) -> Matrix:
    """Add up the vectors at the places given, so many for each row."""
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    named = csr_array((np.ones(len(places), dtype=np.float32), np.asarray(places, dtype=np.int32), starts), shape=(len(counts), len(vectors)))
    return np.asarray(named @ vectors)
