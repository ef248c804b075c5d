"""A student comes back from its folder as it was saved."""

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import __version__ as sklearn_version
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from pipeline.errors import ArtefactError
from pipeline.students import amend_card, fit_novelty, load_student, save_student
from pipeline.students.inputs import Inputs
from pipeline.students.packing import pack, unpack
from pipeline.students.voices import Voices
from tests.fitted import ABOUT, CATEGORIES, NAMES, PARTS, card_of, example_inputs, fitted_student, fitted_voice, plant, save_two_voices, seal

TEXTS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text that is drawn builds tables
KINDS = [
    ("logistic_regression", ("embedding",)),
    ("logistic_regression", ("embedding", "words", "characters", "cards", "metadata")),
    ("mlp", ("embedding",)),
    ("neighbours", ("embedding",)),
    ("class_means", ("embedding",)),
    ("cards", ("cards",)),
    ("lightgbm", ("embedding", "metadata")),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_two_voices(tmp_path_factory.mktemp("student"))


@pytest.fixture
def saved(tmp_path: Path, whole: Path) -> Path:
    for part in PARTS:
        (tmp_path / part).write_bytes((whole / part).read_bytes())
    return tmp_path


@pytest.mark.parametrize(("kind", "features"), KINDS, ids=lambda part: part if isinstance(part, str) else "+".join(part))
def test_every_kind_of_student_comes_back_as_it_was_saved(tmp_path: Path, kind: str, features: tuple[str, ...]) -> None:
    if kind == "lightgbm":
        pytest.importorskip("lightgbm")
    model = fitted_student(fitted_voice(kind, features))
    inputs, before = example_inputs(4, seed=5), example_inputs(4, seed=5)
    expected = model.predict_proba(inputs)
    digest = save_student(tmp_path, model, ABOUT)
    student = load_student(tmp_path, sha256=digest, embedder_id="hashed@1")
    assert np.array_equal(student.probabilities(inputs), expected)
    assert np.array_equal(model.predict_proba(before), expected), "saving left the model as it was"
    assert student.probabilities(inputs).sum(axis=1) == pytest.approx(np.ones(12))
    assert (student.categories, student.names) == (CATEGORIES, NAMES)
    assert student.features == set(features)
    assert student.needs_text == ("words" in features)
    assert student.needs_metadata == ("metadata" in features)
    assert student.needs_vectors
    assert ("lightgbm" in student.card["libraries"]) == (kind == "lightgbm")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "card.json", "model.skops"], "no half-written file is left"


def test_what_training_documents_look_like_comes_back_too(tmp_path: Path) -> None:
    model, inputs = fitted_student(), example_inputs(20)
    novelty = fit_novelty(inputs.vectors, seed=1)
    model.novelty = novelty.as_arrays()
    save_student(tmp_path, model, ABOUT)
    found = load_student(tmp_path).novelty
    assert found is not None
    assert np.array_equal(found.score(inputs.vectors), novelty.score(inputs.vectors))
    plant(tmp_path, skops.io.dumps(Voices([], [], np.arange(3), {"centres": inputs.vectors})))
    with pytest.raises(ArtefactError, match="certainty or novelty cannot be read"):
        load_student(tmp_path)


def test_of_no_document_there_are_no_probabilities(whole: Path) -> None:
    assert load_student(whole).probabilities(Inputs(np.zeros((0, 24), dtype=np.float32))).shape == (0, 3)


def test_the_card_says_what_the_numbers_mean_and_what_made_them(whole: Path) -> None:
    card = card_of(whole)
    assert {key: card[key] for key in ABOUT} == ABOUT
    assert {"linnaeus", "python", "scikit-learn", "numpy", "scipy", "skops"} == set(card["libraries"])
    assert card["libraries"]["scikit-learn"] == sklearn_version
    assert card["sha256"] == hashlib.sha256((whole / "model.skops").read_bytes()).hexdigest()


