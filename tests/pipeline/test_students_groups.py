"""Documents that may not be parted: by their vectors, by what is known of them, or by both."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.student_settings import StudentSettings
from pipeline.students import Inputs, Material, TrainingSet, candidates_of, cross_predict, learn, numbered_groups, same_groups
from pipeline.students.groups import joined_groups
from tests.lessons import Ints, Vectors, unit

NUMBERS = st.integers(1, 30).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 8), min_size=n, max_size=n)] * 2))


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_what_either_grouping_links_is_one_group_and_nothing_else(pair: tuple[list[int], list[int]]) -> None:
    first, second = (np.array(one, dtype=np.intp) for one in pair)
    joined = joined_groups(first, second)
    for one in (first, second):
        for place in range(len(one)):
            assert len(set(joined[one == one[place]].tolist())) == 1
    for group in np.unique(joined):  # each group hangs together by links of either kind
        members = set(np.flatnonzero(joined == group).tolist())
        reached, waiting = {min(members)}, [min(members)]
        while waiting:
            place = waiting.pop()
            near = set(np.flatnonzero((first == first[place]) | (second == second[place])).tolist()) - reached
            reached |= near
            waiting += near
        assert reached == members


def test_a_grouping_of_single_documents_changes_no_number() -> None:
    first = np.array([0, 1, 0, 2, 1], dtype=np.intp)
    assert joined_groups(first, np.arange(5)[::-1]).tolist() == first.tolist()
    assert joined_groups(first, np.zeros(0, dtype=np.intp)).tolist() == first.tolist()


def test_names_become_numbers_that_are_alike_where_they_are() -> None:
    assert numbered_groups(["b", "a", "b"]).tolist() == [1, 0, 1]
    assert numbered_groups([]).shape == (0,)
    assert same_groups(np.zeros((0, 3), dtype=np.float32)).shape == (0,)


def chance_pairs(noise: float) -> tuple[Vectors, Ints]:
    """Draw thirty pairs of neighbours, each with a label of chance."""
    random = np.random.default_rng(0)
    vectors = np.repeat(unit(random.normal(size=(30, 40))), 2, axis=0)
    return unit(vectors + noise * unit(random.normal(size=(60, 40)))), np.repeat(random.integers(0, 2, 30), 2)


@pytest.mark.parametrize("grouped", [True, False])
def test_candidates_are_tried_with_near_copies_in_one_fold_that_their_vectors_do_not_show(grouped: bool) -> None:
    vectors, truth = chance_pairs(noise=0.4)
    assert len(np.unique(same_groups(vectors))) == 60
    groups = np.repeat(np.arange(30), 2) if grouped else np.zeros(0)
    material = Material(("a", "b"), Inputs(vectors), np.eye(2)[truth], np.ones(60), groups=groups.astype(np.intp))
    wanted = StudentSettings(kind="neighbours", features=("embedding",), grid={"neighbours": (1,)}, folds=5, unlabelled=0)
    unseen = learn(material, candidates_of([wanted]), folds=5, seed=1).choice.unseen
    right = float((unseen.argmax(axis=1) == truth).mean())
    assert (right < 0.75) == grouped, "labels of chance are predicted by chance, but where a copy tells"


@pytest.mark.parametrize("grouped", [True, False])
def test_the_teachers_check_keeps_copies_in_one_fold(grouped: bool) -> None:
    vectors, truth = chance_pairs(noise=0.0)
    groups = np.repeat(np.arange(30), 2) if grouped else np.zeros(0, dtype=np.intp)
    data = TrainingSet(("a", "b"), vectors, np.eye(2)[truth], np.zeros((0, 0), dtype=np.float32), groups=groups.astype(np.intp))
    settings_ = StudentSettings(penalties=(10.0,), unlabelled=0, folds=5)
    seen, _ = cross_predict(data, vectors[:0], settings=settings_, seed=1)
    right = float((seen.argmax(axis=1) == truth).mean())
    assert (right < 0.75) == grouped, "labels of chance are predicted by chance, but where a copy tells"
