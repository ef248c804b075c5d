"""Labels that went missing: made up for as far as classifiers tell, and not where none did."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict

from pipeline.students.missing import likely_labels, named_shares, rows_of_likely

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Floats, Bools]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, k = draw(st.integers(0, 30)), draw(st.integers(1, 4))
    unseen = random.uniform(size=(n, k)) if draw(st.booleans()) else random.integers(0, 2, (n, k)).astype(np.float64)
    return unseen, random.uniform(size=(n, k)) < draw(st.sampled_from([0.0, 0.2, 1.0]))


@given(cases())
@settings(max_examples=80, deadline=None)
def test_what_is_named_applies_and_all_else_has_a_probability(case: tuple[Floats, Bools]) -> None:
    unseen, named = case
    likely, shares = likely_labels(unseen, named), named_shares(unseen, named)
    assert likely.shape == named.shape and np.all((likely >= 0) & (likely <= 1)) and np.all(likely[named] == 1)
    assert np.all((shares >= 0.05) & (shares <= 1))
    assert np.all(likely[:, ~named.any(axis=0)] == 0)  # nothing is known of a label that nobody named


@given(cases())
@settings(max_examples=80, deadline=None)
def test_each_document_weighs_one_whole_when_laid_out(case: tuple[Floats, Bools]) -> None:
    likely = likely_labels(*case)[:, 0]
    rows, applies, weights = rows_of_likely(likely)
    assert np.all(weights > 0)
    np.testing.assert_allclose(np.bincount(rows, weights=weights, minlength=len(likely)), 1.0)
    np.testing.assert_allclose(np.bincount(rows[applies], weights=weights[applies], minlength=len(likely)), likely)


def test_half_the_labels_are_made_up_for() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2000, 5))
    truth = random.uniform(size=2000) < 1 / (1 + np.exp(-6 * vectors[:, 0]))
    named = truth & (random.uniform(size=2000) < 0.5)
    model = LogisticRegression(C=10)
    unseen = cross_val_predict(model, vectors, named, cv=5, method="predict_proba")[:, 1:]
    assert 0.35 < named_shares(unseen, named[:, None])[0] < 0.6
    rows, applies, weights = rows_of_likely(likely_labels(unseen, named[:, None])[:, 0])
    as_negatives = model.fit(vectors[:1500], named[:1500]).predict(vectors[1500:])
    made_up_for = model.fit(vectors[rows], applies, sample_weight=weights).predict(vectors[1500:])
    assert f1_score(truth[1500:], made_up_for) > f1_score(truth[1500:], as_negatives) + 0.1


def test_nothing_is_made_up_where_classifiers_are_sure_of_what_is_named() -> None:
    named = np.array([[True], [True], [False], [False]])
    likely = likely_labels(np.array([[1.0], [1.0], [0.3], [0.1]]), named)
    np.testing.assert_allclose(likely[:, 0], [1, 1, 0, 0])


def test_columns_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        named_shares(np.zeros((2, 3)), np.zeros((2, 2), dtype=bool))
