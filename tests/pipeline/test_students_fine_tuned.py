"""A fine-tuned encoder: it learns what is planted, comes back from its folder as it was, and is refused where it is damaged."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load_file, save_file
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from pipeline.embedding import SentenceEmbedder, base_sha256, read_below
from pipeline.errors import ArtefactError, TrainingError
from pipeline.settings import load_project
from pipeline.student_settings import StudentSettings
from pipeline.students import Inputs, Material, candidates_of, export_onnx, learn, load, load_student, save_student
from pipeline.students.features import feature_step
from pipeline.students.fine_tuned import FineTuned
from pipeline.students.layers import LAYERS
from pipeline.students.voices import Voices
from tests.fitted import ABOUT, CATEGORIES, example_texts, fitted_student, fitted_voice, seal
from tests.tiny import run_all, tiny_rows, tiny_session, write_project

CALM = ("when does the", "could you tell me if the", "I would like to know when the")
CROSS = ("why on earth is the", "I am furious that the", "how dare the")
THINGS = ("parcel", "refund", "shop", "train", "plumber", "library", "soup", "invoice")


def tempers(things: tuple[str, ...] = THINGS) -> tuple[list[str], list[int]]:
    """Write texts that differ in manner within each subject, which the untouched model looks at first."""
    texts = [(f"{start} {thing} come", int(start in CROSS)) for thing in things for start in (*CALM, *CROSS)]
    return [text for text, _ in texts], [temper for _, temper in texts]


def column(texts: list[str]) -> Any:
    return np.array(texts, dtype=object)[:, None]


def inputs_of(texts: list[str]) -> Inputs:
    return Inputs(np.zeros((len(texts), 0), dtype=np.float32), texts)


@pytest.fixture(scope="module")
def fitted() -> FineTuned:
    texts, places = tempers()
    return FineTuned(epochs=1, layers=1, seed=3).fit(column(texts), [4 + place for place in places])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, places = tmp_path_factory.mktemp("student"), np.repeat(np.arange(3), 12)
    voice = Pipeline([("features", feature_step(["text"])), ("classifier", FineTuned(epochs=1, layers=1))])
    save_student(folder, Voices([voice.fit(inputs_of(example_texts()), places)], [1.2], np.arange(3)), ABOUT)
    return folder


@pytest.fixture
def saved(tmp_path: Path, whole: Path) -> Path:
    for part in whole.iterdir():
        (tmp_path / part.name).write_bytes(part.read_bytes())
    return tmp_path


def card_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "card.json").read_text(encoding="utf-8")))


# --- what it learns --------------------------------------------------------------------------------------------------


def test_it_tells_texts_apart_that_it_has_not_seen(fitted: FineTuned) -> None:
    texts, places = tempers(("dentist", "bakery", "bridge"))
    assert fitted.classes_.tolist() == [4, 5]
    assert (fitted.predict(column(texts)) - 4 == places).mean() >= 0.9
    found = fitted.predict_proba(column(texts))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(texts)))
    assert np.array_equal(fitted.classes_[found.argmax(axis=1)], fitted.predict(column(texts)))
    assert fitted.predict_proba(column([])).shape == (0, 2)


def test_only_the_last_layers_change_and_they_do(fitted: FineTuned) -> None:
    texts, _ = tempers(("dentist",))
    before = read_below(texts, layers=1, states=2)
    assert np.abs(before.vectors - SentenceEmbedder().embed(texts)).max() < 1e-5, "read in two parts as in one"
    assert [len(state) > 0 for state in before.states] == [True, True]
    assert np.abs(fitted.encoder.embed(texts) - before.vectors).max() > 1e-3
    assert fitted.tuned_ is not None
    assert {name.partition(".")[0] for name in fitted.tuned_.changed} == {"5"}
    assert np.array_equal(SentenceEmbedder().embed(texts), SentenceEmbedder().embed(texts)), "the base is as it was"


def test_the_same_seed_gives_the_same_and_another_one_another(fitted: FineTuned) -> None:
    texts, places = tempers()
    asked, labels = column(texts[:6]), [4 + place for place in places]
    again, other = (clone(fitted).set_params(seed=seed).fit(column(texts), labels) for seed in (3, 4))
    assert np.array_equal(again.decision_function(asked), fitted.decision_function(asked))
    assert np.abs(other.decision_function(asked) - fitted.decision_function(asked)).max() > 1e-4


def test_a_text_laid_out_over_its_categories_is_one_text_with_a_soft_label() -> None:
    texts, places = ["late parcel", "refund please"] * 4, [0, 1] * 4
    rows, labels, weights = [*texts, "late parcel"], [*places, 1], np.array([0.25] * 8 + [1.0])
    found = FineTuned(epochs=1, layers=1).fit(column(rows), labels, sample_weight=weights).predict_proba(column(["late parcel"]))
    sure = FineTuned(epochs=1, layers=1).fit(column(texts), places).predict_proba(column(["late parcel"]))
    assert found[0, 0] < sure[0, 0]


def test_texts_of_one_category_are_refused() -> None:
    with pytest.raises(ValueError, match=r"All 2 texts are of the one category \[7\]; expected at least 2 categories\."):
        FineTuned().fit(column(["a", "b"]), [7, 7])


# --- as a candidate --------------------------------------------------------------------------------------------------


def material(texts: list[str], places: list[int]) -> Material:
    vectors = SentenceEmbedder().embed(texts)
    return Material(("calm", "cross"), Inputs(vectors, texts), np.eye(2)[places], np.ones(len(texts)))


CANDIDATE = StudentSettings.model_validate({"kind": "fine_tuned", "folds": 2, "grid": {"epochs": [1], "layers": [1]}})


def test_it_is_tried_by_cross_validation_and_chosen_where_it_is_the_only_candidate() -> None:
    learnt = learn(material(*tempers()), candidates_of([CANDIDATE]), folds=2, seed=1)
    (trial,) = learnt.choice.trials
    assert (trial.candidate, dict(trial.settings)) == ("fine_tuned", {"fine_tuned": {"epochs": 1, "layers": 1}})
    assert trial.agreement > 0.75
    texts, places = tempers(("dentist",))
    assert (learnt.model.predict(inputs_of(texts)) == places).mean() > 0.8


def test_labels_of_one_category_are_refused_as_of_any_student() -> None:
    texts, _ = tempers()
    with pytest.raises(TrainingError, match="All but a few labels are of one category"):
        learn(material(texts, [0] * len(texts)), candidates_of([CANDIDATE]), folds=2, seed=1)


def test_its_settings_have_the_text_as_their_feature_and_no_other() -> None:
    settings = StudentSettings(kind="fine_tuned")
    assert (settings.features, settings.widened) == (("text",), "none")
    with pytest.raises(ValidationError, match="reads the text itself; leave features out"):
        StudentSettings(kind="fine_tuned", features=("embedding",))
    with pytest.raises(ValidationError, match="a student of kind mlp does not read text"):
        StudentSettings(kind="mlp", features=("text",))
    with pytest.raises(ValidationError, match=r"7 for layers; .* layers to 6"):
        StudentSettings(kind="fine_tuned", grid={"layers": (7,)})


def test_torch_stays_unloaded_where_no_text_is_read() -> None:
    code = "import sys, pipeline.students; print([name for name in ('torch', 'transformers', 'safetensors') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_project_that_lists_it_is_labelled_by_it(tmp_path: Path) -> None:
    project = load_project(write_project(tmp_path, students=[{"kind": "fine_tuned", "folds": 2, "grid": {"epochs": [1], "layers": [1]}}]))
    with tiny_session(project, tmp_path / "state") as session:
        run_all(session, until="predictions")
        ((labelled, strange, sure),) = session.store.rows("select count(*), count(novelty), avg(probability) from predictions")
        (folder,) = (tmp_path / "state" / "classifiers").iterdir()
    assert (labelled, strange) == (len({row["text"] for row in tiny_rows()}), 0)
    assert sure > 0.3
    assert (folder / LAYERS).exists()


# --- in its folder ---------------------------------------------------------------------------------------------------


def test_it_comes_back_from_its_folder_as_it_was(tmp_path: Path, fitted: FineTuned) -> None:
    texts, _ = tempers()
    voice = Pipeline([("features", feature_step(["text"]).fit(inputs_of(texts))), ("classifier", fitted)])
    model, about = Voices([voice], [1.0], np.array([4, 5])), {**ABOUT, **{key: ABOUT[key][:2] for key in ("categories", "names", "parents")}}
    expected = model.predict_proba(inputs_of(texts))
    save_student(tmp_path, model, about)
    assert np.abs(load_student(tmp_path).probabilities(inputs_of(texts)) - expected).max() <= 1e-6
    assert np.array_equal(model.predict_proba(inputs_of(texts)), expected), "saving left the model as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "card.json", LAYERS, "model.skops"]


def test_its_folder_labels_texts_with_no_embedder_beside_it(whole: Path) -> None:
    classifier = load(whole)
    assert classifier.embedder is None
    assert (classifier.student.needs_text, classifier.student.needs_vectors) == (True, False)
    found = classifier.predict(["courier delivery tracking late", "password login code"])
    assert [one.category_id for one in found] == [CATEGORIES[0], CATEGORIES[2]]
    assert {"torch", "sentence-transformers"} <= set(card_of(whole)["libraries"])
    card = (whole / "README.md").read_text(encoding="utf-8")
    assert "fine-tuned encoder: all-minilm-l6-v2@" in card
    assert card_of(whole)["encoder"]["sha256"][:12] in card
    assert card_of(whole)["encoder"]["base_sha256"] == base_sha256()


def test_damaged_layers_are_refused(saved: Path) -> None:
    data = bytearray((saved / LAYERS).read_bytes())
    data[-100] ^= 1
    (saved / LAYERS).write_bytes(bytes(data))
    with pytest.raises(ArtefactError, match=r"encoder\.safetensors is damaged or another student's: sha256 "):
        load_student(saved)
    (saved / LAYERS).unlink()
    with pytest.raises(ArtefactError, match=r"encoder\.safetensors is missing"):
        load_student(saved)


@pytest.mark.parametrize("change", [{"base_sha256": "0" * 64, "base": "another@000"}, None])
def test_layers_of_another_encoder_are_refused_and_so_is_a_card_that_names_none(saved: Path, change: dict[str, str] | None) -> None:
    card = card_of(saved)
    encoder = card.pop("encoder")
    seal(saved, {**card, "encoder": {**encoder, **change}} if change else card)
    said = "holds layers of another@000, and the encoder is all-minilm" if change else "is damaged or another student's"
    with pytest.raises(ArtefactError, match=said):
        load_student(saved)


@pytest.mark.parametrize("lost", ["0.head.bias", "0.5.output.dense.bias"])
def test_layers_that_lack_a_part_are_refused(saved: Path, lost: str) -> None:
    parts = load_file(saved / LAYERS)
    save_file({name: value for name, value in parts.items() if name != lost}, saved / LAYERS)
    card = card_of(saved)
    seal(saved, {**card, "encoder": {**card["encoder"], "sha256": hashlib.sha256((saved / LAYERS).read_bytes()).hexdigest()}})
    with pytest.raises(ArtefactError, match="holds something other than a student's layers"):
        load_student(saved)


def test_the_package_that_reads_layers_is_named_where_it_is_missing(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ArtefactError, match=r"needs the package safetensors, which is not installed\. Install it: pip install safetensors\."):
        load_student(saved)


def test_an_encoder_without_its_layers_neither_predicts_nor_is_saved(tmp_path: Path) -> None:
    blank = FineTuned()
    blank.tuned_, blank.classes_ = None, np.arange(3)
    with pytest.raises(ValueError, match="lie in a file that was not read"):
        blank.predict(column(["late"]))
    with pytest.raises(ValueError, match="Voice 0 is a fine-tuned encoder without its layers"):
        save_student(tmp_path, Voices([Pipeline([("features", feature_step(["text"])), ("classifier", blank)])], [1.0], np.arange(3)), ABOUT)


def test_onnx_is_refused_with_what_to_do(whole: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(ArtefactError, match="looks at text, and an ONNX file takes vectors alone"):
        export_onnx(whole, tmp_path / "student.onnx")


def test_a_student_of_vectors_writes_no_layers(tmp_path: Path) -> None:
    save_student(tmp_path, fitted_student(fitted_voice("class_means", ["embedding"])), ABOUT)
    assert not (tmp_path / LAYERS).exists()
    assert "encoder" not in card_of(tmp_path)
    assert "fine-tuned" not in (tmp_path / "README.md").read_text(encoding="utf-8")
