"""The changed layers of a fine-tuned encoder as a file beside the model: safetensors, which holds arrays and nothing that runs.

The card names the file's sha256 and the weights that the layers belong on; on others they would mean something else.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.embedding import Head, Tuned, base_id, base_sha256, layer_names
from pipeline.errors import ArtefactError
from pipeline.students.fine_tuned import FineTuned
from pipeline.students.voices import Voices

__all__ = ["LAYERS", "give_layers", "take_layers"]

LAYERS = "encoder.safetensors"
WEIGHTS, BIAS = "head.weight", "head.bias"


def take_layers(model: Voices) -> tuple[bytes, dict[str, Any]] | None:
    """Take the changed layers and heads out of a packed student, as a file's content and what its card says of it; None where there are none."""
    arrays: dict[str, Any] = {}
    for place, tuned in _fine_tuned(model):
        if tuned.tuned_ is None:
            raise ValueError(f"Voice {place} is a fine-tuned encoder without its layers, and cannot be saved.")
        parts = {**tuned.tuned_.changed, WEIGHTS: tuned.tuned_.head.weights, BIAS: tuned.tuned_.head.bias}
        arrays |= {f"{place}.{name}": np.ascontiguousarray(value) for name, value in parts.items()}
        tuned.tuned_ = None
    if not arrays:
        return None
    from safetensors.numpy import save  # here, because students that are not fine-tuned do without the package

    data = save(arrays)
    return data, {"base": base_id(), "base_sha256": base_sha256(), "sha256": hashlib.sha256(data).hexdigest()}


def give_layers(model: Voices, data: bytes, about: Mapping[str, Any], *, said_by: str) -> None:
    """Give a student that was read back its layers and heads again, in place.

    :param about: what the card says of them.
    :param said_by: the file, for messages.
    :raises ArtefactError: where the file is damaged, lacks a part, or belongs on other weights than those of this version; or where the
        package that reads it is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ModuleNotFoundError as error:
        raise ArtefactError(f"{said_by} needs the package safetensors, which is not installed. Install it: pip install safetensors.") from error
    again = "Run the project again to train a new student."
    found = hashlib.sha256(data).hexdigest()
    if found != about.get("sha256"):
        expected = str(about.get("sha256"))[:12]
        raise ArtefactError(f"{said_by} is damaged or another student's: sha256 {found[:12]}…, expected {expected}…. {again}")
    if about.get("base_sha256") != base_sha256():
        raise ArtefactError(f"{said_by} holds layers of {about.get('base')}, and the encoder is {base_id()} here. {again}")
    try:
        arrays = load(data)
        for place, tuned in _fine_tuned(model):
            own = {name.partition(".")[2]: value for name, value in arrays.items() if name.partition(".")[0] == str(place)}
            head = Head(own.pop(WEIGHTS), own.pop(BIAS))
            if missing := layer_names(tuned.layers).symmetric_difference(own):
                raise KeyError(*sorted(missing))
            tuned.tuned_ = Tuned(own, head)
    except (SafetensorError, KeyError) as error:
        raise ArtefactError(f"{said_by} holds something other than a student's layers: {error!r}. {again}") from error


def _fine_tuned(model: Voices) -> Iterator[tuple[int, FineTuned]]:
    for place, voice in enumerate(model.voices):
        if isinstance(voice.steps[-1][1], FineTuned):
            yield place, voice.steps[-1][1]
