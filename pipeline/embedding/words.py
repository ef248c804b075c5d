"""Which tokens a word consists of, kept from text to text.

Parting a word into tokens takes far longer than adding vectors, and most words of a text were in the texts before it.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from pipeline.batches import in_batches

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["WordTokens"]

WORDS_AT_ONCE = 512  # to part: a call for each would take twice the time
MOST_CHARACTERS = 1 << 20  # of all words that are kept, which is about 25 MB; beyond, all are forgotten, and the frequent ones are soon back


class WordTokens:
    """Parts texts into tokens word by word; not for several threads at once."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        """Know no word yet."""
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        self._characters = 0

    def of_texts(self, texts: Sequence[Sequence[str]]) -> list[list[int]]:
        """Give the tokens of texts that come as words."""
        fresh = self._unknown(texts)
        if self._characters + sum(map(len, fresh)) > MOST_CHARACTERS:
            self._known.clear()
            self._characters = 0
            fresh = self._unknown(texts)
        self._learn(fresh)
        tokens = self._known.__getitem__
        return [list(chain.from_iterable(map(tokens, words))) for words in texts]

    def _unknown(self, texts: Iterable[Sequence[str]]) -> list[str]:
        return list({word: None for words in texts for word in words if word not in self._known})

    def _learn(self, words: Sequence[str]) -> None:
        parts = list(in_batches(words, WORDS_AT_ONCE))
        for part, encoded in zip(parts, self._tokenizer.encode_batch(parts, is_pretokenized=True, add_special_tokens=False), strict=True):
            found: list[list[int]] = [[] for _ in part]
            for place, token in zip(encoded.word_ids, encoded.ids, strict=True):
                found[place or 0].append(token)
            self._known.update(zip(part, found, strict=True))
        self._characters += sum(map(len, words))
