"""A student comes back from its folder as it was saved, or not at all."""

import hashlib
import io
import json
import os
import pickle
import sys
import warnings
import zipfile
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
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from pipeline.errors import ArtefactError
from pipeline.students import amend_card, fit_novelty, load_student, save_student
from pipeline.students.inputs import Inputs
from pipeline.students.packing import pack, unpack
from pipeline.students.voices import Voices
from tests.fitted import ABOUT, CATEGORIES, NAMES, example_inputs, fitted_student, fitted_voice, seal

TEXTS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text that is drawn builds tables
PARTS = ["model.skops", "card.json"]
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
    folder = tmp_path_factory.mktemp("student")
    save_student(folder, fitted_student(fitted_voice("logistic_regression", ["embedding"]), fitted_voice("class_means", ["embedding"])), ABOUT)
    return folder


@pytest.fixture
def saved(tmp_path: Path, whole: Path) -> Path:
    for part in PARTS:
        (tmp_path / part).write_bytes((whole / part).read_bytes())
    return tmp_path


def card_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "card.json").read_text(encoding="utf-8")))


def plant(folder: Path, data: bytes) -> None:
    """Exchange the model for other content, with a card that fits it."""
    (folder / "model.skops").write_bytes(data)
    seal(folder, {**card_of(folder), "sha256": hashlib.sha256(data).hexdigest()})


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


@pytest.mark.parametrize("certainty", [{}, [], {"calibration": {}, "conformal": {}, "abstention": {}}])
def test_a_certainty_that_cannot_be_read_is_refused(saved: Path, certainty: Any) -> None:
    seal(saved, {**card_of(saved), "certainty": certainty})
    with pytest.raises(ArtefactError, match="certainty or novelty cannot be read"):
        load_student(saved)


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


def changed(data: bytes) -> st.SearchStrategy[bytes]:
    place = st.integers(0, len(data) - 1)
    flipped = st.builds(lambda at, by: data[:at] + bytes([data[at] ^ by]) + data[at + 1 :], place, st.integers(1, 255))
    cut = st.builds(lambda at: data[:at], place)
    longer = st.builds(lambda more: data + more, st.binary(min_size=1, max_size=9))
    doubled = st.builds(lambda at: data[:at] + data[at : at + 1] + data[at:], place)
    return st.one_of(flipped, cut, longer, doubled)


@pytest.mark.parametrize("part", PARTS)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_change_of_a_byte_any_cut_and_any_addition_is_refused(whole: Path, part: str, data: st.DataObject) -> None:
    kept = (whole / part).read_bytes()
    try:
        (whole / part).write_bytes(data.draw(changed(kept)))
        with pytest.raises(ArtefactError):
            load_student(whole)
    finally:
        (whole / part).write_bytes(kept)


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_named(saved: Path, part: str) -> None:
    (saved / part).unlink()
    with pytest.raises(ArtefactError, match=f"{part} is missing"):
        load_student(saved)
    with pytest.raises(ArtefactError, match=r"card\.json is missing"):
        load_student(saved / "nowhere")


def test_a_part_that_is_no_file_is_refused(saved: Path) -> None:
    (saved / "model.skops").unlink()
    (saved / "model.skops").mkdir()
    with pytest.raises(ArtefactError, match=r"model\.skops cannot be read"):
        load_student(saved)


def test_another_students_model_is_refused(saved: Path) -> None:
    with pytest.raises(ArtefactError, match="is damaged or another student's"):
        load_student(saved, sha256="0" * 64)


@pytest.mark.parametrize("card", ["{", "", "\xff", '{"a": Infinity}', "[" * 100_000])
def test_a_card_that_cannot_be_read_is_refused(saved: Path, card: str) -> None:
    (saved / "card.json").write_bytes(card.encode("latin-1"))
    with pytest.raises(ArtefactError, match=r"card\.json cannot be read"):
        load_student(saved)


@pytest.mark.parametrize("card", ["[]", "1", '"x"', "null"])
def test_a_card_that_is_no_object_is_refused(saved: Path, card: str) -> None:
    (saved / "card.json").write_text(card, encoding="utf-8")
    with pytest.raises(ArtefactError, match="expected an object"):
        load_student(saved)


