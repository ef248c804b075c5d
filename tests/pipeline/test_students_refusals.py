"""What cannot be learnt from is refused in plain words; whatever else comes, there is a student and no crash."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TrainingError
from pipeline.student_settings import StudentSettings, usual_students
from pipeline.students.candidates import candidates_of
from pipeline.students.choice import choose, fit_candidate
from pipeline.students.fitting import Workshop
from pipeline.students.groups import same_groups
from pipeline.students.inputs import Inputs
from pipeline.students.material import Material
from pipeline.students.voices import Voices
from tests.lessons import clouds, lesson, unit

QUICK = (
    StudentSettings(features=("embedding", "cards"), penalties=(1.0,)),
    StudentSettings(kind="neighbours", grid={"neighbours": (3,)}, widened="label_spreading"),
    StudentSettings(kind="class_means", widened="self_training"),
)


def learnt(material: Material, students: Any = QUICK, *, folds: int = 5) -> Voices:
    workshop = Workshop(material, folds=folds, seed=1)
    return fit_candidate(choose(candidates_of(students), workshop), workshop)


def assert_student(model: Voices, material: Material) -> None:
    found = model.predict_proba(material.everything)
    assert found.shape == (len(material.everything), len(material.categories))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
    assert (found >= 0).all()


@pytest.mark.parametrize(
    ("material", "said"),
    [
        (lesson((1, 0)), "takes 2 labelled documents that are no copies of one another; there are 1 labelled documents, copies of 1"),
        (lesson((0, 0)), "there are 0 labelled documents, copies of 0"),
        (lesson((20, 20), groups=np.zeros(40, dtype=np.intp)), "there are 40 labelled documents, copies of 1"),
        (lesson((20, 0)), "All but a few labels are of one category, so that there is nothing to learn from them"),
        (lesson((20,)), "All but a few labels are of one category"),
        (lesson((20, 20), weights=np.zeros(40)), "All but a few labels are of one category"),
    ],
    ids=["one label", "none", "copies of one", "all equal", "one category", "weight 0"],
)
@pytest.mark.parametrize("students", [usual_students(), QUICK[1:2], QUICK[2:]], ids=["usual", "neighbours", "means"])
def test_labels_that_teach_nothing_are_refused(material: Material, said: str, students: Any) -> None:
    with pytest.raises(TrainingError, match=said):
        learnt(material, students)


@pytest.mark.parametrize(
    "material",
    [
        lesson((3, 2), unlabelled=(9, 9)),
        lesson((1, 1), sure=0.8),
        lesson((1, 1, 1, 1, 1, 1), unlabelled=(4, 4)),
        lesson((30, 1), sure=0.9, unlabelled=(9, 9)),
        lesson((20, 20), groups=np.arange(40) // 20),
        lesson((20, 20), groups=np.where(np.arange(40) < 38, 0, np.arange(40))),
        lesson((20, 20), noise=0.0),
        lesson((20, 20), sure=0.0),
        lesson((9, 9), weights=np.where(np.arange(18) % 9 < 2, 0.001, 0.0)),
    ],
    ids=["fewer than folds", "two", "each its own", "one example", "two groups", "one large group", "copies", "unsure", "few that count"],
)
def test_little_is_enough_or_refused_by_name(material: Material) -> None:
    try:
        model = learnt(material)
    except TrainingError as error:
        assert str(error).endswith("Raise annotation.sample.")
    else:
        assert_student(model, material)


@st.composite
def materials(draw: st.DrawFn) -> Material:
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    k, n, m = draw(st.integers(1, 4)), draw(st.integers(1, 14)), draw(st.sampled_from([0, 1, 12]))
    vectors = unit(random.normal(size=(n + m, 3)))[random.integers(0, draw(st.integers(1, n + m)), n + m)]  # some repeat
    soft = random.dirichlet(np.full(k, draw(st.sampled_from([0.01, 1.0]))), n)
    soft = np.eye(k)[soft.argmax(axis=1)] if draw(st.booleans()) else soft
    return Material(
        tuple("abcd"[:k]), Inputs(vectors[:n]), soft, random.choice([0.0, 0.5, 1.0], n), same_groups(vectors[:n]),
        unlabelled=Inputs(vectors[n:]), cards=unit(random.normal(size=(k, 3))),
    )  # fmt: skip


@given(materials(), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_any_labels_make_a_student_or_are_refused_never_a_crash(material: Material, folds: int) -> None:
    for part in (material, material.used()):
        try:
            model = learnt(part, folds=folds)
        except TrainingError as error:
            assert str(error).endswith("Raise annotation.sample.")
        else:
            assert_student(model, part)


# --- what does not belong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "count"), [("labelled", 36), ("unlabelled", 9), ("cited", 4)])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_vectors_that_hold_nan_are_refused_with_their_number(part: str, count: int, spoilt: float) -> None:
    cited = clouds((2, 2))[0]
    material = lesson((12, 12, 12), unlabelled=(3, 3, 3), cited=cited, cited_soft=np.full((4, 3), 1 / 3))
    vectors = getattr(material, part).vectors.copy()
    vectors[[0, 2], 1] = spoilt
    spoilt_part: dict[str, Any] = {part: Inputs(vectors)}
    with pytest.raises(TrainingError, match=rf"2 of the vectors of {count} {part} documents hold NaN or infinite values"):
        Workshop(replace(material, **spoilt_part), folds=5, seed=1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"soft": np.full((36, 2), 0.5)}, r"36 labelled documents and 3 categories: soft is \(36, 2\), expected \(36, 3\)"),
        ({"weights": np.ones(35)}, r"weights is \(35,\), expected \(36,\)"),
        ({"groups": np.arange(4)}, r"groups is \(4,\), expected \(36,\)"),
        ({"cards": np.eye(2, 8, dtype=np.float32)}, r"cards is \(2,\), expected \(3,\)"),
        ({"cited": clouds((1, 1))[0], "cited_soft": np.eye(2)}, r"cited_soft is \(2, 2\), expected \(2, 3\)"),
        ({"soft": np.full((36, 3), 0.5)}, r"36 of 36 rows, as row 0, are no probabilities"),
        ({"soft": np.full((36, 3), np.nan)}, r"36 of 36 rows, as row 0, are no probabilities"),
        ({"weights": np.ones(3), "groups": np.arange(4)}, r"weights is \(3,\), expected \(36,\); groups is \(4,\), expected \(36,\)"),
    ],
)
def test_parts_that_do_not_fit_one_another_are_refused_with_their_shapes(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Workshop(lesson(**changed), folds=5, seed=1)


@pytest.mark.parametrize(
    ("features", "inputs", "said"),
    [
        (("words",), {"texts": [f"word{number}" for number in range(20)]}, "looks at words cannot learn from these 20 documents: After pruning"),
        (("words",), {"texts": [""] * 20}, "looks at words cannot learn from these 20 documents: empty vocabulary"),
        (("characters",), {}, "looks at characters cannot learn .* it needs the texts of all 20 documents, and has 0"),
        (("metadata",), {"metadata": [{}] * 20}, "looks at metadata cannot learn .* none of the 20 documents has any"),
    ],
)
def test_documents_that_lack_what_a_student_looks_at_are_refused_with_the_feature(features: Any, inputs: dict[str, Any], said: str) -> None:
    vectors = clouds((10, 10))[0].vectors
    with pytest.raises(TrainingError, match=rf"{said}.* Leave out of students\.features what they do not have\."):
        learnt(lesson((10, 10), labelled=Inputs(vectors, **inputs)), [StudentSettings(features=features)])


# --- groups ----------------------------------------------------------------------------------------------------------


def test_documents_that_are_linked_by_near_copies_are_one_group() -> None:
    angles = np.deg2rad([0, 10, 20, 35, 90, 91])
    vectors = unit(np.column_stack([np.cos(angles), np.sin(angles)]))
    groups = same_groups(vectors)  # the cosine of 10 degrees is .985, of 15 .966, of 20 .940
    assert groups[0] == groups[1] == groups[2]
    assert groups[4] == groups[5]
    assert len(set(groups.tolist())) == 3
    assert len(set(same_groups(vectors, at=0.99).tolist())) == 5
    assert len(set(same_groups(np.where(np.arange(6)[:, None] == 5, np.nan, vectors)).tolist())) == 4
    assert same_groups(vectors[:0]).shape == (0,)


@given(st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_groups_are_the_same_in_any_order_and_in_blocks(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(random.normal(size=(n, 2)))
    order = random.permutation(n)
    together, mixed = same_groups(vectors), same_groups(vectors[order])
    assert np.array_equal(together[order][:, None] == together[order], mixed[:, None] == mixed)


def test_many_documents_are_grouped_across_blocks() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(2500, 24)))
    vectors[2400] = vectors[3]
    groups = same_groups(vectors)
    assert groups[2400] == groups[3]
    assert len(set(groups.tolist())) == 2499
