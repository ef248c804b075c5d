"""Two labellers of the same texts are compared as pairs, and no difference is told that chance explains."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from pipeline.evaluation import Judged, evaluate
from pipeline.evaluation.paired import gain, mcnemar
from pipeline.records import Evaluation

HITS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)
TEXTS = [f"t{number:03}" for number in range(120)]
NAMES = {"c1": "One", "c2": "Two", "c3": "Three"}
IDS = {name: key for key, name in NAMES.items()}


@given(HITS)
@settings(deadline=None)
def test_the_p_of_mcnemar_is_that_of_statsmodels(hits: list[tuple[bool, bool]]) -> None:
    one, other = zip(*hits, strict=True)
    table = np.zeros((2, 2))
    for pair in hits:
        table[int(pair[0]), int(pair[1])] += 1
    assert mcnemar(one, other) == pytest.approx(float(statsmodels_mcnemar(table, exact=True).pvalue))


@given(HITS)
@settings(deadline=None, max_examples=30)
def test_a_gain_is_the_difference_of_the_shares_and_turns_round_with_its_sides(hits: list[tuple[bool, bool]]) -> None:
    one, other = zip(*hits, strict=True)
    ours, theirs = (gain(*sides, resamples=200, seed=1) for sides in ((one, other), (other, one)))
    assert ours.value == pytest.approx(np.mean(one) - np.mean(other)) == pytest.approx(-theirs.value)
    assert ours.low - 1e-9 <= ours.value <= ours.high + 1e-9
    assert ours.n == len(hits)


def test_pairs_tell_what_two_shares_would_not() -> None:
    # 80 and 85 of 100 right: as two shares within chance, as pairs that differ on 5 texts alone and always one way, not.
    one, other = [True] * 85 + [False] * 15, [True] * 80 + [False] * 20
    found = gain(one, other, resamples=2000, seed=1)
    assert (found.value, found.n) == (pytest.approx(0.05), 100)
    assert 0 < found.low < 0.05 < found.high < 0.11
    assert mcnemar(one, other) == pytest.approx(2 * 0.5**5)


def test_texts_that_are_not_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 2 texts"):
        mcnemar([True] * 3, [True] * 2)


def judged(**changes: Any) -> Judged:
    """Judge labels of 120 texts: gold by turns, a student right on all but every tenth, a teacher right on all but every fifth."""
    gold = {text: list(IDS)[place % 3] for place, text in enumerate(TEXTS)}
    off = {"c1": "c2", "c2": "c3", "c3": "c1"}

    def wrong_on_each(step: int) -> dict[str, str | None]:
        return {text: off[IDS[gold[text]]] if place % step == 0 else IDS[gold[text]] for place, text in enumerate(TEXTS)}

    parts: dict[str, Any] = {
        "asked": set(TEXTS), "taught": wrong_on_each(5), "held_out": set(TEXTS[60:]), "predicted": wrong_on_each(10),
        "baseline": dict.fromkeys(TEXTS, "k1"), "cited": {}, "gold": gold, "names": NAMES, "rivals": {"tfidf": wrong_on_each(10)},
    }  # fmt: skip
    return Judged(**parts | changes)


def rows(found: Judged) -> dict[tuple[str, str, str], Evaluation]:
    return {(row.subject, row.metric, row.slice): row for row in evaluate(found, resamples=200, seed=1)}


def test_teacher_and_student_are_compared_with_every_baseline_on_all_and_on_held_out_texts() -> None:
    found = rows(judged())
    for one in ("teacher", "student"):
        for other in ("baseline", "majority", "random", "tfidf"):
            for slice_, n in (("all", 120), ("held_out", 60)):
                row = found[one, f"gain_over_{other}", slice_]
                assert (row.n, row.judge) == (n, "gold labels, paired bootstrap")
                assert row.low is not None and row.high is not None and row.low <= row.value <= row.high
                assert 0 <= found[one, f"mcnemar_p_{other}", slice_].value <= 1
    assert found["student", "gain_over_teacher", "all"].value == pytest.approx(0.1)
    assert found["student", "mcnemar_p_teacher", "all"].value == pytest.approx(2 * 0.5**12)  # the 12 texts that the teacher alone has wrong
    same = found["student", "gain_over_tfidf", "all"]
    assert (same.value, same.low, same.high, found["student", "mcnemar_p_tfidf", "all"].value) == (0, 0, 0, 1)


def test_where_names_differ_the_matching_is_fitted_in_every_resample() -> None:
    """A labeller without any knowledge gains from matching what the clusters gain as well, and no more."""
    random = np.random.default_rng(3)
    other_names = {text: f"label {name}" for text, name in judged().gold.items()}
    lots = {text: f"c{random.integers(1, 4)}" for text in TEXTS}
    clusters = {text: f"k{random.integers(1, 4)}" for text in TEXTS}
    found = rows(judged(gold=other_names, predicted=lots, baseline=clusters))
    row = found["student", "gain_over_baseline", "all"]
    assert row.low is not None and row.high is not None and row.low < 0 < row.high
    assert found["student", "mcnemar_p_baseline", "all"].value > 0.05
    assert found["teacher", "gain_over_baseline", "all"].low > 0.2  # type: ignore[operator]
    assert found["teacher", "gain_over_majority", "all"].value == pytest.approx(0.8 - 1 / 3)


def test_without_gold_the_student_is_compared_by_its_agreement_with_the_teacher() -> None:
    found = rows(judged(gold={}))
    row = found["student", "agreement_gain_over_majority", "held_out"]
    assert (row.judge, row.n) == ("the teacher, paired bootstrap", 60)
    assert row.value == pytest.approx(0.9 - found["majority", "agreement", "held_out"].value)
    assert not [key for key in found if key[1].startswith("gain_over")]