def test_a_card_whose_content_was_changed_is_refused(saved: Path) -> None:
    (saved / "card.json").write_text(json.dumps({**card_of(saved), "names": ["B", "A", "C"]}, indent=2, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(ArtefactError, match="not as it was written"):
        load_student(saved)


@pytest.mark.parametrize("stated", [{"format": 1}, {"format": None}])
def test_a_folder_of_another_format_is_refused_with_what_to_do(saved: Path, stated: dict[str, Any]) -> None:
    seal(saved, {**card_of(saved), **stated})
    with pytest.raises(ArtefactError, match=r"is of format .*; expected 2\. Run the project again"):
        load_student(saved)


@pytest.mark.parametrize("changes", [{"names": "ABC"}, {"libraries": []}, {"sha256": None}, {"embedder": 3}])
def test_a_card_with_the_wrong_kind_of_entry_is_refused(saved: Path, changes: dict[str, Any]) -> None:
    seal(saved, {**card_of(saved), **changes})
    with pytest.raises(ArtefactError, match=f"lacks {next(iter(changes))}"):
        load_student(saved)


def test_a_card_of_other_categories_is_refused(saved: Path) -> None:
    seal(saved, {**card_of(saved), "names": ["A", "B"]})
    with pytest.raises(ArtefactError, match="3 classes, 3 categories, 2 names; expected as many of each"):
        load_student(saved)


def test_another_scikit_learn_is_refused_with_both_versions(saved: Path) -> None:
    seal(saved, {**card_of(saved), "libraries": {"scikit-learn": "1.2.3"}})
    with pytest.raises(
        ArtefactError, match=rf"written with scikit-learn 1\.2\.3, and {sklearn_version} is installed.*Install scikit-learn==1\.2\.\*"
    ):
        load_student(saved)
    seal(saved, {**card_of(saved), "libraries": {}})
    with pytest.raises(ArtefactError, match="written with scikit-learn None"):
        load_student(saved)


def test_another_patch_of_scikit_learn_is_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ".".join([*sklearn_version.split(".")[:2], "99"])
    monkeypatch.setattr("sklearn.base.__version__", other)
    save_student(tmp_path, fitted_student(), ABOUT)
    monkeypatch.undo()
    seal(tmp_path, {**card_of(tmp_path), "libraries": {"scikit-learn": other}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_student(tmp_path).categories == CATEGORIES


def test_another_embedder_is_refused(whole: Path) -> None:
    with pytest.raises(ArtefactError, match=r"vectors of hashed@1, and would get those of hashed@2\. Give it its own embedder"):
        load_student(whole, embedder_id="hashed@2")


def test_a_package_that_the_model_needs_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightgbm")
    save_student(tmp_path, fitted_student(fitted_voice("lightgbm", ["embedding"])), ABOUT)
    for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ArtefactError, match=r"needs the package lightgbm, which is not installed\. Install it: pip install lightgbm"):
        load_student(tmp_path)


def hiding(func: Any) -> Voices:
    """Hide a function in a student, where a feature would be."""
    feature = FeatureUnion([("embedding", FunctionTransformer(func=func))])
    return Voices([Pipeline([("features", feature), ("classifier", LogisticRegression())])], [1.0], np.arange(3))


@pytest.mark.parametrize("func", [Path.unlink, os.system, eval])
def test_content_that_could_run_code_is_refused(saved: Path, func: Any) -> None:
    plant(saved, skops.io.dumps(hiding(func)))
    with pytest.raises(ArtefactError, match="something other than a student"):
        load_student(saved)


class Spiteful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_a_pickle_is_refused_and_not_run(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)
    plant(saved, pickle.dumps(Spiteful()))
    with pytest.raises(ArtefactError, match="something other than a student"):
        load_student(saved)
    assert not (saved / "ran").exists()


@pytest.mark.parametrize(
    "other",
    [
        DecisionTreeClassifier().fit([[0], [1]], [0, 1]),
        LogisticRegression().fit([[0], [1]], [0, 1]),
        Voices([LogisticRegression().fit([[0], [1]], [0, 1])], [1.0], np.arange(3)),
        Voices([Pipeline([("classifier", LogisticRegression())])], [1.0], np.arange(3)),
        Voices([Pipeline([])], [1.0], np.arange(3)),
        Voices(3, [1.0], np.arange(3)),
        {"voices": []},
    ],
    ids=lambda other: type(other).__name__,
)
def test_a_model_of_another_kind_is_refused(saved: Path, other: Any) -> None:
    plant(saved, skops.io.dumps(other))
    with pytest.raises(ArtefactError, match="something other than a student"):
        load_student(saved)


def test_a_zip_that_is_no_student_is_refused(saved: Path) -> None:
    for schema in ("{}", "[]", "{", '{"__class__": "Voices", "__module__": "pipeline.students.voices", "__loader__": "ObjectNode", "__id__": 1}'):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("schema.json", schema)
        plant(saved, buffer.getvalue())
        with pytest.raises(ArtefactError, match="something other than a student"):
            load_student(saved)


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
