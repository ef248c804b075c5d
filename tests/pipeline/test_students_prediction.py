"""A student labels texts: in order, a batch at a time, with the embedder that it learnt on."""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cli.label import label_file, outputs_for
from pipeline.embedding import SentenceEmbedder
from pipeline.errors import ArtefactError
from pipeline.set_thresholds import SetThresholds
from pipeline.settings import CorpusSettings, DialectSettings, Project
from pipeline.students import Inputs, LoadedStudent, Novelty, fit_certainty, fit_novelty, load, load_student, save_student, score, score_texts
from pipeline.students.score import BATCH
from tests.fitted import ABOUT, CATEGORIES, HashedEmbedder, example_inputs, example_texts, fitted_student, fitted_voice, save_student_of_words


@pytest.fixture(scope="module")
def student() -> LoadedStudent:
    return LoadedStudent(fitted_student(fitted_voice("logistic_regression", ["embedding"]), fitted_voice("logistic_regression", ["words"])), ABOUT)


def reading(features: list[str]) -> LoadedStudent:
    return LoadedStudent(fitted_student(fitted_voice("logistic_regression", features)), ABOUT)


def test_scores_are_the_largest_of_probabilities_that_sum_to_one(student: LoadedStudent) -> None:
    inputs = example_inputs(5, seed=4)
    ids, values = score(inputs, student=student)
    everything = student.probabilities(inputs)
    assert everything.sum(axis=1) == pytest.approx(np.ones(15))
    assert values == pytest.approx(everything.max(axis=1))
    assert ids.tolist() == [CATEGORIES[place] for place in everything.argmax(axis=1)] == [one for one in CATEGORIES for _ in range(5)]


def test_texts_are_labelled_in_order_with_the_next_likeliest_beside(student: LoadedStudent) -> None:
    found = list(score_texts(iter(["late courier delivery", "card charged"]), student=student, embedder=HashedEmbedder(), top=2))
    assert [(one.text, one.category, one.category_id) for one in found] == [
        ("late courier delivery", "Late Parcels", "cat:a"),
        ("card charged", "Refunds", "cat:b"),
    ]
    for one in found:
        assert len(one.alternatives) == 1
        assert one.probability >= one.alternatives[0].probability > 0
        assert one.alternatives[0].category_id != one.category_id
    assert list(score_texts([], student=student, embedder=HashedEmbedder())) == []


def test_a_prediction_says_how_sure_it_is_where_the_student_can() -> None:
    model, seen, texts = (
        fitted_student(),
        example_inputs(40, seed=3),
        [*example_texts(4, seed=6), "something of the moon", "late refund", "parcel account", "card login"],
    )
    truth, vectors = np.eye(3)[np.repeat(np.arange(3), 40)], HashedEmbedder().embed(texts)
    model.novelty = fit_novelty(seen.vectors, seed=1).as_arrays()
    certainty, _ = fit_certainty(
        model.decision_function(seen), truth, known=np.ones(120, dtype=bool), level=0.9, risk=0.1, applying=truth > 0, seed=1
    )
    certainty = replace(
        certainty,
        conformal=replace(certainty.conformal, least=1e-6),
        abstention=replace(certainty.abstention, threshold=1 - 1e-6),
        sets=SetThresholds((0.0, 1e-3, 0.9)),
    )
    student = LoadedStudent(model, {**ABOUT, "certainty": certainty.as_settings()})
    found = list(score_texts(texts, student=student, embedder=HashedEmbedder()))
    probabilities = student.probabilities(Inputs(vectors, texts))
    for one, row, novelty in zip(found, probabilities, Novelty.from_arrays(model.novelty).score(vectors), strict=True):
        ranked = [CATEGORIES[place] for place in np.argsort(-row)]
        shares = dict(zip(CATEGORIES, row, strict=True))
        assert one.members == tuple(category for category in ranked if shares[category] >= 1e-6)
        assert one.abstained == (row.max() < 1 - 1e-6)
        assert one.novelty == pytest.approx(novelty)
        least = {"cat:a": 0.0, "cat:b": 1e-3, "cat:c": 0.9}
        assert one.also == tuple(category for category in ranked[1:] if shares[category] >= least[category])
    assert len({len(one.members or ()) for one in found}) > 1, "sets of more than one size"
    assert {one.abstained for one in found} == {True, False}
    assert set(found[0].as_row()) >= {"category", "members", "also", "novelty"}
    plain = next(score_texts(texts, student=LoadedStudent(fitted_student(), ABOUT), embedder=HashedEmbedder()))
    assert (plain.members, plain.abstained, plain.novelty, plain.also) == (None, None, None, None)
    assert "also" not in plain.as_row()


