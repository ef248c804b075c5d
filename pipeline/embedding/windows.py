"""An embedder that reads long texts whole: in windows of as many tokens as it takes, whose vectors are averaged.

A sentence model reads 256 tokens of a text and passes over the rest in silence. Here each window counts by its tokens. A text that
fits is one window, so that its vector is the one that it had.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.embedding.contract import Matrix, unit_rows
from pipeline.embedding.encoder import SentenceEmbedder

__all__ = ["MOST_WINDOWS", "WindowedEmbedder", "spread_places"]

SUFFIX = "-windows"
MOST_WINDOWS = 16  # of a text; a longer one is read in parts that are spread evenly
SURELY_SHORT = 200  # characters: a token is at least one, so that such a text need not be cut into tokens to know that it fits
RECIPE = 1  # raise it whenever other vectors would come out of the same weights
LONGEST = 200_000  # characters that are looked at


class WindowedEmbedder:
    """A sentence model that reads all of a long text; implements `Embedder`."""

    def __init__(self, source: SentenceEmbedder) -> None:
        """Remember what to read with; it loads with the first text."""
        self.source = source

    @property
    def embedder_id(self) -> str:
        """Name the model, its weights and how windows are cut."""
        name, _, weights = self.source.embedder_id.partition("@")
        return f"{name}{SUFFIX}{RECIPE}@{weights}"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts, each as the mean of its windows by their tokens; a text of more than 16 windows is read in 16 parts of it."""
        cut = [self._windows(text[:LONGEST]) for text in texts]
        vectors = self.source.embed([window for windows in cut for window, _ in windows])
        if not texts:
            return vectors
        weights = np.array([tokens for windows in cut for _, tokens in windows], dtype=np.float32)
        starts = np.cumsum([0, *(len(windows) for windows in cut[:-1])])
        return unit_rows(np.add.reduceat(vectors * weights[:, None], starts, axis=0))

    def _windows(self, text: str) -> list[tuple[str, int]]:
        """Cut a text at the borders of tokens, and give each window with its number of tokens."""
        if len(text) <= SURELY_SHORT:
            return [(text, 1)]
        room = self._room
        tokenizer = self.source.model.tokenizer
        tokens = tokenizer(text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False)
        spans = [(start, end) for start, end in tokens["offset_mapping"] if end > start]
        if len(spans) <= room:
            return [(text, 1)]
        places = spread_places(len(spans), room, most=MOST_WINDOWS)
        parts = [spans[place : place + room] for place in places]
        return [(text[part[0][0] : part[-1][1]], len(part)) for part in parts]

    @property
    def _room(self) -> int:
        """Give the tokens of a text that the model reads, without those that stand for its beginning and end."""
        return int(self.source.model.max_seq_length or 256) - 2


def spread_places(count: int, room: int, *, most: int) -> list[int]:
    """Give the places where windows of `room` of so many tokens begin, as few as hold all, `most` at most, spread evenly."""
    windows = min(most, -(-count // room))
    return [round(number * (count - room) / max(1, windows - 1)) for number in range(windows)]
