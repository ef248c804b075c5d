"""A student on disk: a folder with the model (skops, never a pickle), its card (JSON), and the card for people (README.md).

The card says what the numbers of the model mean: categories, embedder, taxonomy, how the student was chosen, library versions, and
the sha256 of the model file; its last entry is the sha256 of all others. Loading refuses a folder whose parts are not as they
were written or do not belong together, and a model that holds anything but the classes named here.
"""

import hashlib
import json
import os
import platform
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import __version__ as sklearn_version
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import FeatureUnion, Pipeline

from pipeline import __version__
from pipeline.errors import ArtefactError
from pipeline.students.card import model_card
from pipeline.students.certainty import Certainty
from pipeline.students.features import READ_FEATURES, CardLikeness, MetadataColumns, TextColumn, Texts, Vectors
from pipeline.students.fine_tuned import FineTuned
from pipeline.students.inputs import Inputs
from pipeline.students.layers import LAYERS, give_layers, take_layers
from pipeline.students.means import CardVotes, ClassMeans, NearestVotes
from pipeline.students.novelty import Novelty
from pipeline.students.packing import pack, unpack
from pipeline.students.voices import Voices

__all__ = ["CARD", "MODEL", "NEEDED", "README", "LoadedStudent", "amend_card", "load_student", "save_student"]

Floats = npt.NDArray[np.float64]
MODEL, CARD, README = "model.skops", "card.json", "README.md"
FORMAT = 2  # raise it whenever a folder written before could not be read any more
SEAL = "card_sha256"
NEEDED: Mapping[str, type] = {
    "classifier_id": str, "taxonomy_id": str, "categories": list, "names": list, "parents": list, "embedder": str, "embedder_id": str,
    "voices": list, "trained_on": int, "training_ids_hash": str, "seed": int,
}  # fmt: skip
OWN = ("format", "encoder", "libraries", "sha256", SEAL)  # entries that are written here
# What a model file may hold beside scikit-learn's own estimators and arrays, which skops trusts.
TRUSTED = (
    *(f"{kind.__module__}.{kind.__name__}" for kind in (Voices, Vectors, Texts, TextColumn, CardLikeness, MetadataColumns)),
    *(f"{kind.__module__}.{kind.__name__}" for kind in (ClassMeans, NearestVotes, CardVotes, FineTuned)),
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.basic.Booster",
    "collections.OrderedDict",  # in which lightgbm keeps its figures
)
AGAIN = "Run the project again to train a new student."


@dataclass(frozen=True)
class LoadedStudent:
    """A student ready to score."""

    model: Voices
    card: Mapping[str, Any]

    @property
    def categories(self) -> list[str]:
        """List the category ids in the order of the probabilities."""
        return list(self.card["categories"])

    @property
    def names(self) -> list[str]:
        """List the category names in the order of the probabilities."""
        return list(self.card["names"])

    @property
    def features(self) -> frozenset[str]:
        """Name what any of the voices looks at."""
        return frozenset(name for voice in self.model.voices for name, _ in voice.steps[0][1].transformer_list)

    @property
    def needs_vectors(self) -> bool:
        """Say whether it looks at embeddings."""
        return bool(self.features & {"embedding", "cards"})

    @property
    def needs_text(self) -> bool:
        """Say whether it looks at words, or reads texts itself."""
        return bool(self.features & set(READ_FEATURES))

    @property
    def needs_metadata(self) -> bool:
        """Say whether it looks at columns beside the text."""
        return "metadata" in self.features

    def probabilities(self, inputs: Inputs) -> Floats:
        """Give the calibrated probability of each category for each document, (n, k)."""
        if not len(inputs):
            return np.zeros((0, len(self.categories)))
        if self.certainty is None:
            return self.model.predict_proba(inputs)
        logits = self.model.decision_function(inputs)
        return self.certainty.calibration.apply(logits, out=logits)

    @cached_property
    def certainty(self) -> Certainty | None:
        """Give what calibrates it, its sets and its least probability; None for a student saved without."""
        return Certainty.from_settings(self.card["certainty"]) if "certainty" in self.card else None

    @cached_property
    def novelty(self) -> Novelty | None:
        """Give what says how strange a document is; None for a student saved without."""
        return Novelty.from_arrays(self.model.novelty) if self.model.novelty else None


