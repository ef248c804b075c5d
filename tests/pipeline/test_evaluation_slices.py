"""Parts of the corpus are measured as the whole is, and a warning means a difference that chance does not make."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from pipeline.evaluation import Judged, evaluate, evaluation_id
from pipeline.evaluation.judged import Finding
from pipeline.evaluation.scores import Score, scores_of
from pipeline.evaluation.slices import by_length, by_rarity, by_time, parted_figures
from pipeline.intervals import difference
from pipeline.records import Evaluation

NAMES = {"c1": "One", "c2": "Two"}


def judged(slices: Mapping[str, set[str]], *, named: bool = True) -> Judged:
    texts = [f"t{number:02}" for number in range(60)]
    gold = {text: ("One" if number % 2 else "Two") if named else ("g" if number % 2 else "h") for number, text in enumerate(texts)}
    right = {text: "c1" if number % 2 else "c2" for number, text in enumerate(texts)}
    wrong = {text: "c1" if label == "c2" else "c2" for text, label in right.items()}
    taught = {text: (wrong if text < "t12" else right)[text] for text in texts[:50]}
    return Judged(set(texts), taught, set(texts[20:]), right | {"t59": "c2"}, {}, {}, gold, NAMES, slices=slices)


def rows(found: Judged) -> dict[tuple[str, str, str], Evaluation]:
    return {(row.subject, row.metric, row.slice): row for row in evaluate(found, resamples=20, seed=1)}


@pytest.mark.parametrize("named", [True, False])
def test_each_share_of_a_slice_is_that_of_its_documents(named: bool) -> None:
    part = {f"t{number:02}" for number in range(24)} | {f"t{number}" for number in range(55, 60)}
    found = rows(judged({"language=de": part}, named=named))
    accuracy = "exact_accuracy" if named else "accuracy"
    assert {key[:2] for key in found if key[2] == "language=de" and not key[1].endswith("_much_worse")} == {
        *(("teacher", metric) for metric in ("coverage", "none_fits", "unsure", "failed", accuracy)), ("student", "agreement"), ("student", accuracy)
    }  # fmt: skip
    assert (found["teacher", accuracy, "language=de"].value, found["teacher", accuracy, "language=de"].n) == (pytest.approx(12 / 29), 29)
    assert found["teacher", "failed", "language=de"].value == pytest.approx(5 / 29)
    assert found["student", "agreement", "language=de"].n == 4
    assert found["student", accuracy, "language=de"].value == pytest.approx(28 / 29)


def test_a_small_slice_is_held_against_the_matching_of_the_whole_corpus() -> None:
    part = {f"t{number:02}" for number in range(12)}  # where every label is wrong: matched by itself, it would be perfect
    assert rows(judged({"words<=3": part}, named=False))["teacher", "accuracy", "words<=3"].value == 0.0


def test_the_id_hangs_on_the_slices_and_nothing_is_compared_without_any() -> None:
    ids = {evaluation_id(judged(parts), resamples=20, seed=1) for parts in ({}, {"a": {"t1"}}, {"a": {"t2"}}, {"b": {"t2"}})}
    assert len(ids) == 4
    assert {slice_ for _, _, slice_ in rows(judged({}))} == {"all", "held_out"}


def test_a_slice_that_is_much_worse_is_warned_of_with_the_gap() -> None:
    found = rows(judged({"words<=3": {f"t{number:02}" for number in range(12)}, "words>3": {f"t{number:02}" for number in range(12, 60)}}))
    warned = {key: row for key, row in found.items() if key[1].endswith("_much_worse")}
    assert set(warned) == {("teacher", "exact_accuracy_much_worse", "words<=3")}
    (row,) = warned.values()
    assert (row.value, row.n, row.judge) == (pytest.approx(0 - 38 / 48), 12, "gold labels")
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.value < row.high < 0


def scored(parts: Mapping[str, tuple[int, int]]) -> tuple[Score, dict[str, set[str]]]:
    """Make parts of so many hits among so many documents."""
    hits = {f"{name}-{number}": number < right for name, (right, n) in parts.items() for number in range(n)}
    return Score("student", "agreement", "the teacher", hits), {name: {text for text in hits if text.startswith(f"{name}-")} for name in parts}


def warned(parts: Mapping[str, tuple[int, int]]) -> list[Finding]:
    score, there = scored(parts)
    return [finding for finding in parted_figures([score], there) if finding.metric.endswith("_much_worse")]


def test_a_gap_that_is_certain_but_small_and_one_that_may_be_chance_are_no_warning() -> None:
    assert not warned({"a": (90_000, 100_000), "b": (94_000, 100_000)})
    assert not warned({"a": (8, 10), "b": (95, 100)})
    assert [finding.slice for finding in warned({"a": (60, 100), "b": (950, 1000)})] == ["a"]


def test_the_more_parts_are_looked_at_the_more_a_warning_takes() -> None:
    # By itself, 14 of 20 beside 180 of 200 has a chance of about 0.015; among twenty parts something like it is to be expected.
    assert fisher_exact([[14, 6], [180, 20]], alternative="less").pvalue < 0.05
    assert [finding.slice for finding in warned({"a": (14, 20), "b": (180, 200)})] == ["a"]
    assert not warned({"a": (14, 20), **{f"b{number}": (9, 10) for number in range(20)}})


def test_chance_alone_gives_a_warning_in_few_corpora() -> None:
    random = np.random.default_rng(4)
    corpora = sum(bool(warned({f"p{part}": (int(random.binomial(40, 0.7)), 40) for part in range(15)})) for _ in range(200))
    assert corpora <= 20  # 10 are expected of 200 at most; more than 20 would come about once in 500 such tests


def test_coverage_that_fails_in_one_part_is_warned_of_though_nothing_is_known() -> None:
    found = judged({"language=xx": {f"t{number}" for number in range(50, 60)}, "language=de": {f"t{number:02}" for number in range(50)}})
    without = Judged(found.asked, found.taught, found.held_out, found.predicted, {}, {}, {}, NAMES, slices=found.slices)
    assert ("teacher", "coverage_much_worse", "language=xx") in rows(without)


def test_texts_are_parted_by_length_into_thirds() -> None:
    assert by_length({f"t{words}": words for words in range(1, 10)}) == {
        "words<=3": {"t1", "t2", "t3"}, "words 4 to 6": {"t4", "t5", "t6"}, "words>6": {"t7", "t8", "t9"}
    }  # fmt: skip
    assert by_length({"a": 5, "b": 5, "c": 5, "d": 9}) == {"words<=5": {"a", "b", "c"}, "words>5": {"d"}}
    assert by_length({}) == {}


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 40), min_size=1))
def test_each_text_has_one_length(words: dict[str, int]) -> None:
    parts = by_length(words)
    assert sorted(text for texts in parts.values() for text in texts) == sorted(words)


def test_texts_are_parted_by_month_or_by_week_where_there_are_few_months() -> None:
    first = datetime(2026, 1, 5, 23)
    weeks = by_time({"a": first, "b": first + timedelta(days=6), "c": first + timedelta(days=9)})
    assert weeks == {"week=2026-W02": {"a", "b"}, "week=2026-W03": {"c"}}
    assert by_time({"a": first, "b": first + timedelta(days=200)}) == {"month=2026-01": {"a"}, "month=2026-07": {"b"}}
    assert by_time({}) == {}


def test_rare_labels_are_those_of_few_documents() -> None:
    labels = {f"a{n}": "a" for n in range(990)} | {f"b{n}": "b" for n in range(19)} | {f"c{n}": "c" for n in range(21)}
    assert by_rarity(labels)["label=rare"] == {f"b{n}" for n in range(19)}
    assert by_rarity({f"a{n}": "a" for n in range(30)} | {"b": "b"}) == {"label=rare": {"b"}, "label=frequent": {f"a{n}" for n in range(30)}}
    assert by_rarity({f"{label}{n}": label for label in "abc" for n in range(5)}) == {}, "where all are rare, there is nothing to compare"


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10: 56 of 70 less 48 of 80 is 0.2, 0.0524 to 0.3339.
    assert difference((56, 70), (48, 80)) == (pytest.approx(0.2), pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_scores_name_every_document_that_had_to_be_labelled() -> None:
    found = {(score.subject, score.metric): score for score in scores_of(judged({}))}
    assert len(found["teacher", "exact_accuracy"].hits) == len(found["teacher", "failed"].hits) == 60
    assert sum(found["teacher", "failed"].hits.values()) == 10