@pytest.mark.parametrize(("top", "beside"), [(1, 0), (2, 1), (3, 2), (99, 2)])
def test_at_most_all_categories_are_given(student: LoadedStudent, top: int, beside: int) -> None:
    one = next(score_texts(["refund"], student=student, embedder=HashedEmbedder(), top=top))
    assert len(one.alternatives) == beside
    assert one.probability + sum(other.probability for other in one.alternatives) == pytest.approx(1.0, abs=1.0 if beside < 2 else 1e-9)


def test_a_long_stream_is_labelled_a_batch_at_a_time(student: LoadedStudent) -> None:
    embedder, taken = HashedEmbedder(), []

    def texts() -> Iterator[str]:
        for number in range(3 * BATCH + 5):
            taken.append(number)
            yield f"refund {number}"

    scored = score_texts(texts(), student=student, embedder=embedder)
    next(scored)
    assert len(taken) == BATCH, "no further ahead than one batch"
    assert len(list(scored)) == 3 * BATCH + 4
    assert embedder.batches == [BATCH, BATCH, BATCH, 5]


def test_what_a_student_looks_at_must_be_given() -> None:
    with pytest.raises(ValueError, match=r"1 texts came with 0 mappings of metadata\. Give one for each text"):
        list(score_texts(["refund"], student=reading(["embedding", "metadata"]), embedder=HashedEmbedder()))
    with pytest.raises(ValueError, match=r"looks at vectors of hashed@1, and there is no embedder"):
        list(score_texts(["refund"], student=reading(["embedding"]), embedder=None))
    with pytest.raises(ValueError, match="top is 0; expected 1"):
        list(score_texts(["refund"], student=reading(["embedding"]), embedder=HashedEmbedder(), top=0))


def test_columns_beside_the_text_count_where_a_student_looks_at_them() -> None:
    student = reading(["metadata"])
    rows = [{"size": float(place), "shop": "abc"[place], "when": "2026-01-05T10:00:00"} for place in (2, 0, 1)]
    found = list(score_texts(["x"] * 3, student=student, embedder=None, metadata=rows))
    assert [one.category_id for one in found] == ["cat:c", "cat:a", "cat:b"]


def test_a_student_of_words_alone_embeds_nothing(tmp_path: Path) -> None:
    save_student(tmp_path, fitted_student(fitted_voice("logistic_regression", ["words"])), {**ABOUT, "embedder": "of another time"})
    classifier = load(tmp_path)
    assert classifier.embedder is None
    assert [one.category_id for one in classifier.predict(example_texts(1, seed=3))] == CATEGORIES


def test_a_folder_and_an_embedder_make_a_classifier(tmp_path: Path) -> None:
    save_student(tmp_path, fitted_student(), ABOUT)
    embedder = HashedEmbedder()
    classifier = load(str(tmp_path), embedder=embedder)
    assert embedder.batches == [], "nothing is embedded before there are texts"
    assert (classifier.categories, classifier.names[0]) == (CATEGORIES, "Late Parcels")
    found = classifier.predict(example_texts(1, seed=3), top=3)
    assert [one.category_id for one in found] == CATEGORIES
    assert found == classifier.predict(iter(example_texts(1, seed=3)), top=3)
    assert classifier.predict([]) == []
    with pytest.raises(TypeError, match=r"was given one text: 'refund please'\. Put it into a list"):
        classifier.predict("refund please")


