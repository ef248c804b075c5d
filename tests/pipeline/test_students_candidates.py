"""From a project's settings to candidates: what each is made of, its name, and settings that are refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.student_settings import PARAMETERS, StudentSettings, usual_students
from pipeline.students.candidates import candidates_of, features_of
from pipeline.students.choice import Candidate
from pipeline.students.estimators import grid_of, make_estimator
from pipeline.students.features import FEATURES
from pipeline.students.fitting import Voice

KINDS = ("logistic_regression", "lightgbm", "mlp", "neighbours", "class_means")


def candidate(*, there: bool = True, **given_settings: Any) -> Candidate:
    (found,) = candidates_of([StudentSettings(**given_settings)], unlabelled=there)
    return found


def only_voice(**given_settings: Any) -> Voice:
    (found,) = candidate(**given_settings).voices
    return found


# --- what candidates are made of -------------------------------------------------------------------------------------


def test_the_usual_students_are_voices_a_regression_and_class_means() -> None:
    first, second, third = candidates_of(usual_students())
    assert first.name == "voices: embedding, words, cards, means"
    assert [(voice.kind, voice.features, voice.widened, voice.usual) for voice in first.voices] == [
        ("logistic_regression", ("embedding",), "none", 1.0),
        ("logistic_regression", ("words",), "none", 0.5),
        ("cards", ("cards",), "none", 0.2),
        ("class_means", ("embedding",), "spread", 0.4),
    ]
    assert [(one.name, one.voices[0].features, one.voices[0].widened) for one in (second, third)] == [
        ("logistic_regression", ("embedding",), "none"),
        ("class_means, spread", ("embedding",), "spread"),
    ]
    assert first.voices[0].work == second.voices[0].work, "fitted once for both"
    assert first.voices[3].work == third.voices[0].work
    assert features_of(usual_students()) == {"embedding", "words", "cards"}


def test_every_feature_may_be_a_voice_and_the_penalties_are_those_of_the_embedding() -> None:
    voices = candidate(features=FEATURES, penalties=(0.5, 2.0), widened="self_training").voices
    assert [voice.name for voice in voices] == [*FEATURES, "means"]
    assert {voice.name: voice.grid for voice in voices if voice.kind == "logistic_regression"} == {
        "embedding": [{"C": 0.5}, {"C": 2.0}], "words": [{"C": 10.0}], "characters": [{"C": 10.0}], "metadata": [{"C": 10.0}],
    }  # fmt: skip
    assert voices[-1].widened == "self_training"


@pytest.mark.parametrize("without", [{"features": ("words",)}, {"widened": "none"}])
def test_no_means_are_heard_without_embeddings_or_without_widening(without: dict[str, Any]) -> None:
    assert "means" not in [voice.name for voice in candidate(**without).voices]


def test_documents_that_are_not_to_be_learnt_from_are_not() -> None:
    assert [voice.widened for voice in candidate(unlabelled=0).voices] == ["none"] * 4
    assert only_voice(kind="class_means", unlabelled=0).widened == "none"
    assert only_voice(kind="class_means", there=False).widened == "none"
    assert candidate(there=False).voices[-1].widened == "spread", "over the labelled ones"
    assert only_voice(kind="class_means").widened == "spread"


@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_alone_looks_at_the_embedding_unless_told_otherwise(kind: Any) -> None:
    assert only_voice(kind=kind).features == ("embedding",)
    if kind not in ("neighbours", "class_means"):
        assert only_voice(kind=kind, features=("words", "metadata")).features == ("words", "metadata")


@pytest.mark.parametrize(
    ("given_settings", "grid"),
    [
        ({"kind": "logistic_regression"}, [{"C": 1.0}, {"C": 3.0}, {"C": 10.0}]),
        ({"kind": "logistic_regression", "penalties": (0.1,)}, [{"C": 0.1}]),
        ({"kind": "logistic_regression", "grid": {"C": (0.2, 0.4)}}, [{"C": 0.2}, {"C": 0.4}]),
        ({"kind": "lightgbm"}, [{"max_depth": depth} for depth in (3, 5, 7, 9)]),
        ({"kind": "lightgbm", "grid": {"num_leaves": (7,), "max_depth": (4.0,)}}, [{"max_depth": 4, "num_leaves": 7}]),
        ({"kind": "mlp"}, [{"hidden_layer_sizes": (size,)} for size in (32, 64, 128, 256)]),
        ({"kind": "mlp", "grid": {"hidden": (16.0, 8)}}, [{"hidden_layer_sizes": (16,)}, {"hidden_layer_sizes": (8,)}]),
        ({"kind": "neighbours", "grid": {"neighbours": (1, 9)}}, [{"neighbours": 1}, {"neighbours": 9}]),
        ({"kind": "class_means", "grid": {"sharpness": (12.5,)}}, [{"sharpness": 12.5}]),
    ],
)
def test_grids_are_those_given_or_the_usual_ones(given_settings: dict[str, Any], grid: list[dict[str, Any]]) -> None:
    found = only_voice(**given_settings).grid
    assert found == grid
    assert [{name: type(value) for name, value in point.items()} for point in found] == [
        {name: type(value) for name, value in point.items()} for point in grid
    ], "whole numbers are whole"


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_that_settings_name_is_one_of_the_classifier(kind: Any) -> None:
    for name in PARAMETERS[kind]:
        voice = only_voice(kind=kind, grid={name: (3,)})
        made = make_estimator(kind, voice.grid[0], seed=1).get_params()
        assert 3 in made.values() or (3,) in made.values()


def test_a_student_s_settings_say_the_same_once_written_and_read() -> None:
    for student in (*usual_students(), StudentSettings(kind="mlp", features=("words",), grid={"hidden": (8,)})):
        again = StudentSettings.model_validate(student.model_dump(mode="json"))
        if "features" in student.model_fields_set or student.kind == "voices":
            assert candidates_of([again]) == candidates_of([student])


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_settings", "name"),
    [
        ({"features": ("words", "metadata")}, "voices: words, metadata"),
        ({"kind": "logistic_regression", "widened": "none"}, "logistic_regression"),
        ({"kind": "logistic_regression", "features": ("words",), "widened": "none"}, "logistic_regression, words"),
        ({"kind": "lightgbm", "features": ("embedding", "words")}, "lightgbm, embedding, words, spread"),
        ({"kind": "neighbours", "widened": "label_spreading"}, "neighbours, label_spreading"),
    ],
)
def test_a_candidate_is_called_by_what_it_is(given_settings: dict[str, Any], name: str) -> None:
    assert candidate(**given_settings).name == name


STUDENTS = st.builds(
    StudentSettings,
    kind=st.sampled_from(["voices", "logistic_regression", "lightgbm", "mlp"]),
    features=st.lists(st.sampled_from(FEATURES), min_size=1, max_size=2, unique=True).map(tuple),
    widened=st.sampled_from(["none", "spread"]),
    penalties=st.sampled_from([(1.0,), (2.0,)]),
)


@given(st.lists(STUDENTS, min_size=1, max_size=8), st.booleans())
@settings(max_examples=100, deadline=None)
def test_each_candidate_has_a_name_of_its_own_and_stands_where_its_settings_do(students: list[StudentSettings], there: bool) -> None:
    found = candidates_of(students, unlabelled=there)
    assert len({one.name for one in found}) == len(found) == len(students)
    for student, one in zip(students, found, strict=True):
        assert one.voices == candidates_of([student], unlabelled=there)[0].voices
        assert len({voice.name for voice in one.voices}) == len(one.voices)
        for voice in one.voices:
            assert voice.grid == grid_of(voice.kind, dict(voice.chosen))
    assert features_of(students) >= {feature for student in students if student.kind == "voices" for feature in student.features}


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_settings", "said"),
    [
        ({"grid": {"C": (1.0,)}}, "grid names C, which is no parameter of voices; it has shift"),
        ({"kind": "mlp", "grid": {"depth": (1,), "width": (2,)}}, "grid names depth, width, which is no parameter of mlp; it has hidden"),
        ({"kind": "lightgbm", "grid": {"max_depth": ()}}, "grid gives no value for max_depth; give at least one, or leave it out"),
        (
            {"kind": "lightgbm", "grid": {"max_depth": (3.5,), "num_leaves": (1,)}},
            "grid gives 3.5 for max_depth, 1 for num_leaves; give numbers that",
        ),
        ({"kind": "mlp", "grid": {"hidden": (32.5,)}}, "grid gives 32.5 for hidden; give numbers that are whole, but for C, sharpness, shift"),
        ({"kind": "class_means", "grid": {"sharpness": (float("inf"),)}}, "grid gives inf for sharpness"),
        ({"kind": "neighbours", "grid": {"neighbours": (0,)}}, "greater than 0"),
        (
            {"kind": "logistic_regression", "penalties": (1.0,), "grid": {"C": (2.0,)}},
            "penalties and grid both give values of C; leave one of them out",
        ),
        ({"penalties": (0.0,)}, "greater than 0"),
        ({"penalties": (float("inf"),)}, "finite number"),
        ({"penalties": ()}, "at least 1 item"),
        ({"features": ("words", "embedding", "words")}, "features names words more than once; name each once"),
        ({"features": ()}, "at least 1 item"),
        ({"features": ("colour",)}, "'embedding', 'words', 'characters', 'cards', 'metadata' or 'text'"),
        ({"kind": "neighbours", "features": ("words",)}, r"compares embeddings alone; leave features out, or give \[embedding\]"),
        ({"kind": "oracle"}, "'voices', 'logistic_regression'"),
        ({"widened": "magic"}, "'none', 'spread'"),
        ({"folds": 1}, "greater than or equal to 2"),
        ({"colour": 1}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_make_no_candidate_are_refused_in_plain_words(given_settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        StudentSettings(**given_settings)
