"""The sampled documents as the taxonomy stages see them: text, topic phrase, and one vector made of both."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.embedding import Embedder, Matrix
from pipeline.records import Summary

__all__ = ["Group", "Sample", "make_sample", "unit"]

Indices = npt.NDArray[np.intp]
OWN = 2.0  # weight of what a document says itself, against what lies around it
FEWEST_NEIGHBOURS, MOST_NEIGHBOURS = 5, 20


@dataclass(frozen=True)
class Group:
    """Some documents of a sample, by their indices, surest first."""

    indices: tuple[int, ...]

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.indices)


@dataclass(frozen=True)
class Sample:
    """Parallel columns, one place a document; `vectors` has shape (n, d) and rows of length 1.

    `alone` are the vectors without the neighbourhoods, the same where None. `question` is what the phrases answer;
    `around` hashes the documents whose neighbourhood went into the vectors.
    """

    hashes: tuple[str, ...]
    texts: tuple[str, ...]
    phrases: tuple[str, ...]
    vectors: Matrix
    around: str = ""
    question: str = ""
    alone: Matrix | None = None

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.hashes)

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Pair each document with its phrase: what a version is made from."""
        return list(zip(self.hashes, self.phrases, strict=True))

    def head(self, count: int) -> "Sample":
        """Take the first `count` documents."""
        return self.part(range(count))

    def part(self, indices: Sequence[int] | range) -> "Sample":
        """Take some documents, in the order given."""
        chosen = list(indices)[: len(self)] if isinstance(indices, range) else list(indices)
        hashes, texts, phrases = (tuple(column[index] for index in chosen) for column in (self.hashes, self.texts, self.phrases))
        return Sample(hashes, texts, phrases, self.vectors[chosen], self.around, self.question, None if self.alone is None else self.alone[chosen])

    def counted_phrases(self, group: Group, most: int) -> list[tuple[str, int]]:
        """Count the phrases of a group, most frequent first; equal counts keep the group's order."""
        return Counter(self.phrases[index] for index in group.indices).most_common(most)

    def spread_texts(self, group: Group, most: int) -> list[str]:
        """Take texts from the surest four fifths of a group at even distances."""
        reach = max(1, round(len(group) * 0.8))
        places = np.unique(np.linspace(0, reach - 1, min(most, reach)).astype(int))
        return [self.texts[group.indices[place]] for place in places]

    def centre(self, group: Group) -> Matrix:
        """Average the vectors of a group, as a vector of length 1."""
        return np.asarray(unit(self.vectors[list(group.indices)].mean(axis=0, keepdims=True))[0])

    def ranked(self, indices: Sequence[int] | Indices) -> Group:
        """Order documents by their likeness to their common centre."""
        chosen = np.asarray(indices, dtype=np.intp)
        if not len(chosen):
            return Group(())
        likeness = self.vectors[chosen] @ unit(self.vectors[chosen].mean(axis=0, keepdims=True))[0]
        return Group(tuple(int(index) for index in chosen[np.argsort(-likeness, kind="stable")]))


def make_sample(
    summaries: Sequence[Summary], *, embedder: Embedder, neighbours: Matrix | None = None, around: str = "", question: str = ""
) -> Sample:
    """Represent each document by what it says, its phrase, and the documents around it.

    Three vectors are summed, of the summary, of "phrase. summary" and of the phrase: text and phrase together group
    better than either alone. Added to them, at half their weight, is the mean of the nearest rows of `neighbours` (m, d),
    the texts of the corpus: what lies around a document says which group it is part of, and costs no question.
    """
    texts = [summary.summary for summary in summaries]
    phrases = [summary.phrase for summary in summaries]
    together = [f"{phrase}. {text}" for phrase, text in zip(phrases, texts, strict=True)]
    spoken = embedder.embed(texts)
    own = unit(spoken + embedder.embed(together) + embedder.embed(phrases))
    vectors = unit(OWN * own + _neighbourhood(spoken, neighbours)) if neighbours is not None and len(neighbours) else own
    return Sample(tuple(summary.text_hash for summary in summaries), tuple(texts), tuple(phrases), vectors, around, question, own)


def _neighbourhood(vectors: Matrix, neighbours: Matrix) -> Matrix:
    """Average the rows nearest to each vector: one in a hundred, 5 to 20 of them."""
    count = min(len(neighbours), max(FEWEST_NEIGHBOURS, min(MOST_NEIGHBOURS, len(neighbours) // 100)))
    means = [neighbours[np.argpartition(-(neighbours @ vector), count - 1)[:count]].mean(axis=0) for vector in vectors]
    return unit(np.stack(means))


def unit(vectors: Matrix) -> Matrix:
    """Scale each row to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