def test_a_students_own_embedder_is_opened_by_name_when_the_first_text_comes(tmp_path: Path) -> None:
    own = SentenceEmbedder("all-minilm-l6-v2")
    save_student(tmp_path, fitted_student(), {**ABOUT, "embedder": own.name, "embedder_id": own.embedder_id})
    embedder = load(tmp_path).embedder
    assert isinstance(embedder, SentenceEmbedder)
    assert embedder.embedder_id == own.embedder_id
    assert "model" not in vars(embedder), "nothing is fetched or loaded yet"


@pytest.mark.parametrize(
    ("changes", "given", "said"),
    [
        ({}, None, r"no embedder is called 'hashed'; there are .*all-minilm-l6-v2.*load\(path, embedder=\.\.\.\)"),
        (
            {"embedder": "all-minilm-l6-v2", "embedder_id": "all-minilm-l6-v2@0"},
            None,
            r"of all-minilm-l6-v2@0, and 'all-minilm-l6-v2' is all-mini.*@",
        ),
        ({"embedder_id": "hashed@2"}, HashedEmbedder(), r"vectors of hashed@2, and would get those of hashed@1"),
    ],
)
def test_another_embedder_is_refused_before_anything_is_labelled(tmp_path: Path, changes: dict[str, Any], given: Any, said: str) -> None:
    save_student(tmp_path, fitted_student(), {**ABOUT, **changes})
    with pytest.raises(ArtefactError, match=said):
        load(tmp_path, embedder=given)


def test_a_file_is_labelled_by_its_text_and_the_columns_beside_it(tmp_path: Path) -> None:
    save_student(tmp_path / "student", fitted_student(fitted_voice("logistic_regression", ["metadata"])), ABOUT)
    corpus, rows = CorpusSettings(path="old.jsonl", metadata=("size", "shop", "when")), tmp_path / "new.jsonl"
    beside = ({"size": 1.0, "shop": "b"}, {"size": 2.0, "shop": "c", "when": None})
    rows.write_text("".join(json.dumps({"text": "a text", **columns}) + "\n" for columns in beside), encoding="utf-8")
    project = Project(name="shop", use_case="what is asked", corpus=corpus)
    student, output = load_student(tmp_path / "student"), tmp_path / "labelled.jsonl"
    done = label_file(rows, project=project, student=student, embedder=HashedEmbedder(), output=output)
    assert (done.labelled, done.rejected) == (2, 0)
    assert [json.loads(line)["category_id"] for line in output.read_text(encoding="utf-8").splitlines()] == ["cat:b", "cat:c"]


def test_a_file_is_read_as_the_corpus_of_its_project_is(tmp_path: Path) -> None:
    student = load_student(save_student_of_words(tmp_path))
    packed, plain = tmp_path / "new.csv.gz", tmp_path / "plain.jsonl"
    packed.write_bytes(gzip.compress("subject;text\ncafé courier;late, very late parcel\n;card refund\n".encode("cp1252")))
    plain.write_text('{"text": "café courier\\n\\nlate, very late parcel"}\n{"text": "card refund"}\n', encoding="utf-8")
    corpus = CorpusSettings(path="old.csv", title="subject", encoding="cp1252", dialect=DialectSettings(delimiter=";"))
    [output] = outputs_for([packed], None)
    assert output == tmp_path / "new.labelled.csv"
    for path, target, project in (
        (packed, output, Project(name="shop", use_case="what is asked", corpus=corpus)),
        (plain, tmp_path / "plain.csv", None),
    ):
        assert label_file(path, project=project, student=student, embedder=HashedEmbedder(), output=target).labelled == 2
    first, second = (list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) for path in (output, tmp_path / "plain.csv"))
    assert [row["subject"] for row in first] == ["café courier", ""]
    assert [row["text"] for row in first] == ["late, very late parcel", "card refund"]
    assert [(row["category"], row["probability"]) for row in first] == [(row["category"], row["probability"]) for row in second]