def save_student(folder: Path, model: Voices, about: Mapping[str, Any]) -> str:
    """Write a student so that a killed run leaves the old one, the new one or one that is refused, never a wrong one.

    :param about: what the card is to say: at least what `NEEDED` names, and whatever `model_card` knows. Numbers must be finite, as
        JSON has no others; None stands for a bound that there is not.
    :return: the sha256 of the model file.
    :raises ValueError: where the card lacks something, does not fit the model, or holds what JSON cannot.
    """
    import skops.io  # here, because it imports torch where there is one, which takes seconds

    if missing := [key for key in NEEDED if key not in about]:
        raise ValueError(f"The card of a student lacks {', '.join(missing)}; give all of {', '.join(NEEDED)}.")
    for key in ("categories", "names", "parents"):
        if len(about[key]) != len(model.classes_):
            raise ValueError(f"The model has {len(model.classes_)} classes, and the card {len(about[key])} {key}; give as many.")
    folder.mkdir(parents=True, exist_ok=True)
    packed = pack(model)
    layers, encoder = take_layers(packed) or (None, None)
    data = skops.io.dumps(packed, compression=zipfile.ZIP_DEFLATED)
    digest = hashlib.sha256(data).hexdigest()
    facts = {key: value for key, value in about.items() if key not in OWN}
    card = {"format": FORMAT, **facts, **({"encoder": encoder} if encoder else {}), "libraries": _libraries(model), "sha256": digest}
    written = _sealed(card)
    if layers is not None:
        _replace(folder / LAYERS, layers)
    _replace(folder / MODEL, data)
    _replace(folder / README, model_card(json.loads(written)).encode())
    _replace(folder / CARD, written)
    return digest


def amend_card(folder: Path, facts: Mapping[str, Any]) -> None:
    """Add to a student's card what became known after it was trained, as its metrics, and write the README anew; the model stays.

    :raises ValueError: where a fact would say something else of the model than what it was saved with.
    :raises ArtefactError: where the card is missing or damaged.
    """
    if fixed := [key for key in facts if key in (*NEEDED, *OWN)]:
        raise ValueError(f"{', '.join(fixed)} belong to the model and cannot be changed; save the student anew.")
    written = _sealed({**_read_card(folder), **facts})
    _replace(folder / README, model_card(json.loads(written)).encode())
    _replace(folder / CARD, written)


def load_student(folder: Path, *, sha256: str | None = None, embedder_id: str | None = None) -> LoadedStudent:
    """Read a student back.

    :param sha256: what the model file must hash to, where the caller knows it from elsewhere.
    :param embedder_id: the embedder whose vectors it will get, where the caller knows.
    :raises ArtefactError: when a part is missing, damaged, of another student, of another version of scikit-learn, or not to be trusted;
        or when the student learnt on vectors of another embedder.
    """
    card = _read_card(folder)
    data = _read(folder / MODEL)
    found = hashlib.sha256(data).hexdigest()
    for expected in (card["sha256"], sha256 or found):
        if found != expected:
            raise ArtefactError(f"{folder / MODEL} is damaged or another student's: sha256 {found[:12]}…, expected {str(expected)[:12]}…. {AGAIN}")
    if embedder_id is not None and embedder_id != card["embedder_id"]:
        raise ArtefactError(
            f"The student in {folder} learnt on vectors of {card['embedder_id']}, and would get those of {embedder_id}."
            " Give it its own embedder, or run the project again to train one on yours."
        )
    student = LoadedStudent(_model(folder / MODEL, data, card), card)
    if "encoder" in card or "text" in student.features:
        give_layers(student.model, _read(folder / LAYERS), card.get("encoder", {}), said_by=str(folder / LAYERS))
    try:
        _ = student.certainty, student.novelty
    except REFUSED as error:
        raise ArtefactError(f"What the student in {folder} says of its certainty or novelty cannot be read: {error!r}. {AGAIN}") from error
    return student


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtefactError(f"{path.parent} is no student: {path.name} is missing. Run the project again to train one.") from error
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read: {error.strerror}. Correct its permissions, or run the project again.") from error


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    data = _read(path)
    try:
        card = json.loads(data)
        is_whole = isinstance(card, dict) and data == _sealed(card)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"The card {path} cannot be read: {error}. {AGAIN}") from error
    if not isinstance(card, dict):
        raise ArtefactError(f"The card {path} holds {type(card).__name__}, expected an object. {AGAIN}")
    if card.get("format") != FORMAT:
        stated = card.get("format", "none, as early versions of Linnaeus left it")
        raise ArtefactError(f"The student in {folder} is of format {stated}; expected {FORMAT}. {AGAIN}")
    if not is_whole:
        raise ArtefactError(f"The card {path} is not as it was written: its content has another sha256 than the one it states. {AGAIN}")
    if wrong := [key for key, kind in {**NEEDED, "libraries": dict, "sha256": str}.items() if not isinstance(card.get(key), kind)]:
        raise ArtefactError(f"The card {path} lacks {', '.join(wrong)}, or holds something else there. {AGAIN}")
    return card


