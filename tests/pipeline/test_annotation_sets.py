"""All that apply: thresholds learnt from known sets, metrics against scikit-learn, and sets of gold labels as one text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from pipeline.annotation import fit_set_thresholds
from pipeline.evaluation import set_figures
from pipeline.gold import gold_labels, join_gold
from pipeline.set_thresholds import DEFAULT, Flags, Floats


def shared(n: int, seed: int) -> tuple[Floats, Flags]:
    """Simulate documents with one or two labels of five, and probabilities that the labels share between them."""
    random = np.random.default_rng(seed)
    truth = np.zeros((n, 5), dtype=bool)
    truth[np.arange(n), random.integers(0, 5, n)] = True
    truth[np.arange(n)[: n // 3], random.integers(0, 5, n // 3)] = True
    order = random.permutation(n)
    truth = truth[order]
    probabilities = truth / truth.sum(axis=1, keepdims=True) * 0.8 + random.dirichlet(np.ones(5), n) * 0.2
    return probabilities, truth


def test_a_label_that_shares_a_document_is_found_below_one_half() -> None:
    probabilities, truth = shared(400, 1)
    thresholds = fit_set_thresholds(probabilities[:200], truth[:200])
    assert thresholds.fitted_on == 200
    assert all(0.15 < value < 0.45 for value in thresholds.values)
    assert (thresholds.applies(probabilities[200:]) == truth[200:]).all(axis=1).mean() > 0.95


def test_few_known_documents_teach_no_threshold() -> None:
    probabilities, truth = shared(29, 1)
    assert fit_set_thresholds(probabilities, truth).values == (DEFAULT,) * 5


def test_a_rare_category_stays_near_the_common_threshold() -> None:
    probabilities, truth = shared(300, 2)
    truth[:, 4] = False
    truth[0, 4], probabilities[0] = True, [0.02, 0.02, 0.02, 0.02, 0.92]
    values = fit_set_thresholds(probabilities, truth).values
    assert values[4] == pytest.approx(float(np.median(values[:4])), abs=0.12), "one document of it says little"


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_the_best_category_always_applies(seed: int) -> None:
    probabilities, truth = shared(40, seed)
    flags = fit_set_thresholds(probabilities, truth).applies(probabilities)
    assert flags[np.arange(40), probabilities.argmax(axis=1)].all()


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_sets_are_scored_as_scikit_learn_scores_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, found = random.random((30, 4)) < 0.4, random.random((30, 4)) < 0.4
    truth[0], found[0] = True, True  # so that every label is borne and found
    sets = [[{str(place) for place in np.flatnonzero(row)} for row in rows] for rows in (truth, found)]
    figures = set_figures(sets[0], sets[1], resamples=20, seed=0)
    assert figures["micro_f1"].value == pytest.approx(f1_score(truth, found, average="micro"))
    assert figures["macro_f1"].value == pytest.approx(f1_score(truth, found, average="macro"))
    assert figures["exact_match"].value == pytest.approx(accuracy_score(truth, found))
    both = zip(truth, found, strict=True)
    assert figures["jaccard"].value == pytest.approx(np.mean([jaccard_score(a, b) if (a | b).any() else 1.0 for a, b in both]))
    assert all(figure.low <= figure.high and figure.n == 30 for figure in figures.values())


@given(st.lists(st.text(min_size=1, max_size=8), max_size=4))
def test_names_come_back_from_one_text(names: list[str]) -> None:
    joined = join_gold(names)
    assert (joined is None) == (not names)
    if joined is not None and not (len(names) == 1 and joined.startswith('["')):
        assert gold_labels(joined) == tuple(names)


def test_a_name_that_looks_like_a_list_stands_for_itself() -> None:
    assert gold_labels('["not a list') == ('["not a list',)
    assert gold_labels("billing") == ("billing",)
