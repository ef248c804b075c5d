"""The classifiers that students are made of: hand-worked, beside scikit-learn's where it has the same, and really fitted."""

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from pipeline.students.estimators import KINDS, grid_of, make_estimator, rows_of_soft
from pipeline.students.fitting import Voice, Workshop
from pipeline.students.means import CardVotes, ClassMeans, NearestVotes
from tests.lessons import clouds, lesson, unit

Floats = npt.NDArray[np.float64]
SQUARE = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.0, -1.0]])


# --- class means -----------------------------------------------------------------------------------------------------


def test_class_means_worked_by_hand() -> None:
    model = ClassMeans(sharpness=10.0).fit(SQUARE, [3, 7, 7, 3], sample_weight=np.array([1.0, 1.0, 5.0, 0.0]))
    # Of 3 the first row alone; of 7 (0, 1) + 5 (.6, .8) = (3, 5), of length sqrt(34).
    assert model.classes_.tolist() == [3, 7]
    asked = np.array([[2.0, 0.0], [0.0, 3.0]])
    cosines = np.array([[1.0, 3 / 34**0.5], [0.0, 5 / 34**0.5]])
    assert model.decision_function(asked) == pytest.approx(10 * cosines, abs=1e-6)
    odds = np.exp(10 * (cosines[:, 1] - cosines[:, 0]))
    assert model.predict_proba(asked)[:, 1] == pytest.approx(odds / (1 + odds), abs=1e-6)
    assert model.predict(asked).tolist() == [3, 7]


def test_class_means_predict_as_nearest_centroids_where_means_are_as_long() -> None:
    inputs, truth = clouds([40, 40, 40], noise=0.5, seed=3)
    turned = np.concatenate([np.roll(inputs.vectors[truth == 0], turn, axis=1) for turn in range(3)])  # the means are as long as one another
    theirs = NearestCentroid().fit(turned, truth)
    asked = unit(np.random.default_rng(1).normal(size=(300, 8)))
    assert np.array_equal(ClassMeans().fit(turned, truth).predict(asked), theirs.predict(asked))


