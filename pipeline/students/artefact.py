"""A student on disk: a folder with the model (skops, never a pickle) and its card (JSON).

The card says what the numbers of the model mean: categories, embedder, taxonomy, how C was chosen, library versions, and
the sha256 of the model file. Loading refuses a folder whose parts do not belong together.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn import __version__ as sklearn_version
from sklearn.linear_model import LogisticRegression

from pipeline.errors import ArtefactError

__all__ = ["LoadedStudent", "load_student", "save_student"]

MODEL, CARD = "model.skops", "card.json"


@dataclass(frozen=True)
class LoadedStudent:
    """A student ready to score."""

    model: LogisticRegression
    card: Mapping[str, Any]

    @property
    def categories(self) -> list[str]:
        """List the category ids in the order of the model's outputs."""
        return list(self.card["categories"])

    @property
    def names(self) -> list[str]:
        """List the category names in the order of the model's outputs."""
        return list(self.card["names"])


def save_student(folder: Path, model: LogisticRegression, card: Mapping[str, Any]) -> str:
    """Write a student so that a killed run leaves the old one or the new one, never half of one.

    :return: the sha256 of the model file.
    """
    import skops.io  # here, because it imports torch where there is one, which takes seconds

    folder.mkdir(parents=True, exist_ok=True)
    data = skops.io.dumps(model)
    digest = hashlib.sha256(data).hexdigest()
    whole_card = {**card, "sha256": digest, "scikit_learn": sklearn_version}
    _replace(folder / MODEL, data)
    _replace(folder / CARD, json.dumps(whole_card, indent=2, ensure_ascii=False).encode())
    return digest


def load_student(folder: Path, *, sha256: str | None = None) -> LoadedStudent:
    """Read a student back.

    :param sha256: what the model file must hash to, where the caller knows it from elsewhere.
    :raises ArtefactError: when a part is missing, damaged or of another student.
    """
    try:
        data = (folder / MODEL).read_bytes()
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtefactError(f"{folder} is no student: {Path(error.filename).name} is missing. Run the project again to train one.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(f"The card {folder / CARD} cannot be read: {error}. Run the project again to train a new student.") from error
    if not isinstance(card, dict):
        raise ArtefactError(
            f"The card {folder / CARD} holds {type(card).__name__}, expected an object. Run the project again to train a new student."
        )
    found = hashlib.sha256(data).hexdigest()
    for expected in (card.get("sha256"), sha256 or found):
        if found != expected:
            raise ArtefactError(f"{folder / MODEL} is damaged or another student's: sha256 {found[:12]}…, expected {str(expected)[:12]}….")
    import skops.io

    try:
        model = skops.io.loads(data, trusted=[])
    except (skops.io.exceptions.UntrustedTypesFoundException, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{folder / MODEL} holds something other than a student: {error}") from error
    if not isinstance(model, LogisticRegression):
        raise ArtefactError(f"{folder / MODEL} holds a {type(model).__name__}; expected a LogisticRegression.")
    return LoadedStudent(model, card)


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)