def test_numbers_of_numpy_become_those_of_json(tmp_path: Path) -> None:
    about = {**ABOUT, "calibration": {"error": np.float32(0.5), "n": np.int64(3)}, "voices": [{"features": ("cards",), "kind": "cards", "weight": 1}]}
    save_student(tmp_path, fitted_student(), {**about, "conformal": {"quantiles": np.array([0.1, 0.2])}})
    card = load_student(tmp_path).card
    assert (card["calibration"], card["conformal"]) == ({"error": 0.5, "n": 3}, {"quantiles": [0.1, 0.2]})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"names": ["A"]}, "3 classes, and the card 1 names"),
        ({"categories": []}, "3 classes, and the card 0 categories"),
        ({"thresholds": {"low": float("inf")}}, "not JSON compliant"),
    ],
)
def test_a_card_that_does_not_fit_is_not_written(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        save_student(tmp_path, fitted_student(), {**ABOUT, **changes})
    with pytest.raises(ValueError, match="lacks categories, seed"):
        save_student(tmp_path, fitted_student(), {key: value for key, value in ABOUT.items() if key not in {"categories", "seed"}})
    assert list(tmp_path.iterdir()) == []


def test_words_take_little_room_and_are_kept_once_for_all_voices_that_share_them(tmp_path: Path) -> None:
    words = TfidfVectorizer(dtype=np.float32).fit([f"word{number} other{number}" for number in range(4000)])
    union = FeatureUnion([("words", words)])
    voices = [Pipeline([("features", union), ("classifier", LogisticRegression())]) for _ in range(2)]
    save_student(tmp_path, Voices(voices, [1.0, 1.0], np.arange(3)), ABOUT)
    assert (tmp_path / "model.skops").stat().st_size < 8000 * 8, "skops alone takes a thousand bytes for each of the 8000 words"
    first, second = load_student(tmp_path).model.voices
    assert first.steps[0][1] is second.steps[0][1]
    assert first.steps[0][1].transformer_list[0][1].vocabulary_ == words.vocabulary_


@given(st.lists(st.text(), unique=True, min_size=1))
@TEXTS
def test_any_words_survive_being_packed(words: list[str]) -> None:
    vectorizer = TfidfVectorizer()
    vectorizer.vocabulary_ = {word: place for place, word in enumerate(words)}
    model = Voices([Pipeline([("features", FeatureUnion([("words", vectorizer)]))])], [1.0], [0])
    packed = pack(model)
    assert isinstance(vectorizer.vocabulary_, dict), "the model itself stays as it is"
    assert unpack(packed).voices[0].steps[0][1].transformer_list[0][1].vocabulary_ == vectorizer.vocabulary_


def test_another_patch_of_scikit_learn_is_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ".".join([*sklearn_version.split(".")[:2], "99"])
    monkeypatch.setattr("sklearn.base.__version__", other)
    save_student(tmp_path, fitted_student(), ABOUT)
    monkeypatch.undo()
    seal(tmp_path, {**card_of(tmp_path), "libraries": {"scikit-learn": other}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_student(tmp_path).categories == CATEGORIES


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_a_run_that_ends_while_writing_leaves_no_wrong_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
    old, new = fitted_student(), fitted_student(fitted_voice("class_means", ["embedding"]))
    save_student(tmp_path, old, {**ABOUT, "classifier_id": "student:old"})
    done, real = [], os.replace

    def replace(source: str, target: Path) -> None:
        if len(done) == turn:
            raise OSError("no space left")
        done.append(target)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="no space left"):
        save_student(tmp_path, new, {**ABOUT, "classifier_id": "student:new"})
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "card.json", "model.skops"]
    inputs = example_inputs(3, seed=8)
    if turn == 0:
        student = load_student(tmp_path)
        assert student.card["classifier_id"] == "student:old"
        assert np.array_equal(student.probabilities(inputs), old.predict_proba(inputs))
        return
    with pytest.raises(ArtefactError, match="is damaged or another student's"):
        load_student(tmp_path)


def test_what_is_known_later_is_added_to_the_card_and_the_model_stays(saved: Path) -> None:
    model = (saved / "model.skops").read_bytes()
    amend_card(saved, {"metrics": [{"metric": "accuracy", "value": 0.75, "low": 0.7, "high": 0.8, "n": 40, "judge": "gold labels"}]})
    assert load_student(saved).card["metrics"][0]["value"] == 0.75
    assert "| accuracy | 0.750 | 0.700 to 0.800 | 40 | gold labels |" in (saved / "README.md").read_text(encoding="utf-8")
    assert (saved / "model.skops").read_bytes() == model
    with pytest.raises(ValueError, match="names, sha256 belong to the model"):
        amend_card(saved, {"names": ["X", "Y", "Z"], "sha256": "0"})
    (saved / "card.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ArtefactError):
        amend_card(saved, {"metrics": []})