@given(st.integers(1, 5), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_weight_is_worth_so_many_rows_to_means_and_neighbours(copies: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, asked = random.normal(size=(9, 4)), random.normal(size=(20, 4))
    labels = np.arange(9) % 3
    counts = np.where(labels == 1, copies, 1)
    for model in (ClassMeans(), NearestVotes(4)):
        repeated = clone(model).fit(np.repeat(rows, counts, axis=0), np.repeat(labels, counts))
        weighed = clone(model).fit(rows, labels, sample_weight=counts.astype(float))
        assert repeated.predict_proba(asked) == pytest.approx(weighed.predict_proba(asked), abs=1e-5)


def test_class_means_take_sparse_rows_and_rows_of_zeros() -> None:
    rows = np.vstack([SQUARE, [0.0, 0.0]])
    dense, sparse = (ClassMeans().fit(kind, [0, 1, 1, 0, 0]).predict_proba(kind) for kind in (rows, csr_array(rows)))
    assert sparse == pytest.approx(dense)
    assert dense[4].tolist() == [0.5, 0.5]


# --- nearest votes ---------------------------------------------------------------------------------------------------


def test_nearest_votes_worked_by_hand() -> None:
    model = NearestVotes(neighbours=2).fit(SQUARE, [0, 1, 2, 0], sample_weight=np.array([1.0, 0.5, 1.0, 1.0]))
    # The two nearest to (0, 1) are itself, with weight .5 for 1, and (.6, .8), with the cosine .8 and weight 1 for 2.
    assert model.predict_proba(np.array([[0.0, 2.0]])) == pytest.approx(np.array([[0.0, 0.5, 0.8]]) / 1.3, abs=1e-5)
    assert model.predict(np.array([[0.0, 2.0]])).tolist() == [2]


def test_nearest_votes_predict_as_neighbours_weighed_by_cosine_and_in_blocks_of_any_number() -> None:
    inputs, truth = clouds([60, 60, 60], noise=0.6, seed=2)
    theirs = KNeighborsClassifier(7, metric="cosine", weights=lambda far: 1 - far).fit(inputs.vectors, truth)
    asked = unit(np.random.default_rng(5).normal(size=(1100, 8)))
    ours = NearestVotes(7).fit(inputs.vectors, truth)
    found = ours.predict_proba(asked)
    # Theirs counts a vote from the far side as less than nothing; ours as nothing.
    near = theirs.kneighbors(asked)[0].max(axis=1) < 0.99
    assert near.sum() > 500
    assert found[near] == pytest.approx(theirs.predict_proba(asked[near]), abs=1e-4)
    assert np.array_equal(ours.predict_proba(asked[1000:]), found[1000:])


def test_more_neighbours_than_there_are_is_all_of_them() -> None:
    found = NearestVotes(100).fit(SQUARE[:2], [0, 1]).predict_proba(np.array([[1.0, 1.0]]))
    assert found == pytest.approx(np.array([[0.5, 0.5]]))


# --- card votes ------------------------------------------------------------------------------------------------------


def test_card_votes_worked_by_hand() -> None:
    likeness = np.array([[0.3, 0.5, 0.4], [0.9, 0.1, 0.1]])
    model = CardVotes(sharpness=20.0).fit(likeness, [0, 1, 2])
    parts = np.exp(20 * likeness)
    assert model.predict_proba(likeness) == pytest.approx(parts / parts.sum(axis=1, keepdims=True))
    assert model.predict(likeness).tolist() == [1, 0]


def test_card_votes_want_a_card_for_each_class() -> None:
    with pytest.raises(ValueError, match="There are 3 cards for 2 classes; give as many, in the order of the classes"):
        CardVotes().fit(np.zeros((2, 3)), [0, 1])


# --- soft labels as rows ---------------------------------------------------------------------------------------------


@given(st.integers(1, 20), st.integers(1, 9), st.floats(0.05, 5), st.integers(0, 999))
@settings(max_examples=100, deadline=None)
def test_rows_of_a_document_weigh_as_much_as_it_and_are_its_likeliest_categories(n: int, k: int, sharp: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    soft, weights = random.dirichlet(np.full(k, sharp), n), random.choice([0.0, 0.3, 1.0, 2.5], n)
    rows, categories, shares = rows_of_soft(soft, weights)
    assert np.bincount(rows, shares, minlength=n) == pytest.approx(weights)
    assert (shares > 0).all()
    assert len(set(zip(rows.tolist(), categories.tolist(), strict=True))) == len(rows), "no category twice"
    for row in range(n):
        own = categories[rows == row]
        assert len(own) <= 5
        assert (len(own) > 0) == (weights[row] > 0)
        if len(own):
            assert soft[row, own].min() >= np.delete(soft[row], own).max(initial=0.0) or soft[row, own].min() >= 0.02
            assert soft[row].argmax() in own
            assert shares[rows == row] == pytest.approx(weights[row] * soft[row, own] / soft[row, own].sum())


def test_hard_labels_give_one_row_each_and_small_shares_none() -> None:
    rows, categories, shares = rows_of_soft(np.eye(7)[[3, 0, 6]])
    assert (rows.tolist(), categories.tolist(), shares.tolist()) == ([0, 1, 2], [3, 0, 6], [1.0, 1.0, 1.0])
    soft = np.array([[0.019, 0.75, 0.231, 0.0], [0.25, 0.25, 0.25, 0.25]])
    rows, categories, shares = rows_of_soft(soft, np.array([2.0, 1.0]))
    assert sorted(zip(rows.tolist(), categories.tolist(), shares.round(4).tolist(), strict=True)) == [
        (0, 1, round(1.5 / 0.981, 4)), (0, 2, round(0.462 / 0.981, 4)), (1, 0, 0.25), (1, 1, 0.25), (1, 2, 0.25), (1, 3, 0.25),
    ]  # fmt: skip


def test_of_very_many_categories_that_are_as_likely_five_count() -> None:
    rows, categories, shares = rows_of_soft(np.full((1, 100), 0.01))
    assert rows.tolist() == [0] * 5
    assert len(set(categories.tolist())) == 5
    assert shares == pytest.approx(np.full(5, 0.2))


# --- grids and kinds -------------------------------------------------------------------------------------------------


def test_grids_are_all_combinations_and_what_is_chosen_takes_the_place_of_the_usual() -> None:
    assert grid_of("logistic_regression") == [{"C": 1.0}, {"C": 3.0}, {"C": 10.0}]
    assert grid_of("logistic_regression", {"C": (0.5,)}) == [{"C": 0.5}]
    assert grid_of("lightgbm", {"max_depth": (3, 5), "num_leaves": (7, 15)}) == [
        {"max_depth": depth, "num_leaves": leaves} for depth in (3, 5) for leaves in (7, 15)
    ]
    for kind in KINDS:
        for point in grid_of(kind):
            assert make_estimator(kind, point, seed=1).get_params().items() >= point.items()


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    said = "no student is of the kind 'oracle'; the kinds are logistic_regression, lightgbm, mlp, neighbours, class_means, cards"
    with pytest.raises(ValueError, match=said):
        make_estimator("oracle", {}, seed=1)
    with pytest.raises(ValueError, match=said):
        grid_of("oracle")


@pytest.mark.parametrize(
    ("kind", "features"),
    [
        *((kind, features) for kind in ("logistic_regression", "lightgbm", "mlp") for features in (("embedding",), ("embedding", "words"))),
        ("logistic_regression", ("words",)),
        ("class_means", ("words",)),
        ("class_means", ("embedding",)),
        ("neighbours", ("embedding", "cards")),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_each_kind_learns_what_can_be_told_apart_from_dense_and_sparse_features(kind: str, features: tuple[str, ...]) -> None:
    workshop = Workshop(lesson((20, 20, 20), sure=0.9, noise=0.15), folds=3, seed=1)
    point = grid_of(kind)[0]
    voice = Voice("one", kind, features)
    asked, truth = clouds((30, 30, 30), noise=0.15, seed=7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = workshop.fit(voice, point)
        found = model.predict_proba(asked)
        unseen = workshop.unseen(voice, point)
    assert found.sum(axis=1) == pytest.approx(np.ones(90))
    assert (found.argmax(axis=1) == truth).mean() > 0.9
    assert (unseen.argmax(axis=1) == workshop.material.soft.argmax(axis=1)).mean() > 0.9
    again = Workshop(lesson((20, 20, 20), sure=0.9, noise=0.15), folds=3, seed=1).fit(voice, point).predict_proba(asked)
    assert np.array_equal(found, again)


def test_a_perceptron_that_is_cut_short_is_used_without_a_warning() -> None:
    material = lesson((20, 20), noise=1.0)
    raw = make_estimator("mlp", {"hidden_layer_sizes": (2,), "tol": 1e-12}, seed=1)
    with pytest.warns(ConvergenceWarning):
        raw.fit(material.labelled.vectors, material.soft.argmax(axis=1))
    voice = Voice("short", "mlp", chosen=(("hidden_layer_sizes", ((2,),)), ("tol", (1e-12,))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Workshop(material, folds=2, seed=1).fit(voice, voice.grid[0])
    assert model.steps[-1][1].n_iter_ == 300, "it was cut short"
