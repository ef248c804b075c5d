"""Makes a student small for its file: word lists as one array of bytes, and nothing that only further fitting would need.

skops writes a kilobyte of JSON for every entry of a dictionary, so that the words alone would be most of the file.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction import DictVectorizer
from sklearn.neural_network import MLPClassifier

from pipeline.students.voices import Voices

__all__ = ["pack", "unpack"]

Bytes = npt.NDArray[np.uint8]


def pack(model: Voices) -> Voices:
    """Copy a student for writing; the copy predicts nothing before it is unpacked."""
    packed = copy.deepcopy(model)
    for part in _parts(packed):
        if isinstance(words := getattr(part, "vocabulary_", None), dict):  # not yet packed by way of another voice that shares it
            part.vocabulary_ = _as_bytes(words)
        if isinstance(part, DictVectorizer):
            part.feature_names_ = []  # the keys of the vocabulary, in order
        if isinstance(part, MLPClassifier):
            part._optimizer, part.loss_curve_ = None, []
    return packed


def unpack(model: Voices) -> Voices:
    """Give a student that was read back its word lists again, in place.

    :raises ValueError: where a word list is none.
    """
    for part in _parts(model):
        if isinstance(words := getattr(part, "vocabulary_", None), np.ndarray):
            part.vocabulary_ = {str(word): place for place, word in enumerate(json.loads(words.tobytes()))}
        if isinstance(part, DictVectorizer):
            part.feature_names_ = list(part.vocabulary_)
    return model


def _as_bytes(words: dict[str, int]) -> Bytes:
    return np.frombuffer(json.dumps(sorted(words, key=lambda word: words[word])).encode(), dtype=np.uint8)


def _parts(model: Any) -> Iterator[Any]:
    """List a model and all that it is made of."""
    yield model
    steps = [*getattr(model, "steps", ()), *getattr(model, "transformer_list", ())]
    for part in [*getattr(model, "voices", ()), *(step for _, step in steps)]:
        yield from _parts(part)
