"""A static embedder: a text is the sum of its tokens' vectors. It is a hundred times as fast as a sentence model, and knows no order of words."""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from pipeline.embedding.contract import LONGEST_TEXT, Matrix, unit_rows
from pipeline.embedding.distilling import make_static, static_identity
from pipeline.embedding.encoder import SentenceEmbedder
from pipeline.embedding.words import WordTokens
from pipeline.weights import cache_folder

if TYPE_CHECKING:
    from model2vec import StaticModel

__all__ = ["StaticEmbedder"]

SUFFIX = "-static"
TEXTS_AT_ONCE, CHARACTERS_AT_ONCE = 1024, 1 << 18


class StaticEmbedder:
    """Token vectors made of a sentence model, on this machine and once; made or loaded with the first text.

    :param name: the sentence model's name with "-static" behind it.
    """

    def __init__(
        self, name: str = "all-minilm-l6-v2-static", *, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Remember what to load."""
        self.name, self.cache = name, cache
        self._source = SentenceEmbedder(name.removesuffix(SUFFIX), cache=cache, progress=progress)
        self._lock = threading.Lock()

    @property
    def embedder_id(self) -> str:
        """Name the model and what it is made of."""
        return f"{self.name}@{static_identity(self._source)}"

    @property
    def folder(self) -> Path:
        """Give the folder where it is kept."""
        return (self.cache or cache_folder()) / "weights" / self.name

    @cached_property
    def model(self) -> "StaticModel":
        """Give the model itself, made or loaded when it is first asked for."""
        folder = make_static(self.folder, self._source)
        self._source.__dict__.pop("model", None)  # which it may have been made of, and which is not needed again
        from model2vec import StaticModel

        return StaticModel.from_pretrained(folder)

    @cached_property
    def _words(self) -> WordTokens:
        return WordTokens(self.model.tokenizer)

    @cached_property
    def _vectors(self) -> Matrix:
        return np.asarray(self.model.embedding, dtype=np.float32)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; only the first 4,000 characters of a text count, and one without a known word is like every other such."""
        found = np.zeros((len(texts), self._source.width), dtype=np.float32)
        with self._lock:
            for places in _parts(texts):
                tokens = self._words.of_texts([text[:LONGEST_TEXT].lower().split() for text in texts[places]])
                found[places] = _sums(tokens, self._vectors)
        return unit_rows(found)


def _sums(tokens: Sequence[list[int]], vectors: Matrix) -> Matrix:
    """Add up the vectors of each text's tokens."""
    starts = np.concatenate([[0], np.cumsum([len(one) for one in tokens])])
    flat = np.fromiter(chain.from_iterable(tokens), dtype=np.int32, count=starts[-1])
    return np.asarray(csr_array((np.ones(len(flat), dtype=np.float32), flat, starts), shape=(len(tokens), len(vectors))) @ vectors)


def _parts(texts: Sequence[str]) -> Iterator[slice]:
    """Part texts so that no part holds many characters or texts."""
    start = characters = 0
    for place, text in enumerate(texts):
        if place > start and (characters + len(text) > CHARACTERS_AT_ONCE or place - start == TEXTS_AT_ONCE):
            yield slice(start, place)
            start, characters = place, 0
        characters += min(len(text), LONGEST_TEXT)
    if len(texts):
        yield slice(start, len(texts))
