"""A student's ONNX form gives the same probabilities, or is not written."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ArtefactError
from pipeline.students import export, export_onnx, fit_certainty, load_student, save_student
from pipeline.students.calibration import Calibration, Method
from pipeline.students.inputs import Inputs
from pipeline.students.voices import Voices
from tests.fitted import ABOUT, CATEGORIES, NAMES, example_inputs, fitted_student, fitted_voice

needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="the extra onnx is not installed: pip install 'linnaeus[onnx]'")

VOICES = [
    [("logistic_regression", ["embedding"])],
    [("logistic_regression", ["embedding", "cards"])],
    [("logistic_regression", ["cards", "embedding"])],
    [("mlp", ["embedding"])],
    [("class_means", ["embedding"])],
    [("class_means", ["embedding", "cards"])],
    [("cards", ["cards"])],
    [("logistic_regression", ["embedding"]), ("cards", ["cards"]), ("class_means", ["embedding"])],
]


def runs(path: Path) -> list[Any]:
    """Give what runs a file: onnx's own evaluator, and the runtime where it is installed."""
    from onnx.reference import ReferenceEvaluator

    found = [ReferenceEvaluator(str(path))]
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return found
    return [*found, onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])]


def vectors_of(kind: str, count: int = 200) -> Inputs:
    if kind == "documents":
        return example_inputs(count // 3, seed=6)
    drawn = np.random.default_rng(1).normal(size=(count, 24))
    return Inputs(np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32))


def assert_same(model: Voices, folder: Path, **facts: Any) -> None:
    save_student(folder / "student", model, {**ABOUT, **facts})
    export_onnx(folder / "student", folder / "out" / "student.onnx")
    assert [path.name for path in (folder / "out").iterdir()] == ["student.onnx"]
    for run in runs(folder / "out" / "student.onnx"):
        for inputs in (vectors_of("documents"), vectors_of("drawn"), vectors_of("drawn", 1)):
            found = run.run(["probabilities"], {"vectors": inputs.vectors})[0]
            assert found == pytest.approx(load_student(folder / "student").probabilities(inputs), abs=1e-5)


@needs_onnx
@pytest.mark.parametrize("parts", VOICES, ids=lambda parts: "-".join(f"{kind}[{'+'.join(features)}]" for kind, features in parts))
def test_probabilities_are_equal(tmp_path: Path, parts: list[tuple[str, list[str]]]) -> None:
    assert_same(fitted_student(*(fitted_voice(kind, features) for kind, features in parts)), tmp_path)


@needs_onnx
@pytest.mark.parametrize("kind", ["logistic_regression", "mlp", "class_means"])
def test_a_voice_that_knows_two_of_three_categories_is_heard_on_those(tmp_path: Path, kind: str) -> None:
    assert_same(fitted_student(fitted_voice(kind, ["embedding"], classes=(0, 2)), fitted_voice("cards", ["cards"])), tmp_path)


@needs_onnx
@pytest.mark.parametrize("weights", [[10.0, 10.0], [0.0, 0.1], [0.0, 0.0]])
def test_any_weights_give_equal_probabilities(tmp_path: Path, weights: list[float]) -> None:
    voices = [fitted_voice("logistic_regression", ["embedding"], C=100.0), fitted_voice("class_means", ["embedding"], sharpness=100.0)]
    assert_same(Voices(voices, weights, np.arange(3)), tmp_path)


def certainty_of(method: Method, parameters: tuple[float, ...], *, fitted_on: int = 300) -> dict[str, Any]:
    """Give a certainty with a calibration of one method, as a card holds it."""
    random = np.random.default_rng(3)
    soft = np.eye(3)[random.integers(0, 3, 60)]
    found, _ = fit_certainty(np.log(0.7 * soft + 0.1), soft, known=np.ones(60, dtype=bool), level=0.9, risk=0.2, seed=1)
    return {**found.as_settings(), "calibration": Calibration(method, parameters, fitted_on).as_settings()}


@needs_onnx
@pytest.mark.parametrize(
    ("method", "parameters", "fitted_on"),
    [
        ("none", (), 0),
        ("temperature", (2.5,), 300),
        ("temperature", (0.3,), 300),
        ("platt", (0.8, 0.4), 300),
        ("platt", (2.0, 3.0), 8),
        ("platt", (0.0, -3.0), 300),
    ],
)
def test_calibrated_probabilities_are_equal(tmp_path: Path, method: Method, parameters: tuple[float, ...], fitted_on: int) -> None:
    model = fitted_student(fitted_voice("logistic_regression", ["embedding"]), fitted_voice("cards", ["cards"]))
    assert_same(model, tmp_path, certainty=certainty_of(method, parameters, fitted_on=fitted_on))
    plain = model.predict_proba(vectors_of("drawn"))
    assert (method == "none") == np.allclose(load_student(tmp_path / "student").probabilities(vectors_of("drawn")), plain, atol=1e-3)


@needs_onnx
def test_a_calibration_by_steps_is_refused(tmp_path: Path) -> None:
    save_student(tmp_path, fitted_student(), {**ABOUT, "certainty": certainty_of("isotonic", (0.2, 0.9, 0.1, 0.95))})
    with pytest.raises(ArtefactError, match="calibrated by the method isotonic has no form in ONNX here"):
        export_onnx(tmp_path, tmp_path / "student.onnx")


@needs_onnx
def test_the_file_names_its_categories_and_embedder(tmp_path: Path) -> None:
    import onnx

    save_student(tmp_path, fitted_student(), ABOUT)
    export_onnx(tmp_path, tmp_path / "student.onnx")
    model = onnx.load(tmp_path / "student.onnx")
    said = {one.key: one.value for one in model.metadata_props}
    assert (said["classifier_id"], said["embedder_id"]) == ("student:1", "hashed@1")
    assert (json.loads(said["categories"]), json.loads(said["names"])) == (CATEGORIES, NAMES)
    assert [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim] == [0, 24]


@needs_onnx
@pytest.mark.parametrize(
    ("kind", "features", "said"),
    [
        ("logistic_regression", ["embedding", "words"], r"looks at words, and an ONNX file takes vectors alone\. Train one with"),
        ("logistic_regression", ["characters", "metadata"], "looks at characters, metadata"),
        ("lightgbm", ["embedding"], "A LGBMClassifier has no form in ONNX here"),
        ("neighbours", ["embedding"], "A NearestVotes has no form in ONNX here"),
    ],
)
def test_a_student_that_has_no_such_form_is_refused_by_name(tmp_path: Path, kind: str, features: list[str], said: str) -> None:
    if kind == "lightgbm":
        pytest.importorskip("lightgbm")
    save_student(tmp_path, fitted_student(fitted_voice(kind, features)), ABOUT)
    with pytest.raises(ArtefactError, match=said):
        export_onnx(tmp_path, tmp_path / "student.onnx")
    assert not (tmp_path / "student.onnx").exists()


@needs_onnx
def test_a_form_that_would_differ_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_student(tmp_path, fitted_student(), ABOUT)
    monkeypatch.setattr(export, "TOLERANCE", 1e-12)
    with pytest.raises(ArtefactError, match=r"apart; expected at most 1e-12\. Nothing was kept"):
        export_onnx(tmp_path, tmp_path / "student.onnx")
    assert not (tmp_path / "student.onnx").exists()


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ArtefactError, match=r"pip install 'linnaeus\[onnx\]'"):
        export_onnx(tmp_path, tmp_path / "student.onnx")
