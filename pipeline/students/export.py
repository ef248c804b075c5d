"""A student as an ONNX graph from vectors to probabilities, for programs that run no Python; the extra `onnx` brings what it needs.

The graph is written by hand, as the voices are few and small. It computes in float64, so that the student's own rounding, in float32,
is all that the two differ by.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import normalize

from pipeline.errors import ArtefactError
from pipeline.students import calibration, voices
from pipeline.students.artefact import LoadedStudent, load_student
from pipeline.students.inputs import Inputs
from pipeline.students.means import CardVotes, ClassMeans

__all__ = ["export_onnx"]

Array = npt.NDArray[Any]
OPSET, IR_VERSION = 17, 8  # of 2022, which every runtime in use reads
VECTORS, PROBABILITIES = "vectors", "probabilities"
TRIED, TOLERANCE = 64, 1e-5  # vectors that an export is tried on, and how far any probability may differ
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity"}


def export_onnx(folder: Path, output: Path) -> None:
    """Write a student as one ONNX file: `vectors` (n, d) of its embedder in, `probabilities` (n, k) out, equal to 1e-5.

    The file's metadata name the classifier, the embedder, and the categories in the order of the probabilities.

    :raises ArtefactError: when the folder is no whole student, or the student looks at more than vectors, holds trees or neighbours;
        when it is calibrated by steps, or when the packages of the extra are not installed.
    """
    try:
        import onnx
        from onnx.reference import ReferenceEvaluator
    except ModuleNotFoundError as error:
        raise ArtefactError("Writing ONNX needs the package onnx, which is not installed. Install it: pip install 'linnaeus[onnx]'.") from error
    student = load_student(folder)
    if others := sorted(student.features - {"embedding", "cards"}):
        raise ArtefactError(
            f"The student in {folder} looks at {', '.join(others)}, and an ONNX file takes vectors alone."
            " Train one with students.features [embedding, cards], or run this one with pipeline.students.load."
        )
    graph = _Graph()
    _add_student(graph, student)
    width = _width(student)
    inputs = [onnx.helper.make_tensor_value_info(VECTORS, onnx.TensorProto.FLOAT, ["n", width])]
    outputs = [onnx.helper.make_tensor_value_info(PROBABILITIES, onnx.TensorProto.FLOAT, ["n", len(student.categories)])]
    constants = [onnx.numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    nodes = [onnx.helper.make_node(op, given, [made], **more) for op, given, made, more in graph.nodes]
    body = onnx.helper.make_graph(nodes, "student", inputs, outputs, constants)
    model = onnx.helper.make_model(body, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="linnaeus")
    onnx.helper.set_model_props(model, {key: _text(student.card[key]) for key in ("classifier_id", "embedder_id", "categories", "names")})
    onnx.checker.check_model(model, full_check=True)
    directions = [value.T for value in graph.constants.values() if value.ndim == 2 and len(value) == width]
    _try(ReferenceEvaluator(model), student, np.vstack(directions), folder)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.part")
    partial.write_bytes(model.SerializeToString())
    os.replace(partial, output)


class _Graph:
    """Nodes and constants in the making; what is added gives the name of its value."""

    def __init__(self) -> None:
        self.nodes: list[tuple[str, Sequence[str], str, dict[str, Any]]] = []
        self.constants: dict[str, Array] = {}

    def constant(self, value: npt.ArrayLike, kind: type = np.float64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.array(value, dtype=kind, order="C")
        return name

    def add(self, op: str, *given: str, name: str = "", **more: Any) -> str:
        made = name or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append((op, given, made, more))
        return made


def _add_student(graph: _Graph, student: LoadedStudent) -> None:
    from onnx import TensorProto

    model, heard = student.model, []
    vectors = graph.add("Cast", VECTORS, to=TensorProto.DOUBLE)
    for voice, weight in zip(model.voices, model.weights, strict=True):
        probabilities = _add_classifier(graph, voice.steps[-1][1], _add_features(graph, voice, vectors))
        logits = graph.add("Log", graph.add("Add", probabilities, graph.constant(voices.LEAST)))
        # One column more for the classes that the voice never saw, then every class's column in its place.
        wider = graph.add("Pad", logits, graph.constant([0, 0, 0, 1], np.int64), graph.constant(np.log(voices.LEAST)))
        known = list(voice.steps[-1][1].classes_)
        columns = [known.index(place) if place in known else len(known) for place in model.classes_]
        placed = graph.add("Gather", wider, graph.constant(columns, np.int64), axis=1)
        heard.append(graph.add("Mul", placed, graph.constant(weight)))
    fitted = calibration.Calibration() if student.certainty is None else student.certainty.calibration
    graph.add("Cast", _add_calibration(graph, fitted, graph.add("Sum", *heard), len(model.classes_)), name=PROBABILITIES, to=TensorProto.FLOAT)


def _add_calibration(graph: _Graph, fitted: calibration.Calibration, logits: str, classes: int) -> str:
    """Do as `Calibration.apply` does."""
    if fitted.method == "none":
        return graph.add("Softmax", logits, axis=1)
    if fitted.method == "temperature":
        return graph.add("Softmax", graph.add("Div", logits, graph.constant(fitted.parameters[0])), axis=1)
    if fitted.method != "platt":
        # The steps of an isotonic calibration can be so steep that equality could not be promised.
        raise ArtefactError(
            f"A student that is calibrated by the method {fitted.method} has no form in ONNX here; none, temperature and platt have."
            " Run it with pipeline.students.load."
        )
    slope, intercept = fitted.parameters
    is_best = graph.add("Equal", graph.constant(range(classes), np.int64), graph.add("ArgMax", logits, axis=1, keepdims=1))
    others = graph.add("Where", is_best, graph.constant(-np.inf), logits)
    axis, one = graph.constant([1], np.int64), graph.constant(1.0)
    most = graph.add("ReduceMax", others, axes=[1], keepdims=1)
    parts = graph.add("Exp", graph.add("Sub", others, most))
    whole = graph.add("ReduceSum", parts, axis, keepdims=1)
    margin = graph.add("Sub", graph.add("ReduceMax", logits, axes=[1], keepdims=1), graph.add("Add", most, graph.add("Log", whole)))
    held = graph.add("Clip", margin, graph.constant(-calibration.SURE), graph.constant(calibration.SURE))
    sure = graph.add("Sigmoid", graph.add("Add", graph.add("Mul", held, graph.constant(slope)), graph.constant(intercept)))
    shares = graph.add("Div", parts, whole)
    second = graph.add("Mul", graph.add("ReduceMax", shares, axes=[1], keepdims=1), graph.constant(1 + calibration.LEAD))
    ahead = graph.add("Div", second, graph.add("Add", second, one))
    top = graph.add("Max", graph.add("Min", sure, graph.constant(1 - 1 / (fitted.fitted_on + 2))), ahead)
    return graph.add("Where", is_best, top, graph.add("Mul", graph.add("Sub", one, top), shares))


def _add_features(graph: _Graph, voice: Any, vectors: str) -> str:
    parts = [
        vectors if name == "embedding" else graph.add("MatMul", vectors, graph.constant(np.asarray(feature.cards).T))
        for name, feature in voice.steps[0][1].transformer_list
    ]
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _add_classifier(graph: _Graph, classifier: Any, rows: str) -> str:
    if isinstance(classifier, LogisticRegression):
        return graph.add("Softmax", _layer(graph, rows, *_every_class(classifier.coef_.T, classifier.intercept_)), axis=1)
    if isinstance(classifier, MLPClassifier):
        *hidden, last = zip(classifier.coefs_, classifier.intercepts_, strict=True)
        for weights, bias in hidden:
            rows = graph.add(ACTIVATIONS[classifier.activation], _layer(graph, rows, weights, bias))
        return graph.add("Softmax", _layer(graph, rows, *_every_class(*last)), axis=1)
    if isinstance(classifier, CardVotes):
        return graph.add("Softmax", graph.add("Mul", rows, graph.constant(classifier.sharpness)), axis=1)
    if isinstance(classifier, ClassMeans):
        cosines = graph.add("MatMul", graph.add("LpNormalization", rows, axis=1, p=2), graph.constant(classifier.means_.T))
        return graph.add("Softmax", graph.add("Mul", cosines, graph.constant(classifier.sharpness)), axis=1)
    # Nearest documents: which of two that are about as near is heard hangs on rounding, so that equality could not be promised.
    raise ArtefactError(
        f"A {type(classifier).__name__} has no form in ONNX here; students of logistic_regression, mlp, class_means and cards have."
        " Choose among those in students, or run this one with pipeline.students.load."
    )


def _layer(graph: _Graph, rows: str, weights: Array, bias: Array) -> str:
    return graph.add("Gemm", rows, graph.constant(weights), graph.constant(bias))


def _every_class(weights: Array, bias: Array) -> tuple[Array, Array]:
    """Give a layer a column for the first of two classes where scikit-learn keeps that of the second alone."""
    if weights.shape[1] > 1:
        return weights, bias
    return np.hstack([np.zeros_like(weights), weights]), np.concatenate([np.zeros_like(bias), bias])


def _width(student: LoadedStudent) -> int:
    """Give the length of the vectors that a student looks at."""
    voice = student.model.voices[0]
    classifier = voice.steps[-1][1]
    if cards := [feature.cards for name, feature in voice.steps[0][1].transformer_list if name == "cards"]:
        return int(np.shape(cards[0])[1])
    return int(classifier.means_.shape[1] if isinstance(classifier, ClassMeans) else classifier.n_features_in_)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _try(exported: Any, student: LoadedStudent, directions: Array, folder: Path) -> None:
    """Run the graph beside the student, on vectors around the directions that tell its categories apart.

    :raises ArtefactError: where they differ, which is a fault of Linnaeus.
    """
    random = np.random.default_rng(0)
    noise = random.normal(size=(TRIED, directions.shape[1])) / np.sqrt(directions.shape[1])
    vectors = np.asarray(normalize(normalize(directions)[random.integers(len(directions), size=TRIED)] + noise), dtype=np.float32)
    apart = float(np.abs(exported.run(None, {VECTORS: vectors})[0] - student.probabilities(Inputs(vectors))).max())
    if not apart <= TOLERANCE:
        raise ArtefactError(
            f"The ONNX form of {folder} gives probabilities that are {apart:.1e} apart; expected at most {TOLERANCE}. Nothing was kept."
        )