def _model(path: Path, data: bytes, card: Mapping[str, Any]) -> Voices:
    made_by = str(card["libraries"].get("scikit-learn"))
    if made_by.split(".")[:2] != sklearn_version.split(".")[:2]:
        wanted = ".".join(made_by.split(".")[:2])
        raise ArtefactError(
            f"{path} was written with scikit-learn {made_by}, and {sklearn_version} is installed, which may read it wrongly."
            f" Install scikit-learn=={wanted}.*, or run the project again to train a new student."
        )
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # of the last part of the version
            model = skops.io.loads(data, trusted=list(TRUSTED))
        if not isinstance(model, Voices):
            raise ArtefactError(f"{path} holds something other than a student: a {type(model).__name__}, expected Voices.")
        _check(path, unpack(model), card)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise ArtefactError(f"{path} needs the package {package}, which is not installed. Install it: pip install {package}.") from error
    except REFUSED as error:
        raise ArtefactError(f"{path} holds something other than a student: {error}") from error
    return model


# What skops and zipfile raise at content that was made to be wrong; damage is found before, by the sha256.
REFUSED = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, OSError, EOFError, ImportError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def _check(path: Path, model: Voices, card: Mapping[str, Any]) -> None:
    for voice in model.voices:
        if not isinstance(voice, Pipeline) or not isinstance(voice.steps[0][1], FeatureUnion):
            raise ArtefactError(
                f"{path} holds something other than a student: a voice is a {type(voice).__name__}, expected features and a classifier."
            )
    sizes = {"classes": len(model.classes_), "categories": len(card["categories"]), "names": len(card["names"])}
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"{size} {what}" for what, size in sizes.items())
        raise ArtefactError(f"{path} and its card do not belong together: {found}; expected as many of each. {AGAIN}")


def _libraries(model: Voices) -> dict[str, str]:
    names = ["scikit-learn", "numpy", "scipy", "skops"]
    if any(type(step).__module__.startswith("lightgbm") for voice in model.voices for _, step in voice.steps):
        names.append("lightgbm")
    names += ["torch", "sentence-transformers"] * any(isinstance(step, FineTuned) for voice in model.voices for _, step in voice.steps)
    return {"linnaeus": __version__, "python": platform.python_version(), **{name: metadata.version(name) for name in names}}


def _sealed(card: Mapping[str, Any]) -> bytes:
    """Write a card with the sha256 of its other entries as the last one."""
    content = {key: value for key, value in card.items() if key != SEAL}
    return _as_json({**content, SEAL: hashlib.sha256(_as_json(content)).hexdigest()})


def _as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"A card holds JSON; found a {type(value).__name__}: {value!r}.")


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)  # there only where it failed
