"""The sample of a corpus that is read in bulk: the same rows as `sample_rows` chooses."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from pipeline.corpus.columns import key_of
from pipeline.corpus.parts import Part
from pipeline.corpus.sampling import HASHES, place_of, sample_hash, threshold_of
from pipeline.corpus.stretches import Stretch
from pipeline.corpus_settings import CorpusSettings, SampleSettings
from pipeline.ids import normalise_text

__all__ = ["sample_threshold", "sampled"]

Places = np.ndarray[Any, np.dtype[np.uint64]]


def sample_threshold(stretches: Iterable[Stretch], wanted: SampleSettings, corpus: CorpusSettings) -> int:
    """Give the number below which the places of the rows lie that are in the sample."""
    if wanted.share is not None:
        return int(wanted.share * HASHES)
    return threshold_of(_every_place(stretches, wanted.seed, corpus), wanted.rows or 0)


def sampled(stretches: Iterable[Stretch], threshold: int, seed: int, corpus: CorpusSettings) -> Iterator[Stretch]:
    """Leave out what is not in the sample; rows that cannot be used stay, to become rejects."""
    key = partial(key_of, corpus=corpus)
    for stretch in stretches:
        rows = [row for row in stretch.rows if (place := place_of(row, seed, key)) is None or place < threshold]
        yield Stretch([_kept(part, threshold, seed, corpus) for part in stretch.parts], rows)


def _kept(part: Part, threshold: int, seed: int, corpus: CorpusSettings) -> Part:
    return part if threshold >= HASHES else part.only(_places(part, seed, corpus) < np.uint64(threshold))


def _every_place(stretches: Iterable[Stretch], seed: int, corpus: CorpusSettings) -> Iterator[int]:
    key = partial(key_of, corpus=corpus)
    for stretch in stretches:
        for part in stretch.parts:
            yield from _places(part, seed, corpus).tolist()
        yield from (place for row in stretch.rows if (place := place_of(row, seed, key)) is not None)


def _places(part: Part, seed: int, corpus: CorpusSettings) -> Places:
    """Hash what the documents are chosen by, as `place_of` does."""
    start = sample_hash(seed)
    texts = part.columns["text" if corpus.id is None else "doc_id"].to_pylist()
    found = []
    for text in map(normalise_text, texts) if corpus.id is None else texts:
        state = start.copy()
        state.update(text.encode())
        found.append(state.digest())
    return np.frombuffer(b"".join(found), ">u8").astype(np.uint64)
