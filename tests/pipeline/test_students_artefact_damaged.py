"""A student that is not as it was saved does not come back: it is refused with what is wrong, and nothing of it is run."""

import io
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import __version__ as sklearn_version
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from pipeline.errors import ArtefactError
from pipeline.students import load_student, save_student
from pipeline.students.voices import Voices
from tests.fitted import ABOUT, PARTS, card_of, fitted_student, fitted_voice, plant, save_two_voices, seal


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_two_voices(tmp_path_factory.mktemp("student"))


@pytest.fixture
def saved(tmp_path: Path, whole: Path) -> Path:
    for part in PARTS:
        (tmp_path / part).write_bytes((whole / part).read_bytes())
    return tmp_path


@pytest.mark.parametrize("certainty", [{}, [], {"calibration": {}, "conformal": {}, "abstention": {}}])
def test_a_certainty_that_cannot_be_read_is_refused(saved: Path, certainty: Any) -> None:
    seal(saved, {**card_of(saved), "certainty": certainty})
    with pytest.raises(ArtefactError, match="certainty or novelty cannot be read"):
        load_student(saved)


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
