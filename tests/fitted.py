"""Small fitted students over texts, vectors and metadata that three categories are told apart by, and the facts of their cards."""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import Pipeline

from pipeline.embedding import Matrix
from pipeline.students import fit_certainty, save_student
from pipeline.students.estimators import make_estimator
from pipeline.students.features import feature_step
from pipeline.students.inputs import Inputs
from pipeline.students.voices import Voices

CATEGORIES, NAMES = ["cat:a", "cat:b", "cat:c"], ["Late Parcels", "Refunds", "Login | Trouble"]
WORDS = ("late parcel courier delivery tracking", "refund invoice money card charged", "login password account locked code")
PER_CATEGORY = 12
PARTS = ["model.skops", "card.json"]  # files of a saved student
ABOUT: dict[str, Any] = {
    "classifier_id": "student:1",
    "taxonomy_id": "taxonomy:1",
    "categories": CATEGORIES,
    "names": NAMES,
    "parents": [["Shop"], ["Shop", "Money"], []],
    "embedder": "hashed",
    "embedder_id": "hashed@1",
    "voices": [{"name": "all", "kind": "logistic_regression", "features": ["embedding"], "widened": "none", "settings": {"C": 1.0}, "weight": 1.0}],
    "trained_on": 36,
    "training_ids_hash": "ids:1",
    "seed": 1,
}


class HashedEmbedder:
    """Hashed words as unit vectors; notes how many texts it was given at once. Implements `Embedder`."""

    embedder_id = "hashed@1"

    def __init__(self) -> None:
        self._vectorizer = HashingVectorizer(n_features=24, alternate_sign=False, norm=None)
        self.batches: list[int] = []

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Count hashed words."""
        self.batches.append(len(texts))
        counts = self._vectorizer.transform(list(texts)).toarray() + 0.1
        return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True), dtype=np.float32)


def example_texts(per_category: int = PER_CATEGORY, *, seed: int = 0) -> list[str]:
    """Draw texts, category by category."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(words.split(), 4)) + f" {number}" for words in WORDS for number in range(per_category)]


def example_inputs(per_category: int = PER_CATEGORY, *, seed: int = 0) -> Inputs:
    """Embed texts, and give each a number and a value beside it that tell the categories apart."""
    texts = example_texts(per_category, seed=seed)
    places = np.repeat(np.arange(3), per_category).tolist()
    return Inputs(
        HashedEmbedder().embed(texts), texts, [{"size": float(place), "shop": "abc"[place], "when": "2026-01-05T10:00:00"} for place in places]
    )


def fitted_voice(kind: str, features: Sequence[str], *, classes: Sequence[int] = (0, 1, 2), **settings: Any) -> Pipeline:
    """Fit one classifier on the examples of some classes."""
    inputs, places = example_inputs(), np.repeat(np.arange(3), PER_CATEGORY)
    rows = np.flatnonzero(np.isin(places, classes))
    cards = np.stack([inputs.vectors[places == place].mean(axis=0) for place in range(3)])
    usual = {"mlp": {"hidden_layer_sizes": (8,)}, "neighbours": {"neighbours": 5}, "lightgbm": {"n_estimators": 5}}.get(kind, {})
    classifier = make_estimator(kind, {**usual, **settings}, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of a perceptron on three dozen texts
        return Pipeline([("features", feature_step(features, cards=cards)), ("classifier", classifier)]).fit(inputs.take(rows), places[rows])


def fitted_student(*voices: Pipeline) -> Voices:
    """Hear classifiers together; one logistic regression on the embedding when none is given."""
    heard = voices or (fitted_voice("logistic_regression", ["embedding"]),)
    return Voices(list(heard), [1.5 / len(heard)] * len(heard), np.arange(3))


def save_student_of_words(folder: Path) -> Path:
    """Save a student that looks at words alone, and so needs no embedder; it says how sure it is."""
    model, truth = fitted_student(fitted_voice("logistic_regression", ["words"])), np.eye(3)[np.repeat(np.arange(3), 40)]
    unseen = model.decision_function(example_inputs(40, seed=3))
    certainty, _ = fit_certainty(unseen, truth, known=np.ones(120, dtype=bool), level=0.9, risk=0.1, seed=1)
    save_student(folder, model, {**ABOUT, "certainty": certainty.as_settings()})
    return folder


def seal(folder: Path, card: Mapping[str, Any]) -> None:
    """Write a card as one who knows the format would: the last entry is the sha256 of all others."""
    content = {key: value for key, value in card.items() if key != "card_sha256"}
    digest = hashlib.sha256(json.dumps(content, indent=2, ensure_ascii=False).encode()).hexdigest()
    (folder / "card.json").write_text(json.dumps({**content, "card_sha256": digest}, indent=2, ensure_ascii=False), encoding="utf-8")


def card_of(folder: Path) -> dict[str, Any]:
    """Read the card of a saved student."""
    return dict(json.loads((folder / "card.json").read_text(encoding="utf-8")))


def plant(folder: Path, data: bytes) -> None:
    """Exchange the model for other content, with a card that fits it."""
    (folder / "model.skops").write_bytes(data)
    seal(folder, {**card_of(folder), "sha256": hashlib.sha256(data).hexdigest()})


def save_two_voices(folder: Path) -> Path:
    """Save a student of two voices there."""
    save_student(folder, fitted_student(fitted_voice("logistic_regression", ["embedding"]), fitted_voice("class_means", ["embedding"])), ABOUT)
    return folder
